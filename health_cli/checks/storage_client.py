"""Writes to a storage of Django's, or looks into it. Loaded only when that is asked for."""

import errno
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

from health_cli.checks.project import loaded
from health_cli.core.errors import Failure, Skipped
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Memory
from health_cli.core.status import Status

T = TypeVar("T")
PREFIX = "health-cli-probe-"
SIZE = 1_024  # bytes that are written, and at most read
NOTHING_WRITTEN = "nothing is written: read_only is set"


def probe(alias: str, memory: Memory) -> Measurement:
    """Write a file, read it, compare, and delete it; Failure where one of these fails.

    One that could not be deleted is remembered, and deleted before another is written.
    """
    storage, content = _storage(alias), os.urandom(SIZE)
    _clear(storage, memory)
    name = f"{PREFIX}{os.urandom(8).hex()}"
    try:
        name, write_time = _step(storage, "write to", lambda: storage.save(name, ContentFile(content)))
        back, read_time = _step(storage, "read from", lambda: _read(storage, name))
    except Failure:
        if isinstance(attempt(lambda: storage.delete(name)), Crash):  # on a full disk, half of it is there
            memory.save({"left": name})
        raise
    try:
        delete_time = _delete(storage, name)
    except Failure:
        memory.save({"left": name})
        raise
    if back != content:
        raise Failure(
            Kind.CRASHED, f"{_place(storage)} gave back {len(back)} bytes that are not the {SIZE} written.",
            summary="gives back something else", hint="Is there a cache, or a second machine, between?",
        )  # fmt: skip
    there = attempt(lambda: storage.exists(name)) is True  # who may not ask that may well do all else
    if there:
        memory.save({"left": name})
    values = {"write_time": write_time, "read_time": read_time, "delete_time": delete_time}
    return Measurement(values=values, facts={"storage": _place(storage), **({"left": [name]} if there else {})})


def look(alias: str, file: str) -> Measurement:
    """Look for a file, and read its beginning; without one list what is at the top.

    To ask for a file that is not there would not do: storages answer no for a bucket that is missing, too.
    """
    storage = _storage(alias)
    missing = dict.fromkeys(("write_time", "delete_time"), NOTHING_WRITTEN)
    if not file:
        _, took = _step(storage, "list", lambda: storage.listdir(""))
        return Measurement(values={"read_time": took}, missing=missing, facts={"storage": _place(storage)})
    there, found_time = _step(storage, "look into", lambda: storage.exists(file))
    if not there:
        raise Failure(
            Kind.MISSING, f"{_place(storage)} has no file {file}.", summary=f"no file {file}",
            hint="Is it the right storage, and mounted? Or correct 'file' in the check's OPTIONS.",
        )  # fmt: skip
    _, read_time = _step(storage, "read from", lambda: _read(storage, file))
    return Measurement(
        values={"read_time": found_time + read_time}, missing=missing, facts={"storage": _place(storage)}
    )


def _storage(alias: str) -> Any:
    storage = loaded(lambda: storages[alias])
    if isinstance(storage, Crash):
        raise Failure(
            Kind.MISCONFIGURED, f"The storage '{alias}' can't be made: {storage.name}: {storage.text}",
            summary="no storage", hint=f"Correct STORAGES['{alias}'].",
        )  # fmt: skip
    if isinstance(storage, FileSystemStorage) and not storage.base_location:
        raise Skipped("MEDIA_ROOT is not set: no file is kept here.", summary="no files are kept")
    if isinstance(storage, FileSystemStorage) and not os.path.isdir(storage.location):
        raise Failure(
            Kind.MISSING, f"The folder {storage.location} is not there.", summary="no such folder",
            hint="Is its disk mounted? The application would make the folder at its first upload; we don't.",
        )  # fmt: skip
    return storage


def _clear(storage: Any, memory: Memory) -> None:
    """Delete what an earlier run could not delete; Failure where it is there still."""
    left = str(memory.load().get("left") or "")
    if not left.startswith(PREFIX):
        return
    deleted = attempt(lambda: _delete(storage, left))
    if attempt(lambda: storage.exists(left)) is False:
        memory.save({})
    elif isinstance(deleted, Crash):
        raise deleted.error
    else:
        raise Failure(
            Kind.READ_ONLY, f"The file {left} was deleted, and is there still: no other is written.",
            summary="deletes nothing", status=Status.WARNING,
            hint="Does the storage keep what is deleted? Then set 'read_only' in its OPTIONS, and delete what we left.",
        )  # fmt: skip


def _delete(storage: Any, name: str) -> float:
    """Delete a file; return the seconds that took. Failure names the file."""
    _, took = _step(storage, f"delete {name} from", lambda: storage.delete(name))
    return took


def _read(storage: Any, name: str) -> bytes:
    with storage.open(name, "rb") as file:
        content = file.read(SIZE + 1)
    if not isinstance(content, bytes):
        raise TypeError(f"it gives {type(content).__name__}, no bytes")
    return content


# errno -> (kind, what to do).
_ERRORS: dict[int | None, tuple[Kind, str]] = {
    errno.EACCES: (Kind.AUTH, "Run health as the user of the web server, or let this one write there."),
    errno.EPERM: (Kind.AUTH, "Run health as the user of the web server, or let this one write there."),
    errno.EROFS: (Kind.READ_ONLY, "Its file system is mounted read-only: see dmesg, or set 'read_only'."),
    errno.ENOSPC: (Kind.FULL, "Free some space: nothing can be uploaded."),
    errno.EDQUOT: (Kind.FULL, "The quota is used up: nothing can be uploaded."),
    errno.ENOENT: (Kind.MISSING, "What was just written is gone: do two machines share this storage?"),
}
_OTHER = (Kind.REFUSED, "Try it by hand: manage.py shell, then storages[...].listdir('')")


def _step(storage: Any, what: str, call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call gives and the seconds it took; Failure for what it raises, whatever that is."""
    began = time.monotonic()
    given = attempt(call)
    if isinstance(given, Crash):
        number = given.error.errno if isinstance(given.error, OSError) else None
        kind, hint = _ERRORS.get(number, _OTHER)
        kind = Kind.TIMEOUT if isinstance(given.error, TimeoutError) else kind
        raise Failure(
            kind, f"To {what} {_place(storage)} fails: {given.name}: {given.text}",
            summary=f"{what.partition(' ')[0]}: {given.name}", hint=hint,
        )  # fmt: skip
    return given, time.monotonic() - began


def _place(storage: Any) -> str:
    """Return what a storage is called: its folder, or its class."""
    return str(storage.location) if isinstance(storage, FileSystemStorage) else type(storage).__name__
