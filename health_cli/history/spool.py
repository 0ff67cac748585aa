"""Spool: the one way into the record. A run is a file first, and stays one until the database has it.

A file holds one line of JSON and its SHA-256 below. Names sort by time. What was never renamed because its writer was
killed is renamed by whoever comes next, if it is whole.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from health_cli.history.place import Place, write_whole

SCHEMA = "health-cli-run/1"
ABANDONED = 60.0  # seconds after which nobody is still writing a file


class SpooledRun(NamedTuple):
    """A run on its way into the record.

    `at` is when it began, in seconds since the epoch; `state` what alerting remembers after it; `ended` why each
    alert that ended by it did, by the name of its check.
    """

    uuid: str
    at: float
    trigger: str
    report: Mapping[str, Any]
    state: Mapping[str, Any]
    ended: Mapping[str, str]

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
        if data.pop("schema", None) != SCHEMA:
            raise ValueError("another version of health-cli wrote it")
        return cls(**data)


def put(place: Place, run: SpooledRun) -> Path:
    """Write a run into the spool and return its file; OSError where that can't be done."""
    path = place.spool / f"{int(run.at * 1000):015d}-{run.uuid}.json"
    write_whole(path, run.text())
    return path


def pending(place: Place) -> list[Path]:
    """Return the files that wait, oldest first; none where there is no spool."""
    try:
        return sorted(path for path in place.spool.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except OSError:
        return []


def taken(place: Place, until: float) -> Iterator[tuple[Path, SpooledRun | str]]:
    """Yield each file that waits with its run, or with what is wrong with it, until a moment of the monotonic clock."""
    _adopt(place)
    for path in pending(place):
        if time.monotonic() >= until:
            return
        try:
            yield path, SpooledRun.parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError) as error:
            yield path, str(error) if isinstance(error, ValueError) else f"it can't be read: {error}"


def newest(place: Place) -> SpooledRun | None:
    """Return the newest run that waits and can be read."""
    for path in reversed(pending(place)):
        with contextlib.suppress(OSError, ValueError, TypeError):
            return SpooledRun.parse(path.read_text(encoding="utf-8"))
    return None


def set_aside(place: Place, path: Path) -> Path:
    """Move a damaged file to where nobody trips over it again, and return its new place."""
    place.aside.mkdir(mode=0o700, exist_ok=True)
    other = place.aside / path.name
    os.replace(path, other)
    return other


def done(path: Path) -> None:
    """Take a file out of the spool: the database has the run."""
    path.unlink(missing_ok=True)


def _adopt(place: Place) -> None:
    """Finish what killed writers left: a whole file gets its name, what is cut short was never a run."""
    for path in place.spool.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime < ABANDONED and _lives(path):
                continue
            try:
                SpooledRun.parse(path.read_text(encoding="utf-8"))
            except ValueError:
                path.unlink()
            else:
                os.replace(path, path.with_name(path.name[1:].rpartition(".json")[0] + ".json"))


def _lives(path: Path) -> bool:
    """Tell whether the process that writes this file is there."""
    try:
        os.kill(int(path.name.split(".")[-2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True
