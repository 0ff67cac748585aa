"""Reads the file of Celery's own scheduler: a dbm with pickles in it, of which no code is run. Needs Celery.

The scheduler holds it open, and some kinds of dbm lock it: a copy is read.
"""

import dbm
import io
import os
import pickle
import shutil
import stat
import tempfile
import zoneinfo
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry

from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.status import Status

ENDINGS = ("", ".db", ".dat", ".dir", ".bak", ".pag", "-wal")  # of the kinds of dbm that Python knows
ENTRIES = b"entries"
MOST = 16 << 20  # bytes; a schedule of thousands of tasks has less than one MiB
# All that the times of a schedule are made of; none of them does anything else when it is called. Of ours, and not
# Celery's own, are the classes that a pickle could change.
OURS = {"celery.beat": {"ScheduleEntry"}, "celery.schedules": {"schedule", "crontab", "solar"}}
KNOWN = {
    "datetime": {"datetime", "timedelta", "timezone"},
    "zoneinfo": {"ZoneInfo"},
    "builtins": {"set", "frozenset"},
}


class Unreadable(Exception):
    """Why the entries can't be read; `denied` where this user may not."""

    def __init__(self, text: str, *, denied: bool = False) -> None:
        super().__init__(text)
        self.denied = denied


def files_of(path: str) -> list[str]:
    """Return the files that a schedule consists of, none where there is none."""
    found = [f"{path}{ending}" for ending in ENDINGS if _is_file(f"{path}{ending}")]
    return found if any(not name.endswith("-wal") for name in found) else []


def _is_file(path: str) -> bool:
    """Tell whether there is such a file; Failure where that can't be looked at."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError as error:
        raise Failure(
            Kind.AUTH, f"{path} can't be looked at: {error.strerror}.", summary="not readable", status=Status.UNKNOWN,
            hint="Run health as the user of beat, or let this one enter the folder and read the file.",
        ) from error  # fmt: skip
    except OSError:  # there is none, or a part of the path is no folder
        return False


def written_at(files: Sequence[str]) -> float:
    """Return when the last of them was written, in seconds since 1970."""
    return max(Path(name).stat().st_mtime for name in files)


def entries_of(files: Sequence[str]) -> list[Any]:
    """Return the entries of a schedule; Unreadable says why that can't be done."""
    if sum(Path(name).stat().st_size for name in files) > MOST:
        raise Unreadable(f"the file has more than {MOST >> 20} MiB: it is no schedule")
    content = attempt(lambda: _content(files))
    if isinstance(content, Crash):
        denied = isinstance(content.error, PermissionError)
        raise Unreadable(f"the file can't be read: {content.name}: {content.text}", denied=denied)
    entries = attempt(lambda: list(_Reader(io.BytesIO(content)).load().values()))
    if isinstance(entries, Crash):
        raise Unreadable(f"its entries can't be read: {entries.text}")
    if not all(isinstance(entry, ScheduleEntry) for entry in entries):
        raise Unreadable("its entries can't be read: they are not Celery's own")
    return entries


def _content(files: Sequence[str]) -> bytes:
    """Return the pickle of all entries, out of a copy of the files."""
    base = Path(files[0]).name
    for ending in ENDINGS[1:]:
        base = base.removesuffix(ending)
    with tempfile.TemporaryDirectory(prefix="health-cli-") as folder:
        for name in files:
            shutil.copyfile(name, Path(folder) / Path(name).name)
        with dbm.open(str(Path(folder) / base), "r") as content:
            return bytes(content[ENTRIES])


class _Unknown(dict[Any, Any]):
    """In the place of what is none of a schedule's times: the arguments of a task may be anything."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __call__(self, *_: Any, **__: Any) -> "_Unknown":
        return self

    def __setstate__(self, state: Any) -> None:
        """Take it, and leave it."""

    def __hash__(self) -> int:  # type: ignore[override]  # it may be in a set
        return id(self)

    append = extend = add = __call__


class _Reader(pickle.Unpickler):
    """Makes the objects of a schedule alone; what it is told to make of any other class does nothing."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self._made: dict[str, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return partial(_part_of)  # how a zone is made: its own pickle asks for it
        if name in KNOWN.get(module, ()):
            return getattr(import_module(module), name)
        if name in OURS.get(module, ()):
            own = getattr(import_module(module), name)
            return self._made.setdefault(name, type(name, (own,), {}))
        return type("_Unknown", (_Unknown,), {})


def _part_of(owner: Any, name: str) -> Any:
    if owner is zoneinfo.ZoneInfo and name == "_unpickle":
        return zoneinfo.ZoneInfo._unpickle  # type: ignore[attr-defined]  # what its own pickle calls
    return _Unknown()
