"""Spool: the one way into the record. A run is a file first, and stays one until the database has it.

A file holds one line of JSON and its SHA-256 below. Runs are numbered in the order in which they were decided, and
loaded in that order. Files are only made by who has the lock of the state: what was never renamed is of a writer that
was killed, and is renamed by whoever has the lock next, if it is whole.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from health_cli.core.report import Report
from health_cli.history.alerts import Memory
from health_cli.history.place import Place, make_folder, write_whole

SCHEMA = "health-cli-run/1"
AT_ONCE = 500  # runs that are read to know what the last of them left: a backlog may be of weeks


class SpooledRun(NamedTuple):
    """A run on its way into the record.

    `serial` is its number on this host, `at` when it began, in seconds since the epoch. `complete` tells that all
    checks there are were to run. `state` has what alerting remembers after it, what it has to tell, and who knew of
    which alerts before; `opened` are the checks whose alerts it opened, and `ended` says why each alert that it ended
    did, by the name of its check. `renamed` is the name under which this host recorded before, where it has another
    now. `project` is the name of the state folder.
    """

    serial: int
    uuid: str
    at: float
    trigger: str
    complete: bool
    report: Mapping[str, Any]
    state: Mapping[str, Any]
    opened: Sequence[str]
    ended: Mapping[str, str]
    renamed: str = ""
    project: str = ""

    def text(self) -> str:
        """Write it with its checksum."""
        body = json.dumps({"schema": SCHEMA, **self._asdict()}, allow_nan=False, separators=(",", ":"))
        return f"{body}\n{sha256(body.encode()).hexdigest()}\n"

    @classmethod
    def parse(cls, text: str) -> "SpooledRun":
        """Read what `text` wrote; ValueError where it is not that, with the reason."""
        body, _, rest = text.partition("\n")
        if rest != f"{sha256(body.encode()).hexdigest()}\n":
            raise ValueError("it is cut short or was changed")
        data = json.loads(body)
        if data.pop("schema", None) != SCHEMA or data.keys() != set(cls._fields):
            raise ValueError("another version of health-cli wrote it")
        run = cls(**data)
        run.check()
        return run

    def check(self) -> None:
        """ValueError where the report, or what is remembered after it, is nothing that this version understands."""
        try:
            Report.from_json(self.report)
            for memory in self.state["checks"].values():
                Memory.from_json(memory)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("another version of health-cli wrote it") from None


def put(place: Place, run: SpooledRun) -> Path:
    """Write a run into the spool and return its file; OSError where that can't be done."""
    path = place.spool / f"{run.serial:012d}-{run.uuid}.json"
    write_whole(path, run.text())
    return path


def pending(place: Place) -> list[Path]:
    """Return the files that wait, in their order; none where there is no spool. OSError where it can't be read."""
    try:
        return sorted(path for path in place.spool.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return []


def taken(place: Place, until: float) -> Iterator[tuple[Path, SpooledRun | str]]:
    """Yield each file that waits with its run, or with what is wrong with it, until a moment of the monotonic clock."""
    for path in pending(place):
        if time.monotonic() >= until:
            return
        try:
            yield path, SpooledRun.parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except OSError as error:
            yield path, f"it can't be read ({error.strerror})"
        except ValueError as error:
            yield path, "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)


def newer(place: Place, serial: int) -> list[SpooledRun]:
    """Return the runs that wait, can be read and have a number above that, in their order: the newest 500."""
    runs = []
    for path in [path for path in pending(place) if serial_of(path) > serial][-AT_ONCE:]:
        with contextlib.suppress(OSError, ValueError):
            runs.append(SpooledRun.parse(path.read_text(encoding="utf-8")))
    return runs


def serial_of(path: Path) -> int:
    """Return the number that a file's name has, 0 for a name that is none of ours."""
    number = path.name.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def set_aside(place: Place, path: Path) -> Path:
    """Move a file that can't be used to where nobody trips over it again, and return its new place. OSError."""
    make_folder(place.aside)
    other = place.aside / path.name
    os.replace(path, other)
    return other


def done(path: Path) -> None:
    """Take a file out of the spool: the database has the run."""
    path.unlink(missing_ok=True)


def adopt(place: Place) -> None:
    """Finish what killed writers left: a whole run gets its name, all else never was one. For who has the state's lock.

    OSError where the folder can't be written to.
    """
    for path in place.spool.glob(".*.tmp"):
        try:
            SpooledRun.parse(path.read_text(encoding="utf-8"))
        except ValueError:
            path.unlink(missing_ok=True)
        except OSError:  # nobody can tell what it is: whoever looks into the folder finds it
            continue
        else:
            os.replace(path, path.with_name(path.name[1:].removesuffix(".tmp")))


def expire(place: Place, seconds: float) -> int:
    """Remove what has waited longer than the record would keep it, and return how many runs that were. OSError.

    So goes what was moved aside.
    """
    count, oldest = 0, time.time() - seconds
    for path in place.aside.glob("*.json"):
        if path.lstat().st_mtime < oldest:
            path.unlink(missing_ok=True)
    for path in pending(place):
        with contextlib.suppress(FileNotFoundError):  # it has just been loaded
            if path.stat().st_mtime >= oldest:
                break
            path.unlink()
            count += 1
    return count
