"""database:ALIAS on SQLite."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from health_cli.checks.database.base import CONNECT_TIME, QUERY_TIME, SIZE, Database
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

_SLOW = "The disk is slow or busy, or another process writes for long: see host.load and iostat."

METRICS = (
    replace(CONNECT_TIME, hint=_SLOW, help="Time to open the file and read its header and schema."),
    replace(QUERY_TIME, hint=_SLOW, help="Time of one `SELECT 1` on it."),
    SIZE,
    metric("database_free", "B", help="Bytes inside the file that can be used again (VACUUM gives them back)."),
    metric(
        "wal_size", "B", warning="1GiB",
        hint="A reader that never ends keeps the log from being written back: find it, then PRAGMA wal_checkpoint.",
        help="Size of the write-ahead log beside the file; above 1 GiB checkpoints are starved.",
    ),
    metric("tables", help="Tables of this database."),
)  # fmt: skip

# What SQLite says -> (kind, a few words, what to do); it gives every error one class.
WORDS: dict[str, tuple[Kind, str, str]] = {
    "locked": (
        Kind.TIMEOUT,
        "locked",
        "Another process writes for long: find it with fuser, or raise OPTIONS['timeout'].",
    ),
    "unable to open": (
        Kind.AUTH,
        "can't be opened",
        "The folder must exist and be readable and writable for this user.",
    ),
    "not a database": (
        Kind.MISCONFIGURED,
        "not a database",
        "NAME points to another kind of file, or it is encrypted.",
    ),
    "malformed": (Kind.CRASHED, "corrupt", "Restore a backup, or try .recover of the sqlite3 shell."),
    "readonly": (Kind.READ_ONLY, "read-only", "Give this user the right to write the file and its folder."),
    "full": (Kind.FULL, "disk full", "Free room on the file system that holds the file."),
    "disk i/o": (Kind.CRASHED, "disk error", "See dmesg: the disk or its file system fails."),
}


@dataclass(frozen=True, kw_only=True)
class SQLite(Database):
    """A SQLite file: is it there, can it be read and written, how large is it and its log.

    A missing file is reported and never created. There are no connections and no server to measure. Set the
    option `replica` for a file that is meant to be read only.
    A database in memory belongs to one process: there is nothing to see from outside.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)
    replica: bool = False

    @property
    def place(self) -> str:
        """The file."""
        return str(self.settings.get("NAME") or "")

    def gather(self) -> Measurement:
        """Open the file without creating it, and ask it."""
        name = self.place
        if not name or ":memory:" in name or "mode=memory" in name:
            return Measurement(facts={"memory": True, **_version(), **self.pool})
        path = Path(name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name)
        with self._explained():
            found = path.exists()
        if not found:
            raise Failure(
                Kind.MISSING, f"There is no file {path}.", summary="no such file",
                hint="Run 'manage.py migrate' to create it, or correct NAME in DATABASES.",
            )  # fmt: skip
        return self._ask(path)

    def _ask(self, path: Path) -> Measurement:
        began = time.monotonic()
        with self._explained():
            uri = f"file:{quote(str(path.absolute()))}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=self.limits.connect)) as connection:
                pages, size, free, tables = connection.execute(
                    "SELECT page_count, page_size, freelist_count, (SELECT COUNT(*) FROM sqlite_schema"
                    " WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\')"
                    " FROM pragma_page_count, pragma_page_size, pragma_freelist_count"
                ).fetchone()
                opened = time.monotonic()
                connection.execute("SELECT 1").fetchone()
                answered = time.monotonic()
        wal = Path(f"{path}-wal")
        values = {
            "connect_time": opened - began,
            "query_time": answered - opened,
            "database_size": pages * size,
            "database_free": free * size,
            "wal_size": wal.stat().st_size if wal.exists() else 0,
            "tables": tables,
        }
        facts = {"memory": False, "writable": takes_writes(path), "size_method": "on disk", "room": room(path)}
        return Measurement(values=values, facts={**facts, **_version(), **self.pool})

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's and the system's errors into failures."""
        try:
            yield
        except PermissionError as error:
            raise Failure(
                Kind.AUTH, f"{self.place} can't be reached by this user: {error.strerror}.",
                summary="permission denied", hint="Run as the user of the application.",
            ) from error  # fmt: skip
        except sqlite3.Error as error:
            text = str(error)
            nothing = (Kind.CRASHED, "error", "See the message.")
            kind, words, hint = next((v for k, v in WORDS.items() if k in text.lower()), nothing)
            raise Failure(kind, f"{self.place}: {text}.", summary=words, hint=hint) from error

    def judge(self, measurement: Measurement) -> Result:
        """Judge the log's size, and whether the file takes writes."""
        facts, values = measurement.facts, measurement.values
        name = f"SQLite {facts['version']}"
        if facts["memory"]:
            summary = f"{name}, in memory: nothing to see from outside"
            return self.result(_all_missing("a database in memory", facts), summary=summary)
        findings = []
        if not facts["writable"] and not self.replica:
            findings.append(
                Finding(
                    status=Status.CRITICAL,
                    kind=Kind.READ_ONLY,
                    summary="read-only",
                    message=f"{self.place} can't be written by this user",
                    hint="Give this user the right to write the file and its folder, or set replica to True.",
                )
            )
        size = values["database_size"]
        summary = f"{name}, query {humanize(values['query_time'], 's')}, {humanize(size, 'B')}"
        largest = size + facts["room"]
        metrics = tuple(replace(m, max=largest) if m.name == SIZE.name else m for m in self.metrics)
        return replace(self, metrics=metrics).result(measurement, summary=summary, findings=findings)


def takes_writes(path: Path) -> bool:
    """Tell whether this user may write the file and its folder, where SQLite puts its journal."""
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)


def room(path: Path) -> int:
    """Return how many bytes this user may still write beside the file."""
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


def _version() -> dict[str, Any]:
    return {"flavour": "SQLite", "version": sqlite3.sqlite_version}


def _all_missing(reason: str, facts: Any) -> Measurement:
    return Measurement(missing={m.name: reason for m in METRICS}, facts=facts)
