"""Reads the file of Celery's own scheduler: a dbm with pickles in it, of which no code is run. Needs Celery.

The scheduler holds it open, and some kinds of dbm lock it: a copy is read.
"""

import dbm
import io
import pickle
import shutil
import tempfile
import zoneinfo
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry

from health_cli.core.guard import Crash, attempt

ENDINGS = ("", ".db", ".dat", ".dir", ".bak", ".pag", "-wal")  # of the kinds of dbm that Python knows
ENTRIES = b"entries"
# All that the pickle of a schedule is made of, and nothing that does anything when it is called.
KNOWN = {
    "celery.beat": {"ScheduleEntry"},
    "celery.schedules": {"schedule", "crontab", "solar"},
    "datetime": {"datetime", "timedelta", "timezone"},
    "zoneinfo": {"ZoneInfo"},
    "builtins": {"set", "frozenset"},
    "copyreg": {"_reconstructor"},
}


class Unreadable(Exception):
    """Why the entries can't be read."""


def files_of(path: str) -> list[str]:
    """Return the files that a schedule consists of, none where there is none."""
    found = [f"{path}{ending}" for ending in ENDINGS if Path(f"{path}{ending}").is_file()]
    return found if any(not name.endswith("-wal") for name in found) else []


def written_at(files: Sequence[str]) -> float:
    """Return when the last of them was written, in seconds since 1970."""
    return max(Path(name).stat().st_mtime for name in files)


def entries_of(files: Sequence[str]) -> list[Any]:
    """Return the entries of a schedule; Unreadable says why that can't be done."""
    with tempfile.TemporaryDirectory(prefix="health-cli-") as folder:
        content = attempt(lambda: _content(files, Path(folder)))
    if isinstance(content, Crash):
        raise Unreadable(f"the file can't be read: {content.name}: {content.text}")
    entries = attempt(lambda: list(_Reader(io.BytesIO(content)).load().values()))
    if isinstance(entries, Crash):
        raise Unreadable(f"its entries can't be read: {entries.text}")
    if not all(isinstance(entry, ScheduleEntry) for entry in entries):
        raise Unreadable("its entries can't be read: they are not Celery's own")
    return entries


def _content(files: Sequence[str], folder: Path) -> bytes:
    """Return the pickle of all entries, out of a copy of the files."""
    base = Path(files[0]).name
    for name in files:
        shutil.copyfile(name, folder / Path(name).name)
    for ending in ENDINGS[1:]:
        base = base.removesuffix(ending)
    with dbm.open(str(folder / base), "r") as content:
        return bytes(content[ENTRIES])


class _Reader(pickle.Unpickler):
    """Makes the objects of a schedule alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _zone  # how a zone is made: getattr(ZoneInfo, "_unpickle")
        if name not in KNOWN.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is none of Celery's own schedules")
        return getattr(import_module(module), name)


def _zone(owner: Any, name: str) -> Any:
    if owner is not zoneinfo.ZoneInfo or name != "_unpickle":
        raise pickle.UnpicklingError(f"{name} is no part of a time zone")
    return zoneinfo.ZoneInfo._unpickle  # type: ignore[attr-defined]  # what its own pickle calls
