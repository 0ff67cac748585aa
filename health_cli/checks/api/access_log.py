"""Access log: the statistics that web servers' access logs tell, read from where the run before has ended."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.checks.api.access_lines import Access, RouteOf, read
from health_cli.checks.api.buckets import (
    ALL,
    DAY,
    HOUR,
    LATENCY,
    MINUTE,
    MOST,
    OTHERS,
    TIME,
    TURNED_AWAY,
    field_of,
    window_of,
)
from health_cli.checks.api.histogram import bucket_of
from health_cli.checks.api.routes import routes
from health_cli.checks.api.sketch import Sketch
from health_cli.checks.api.statistics import LIMITED, Statistics, Window
from health_cli.checks.logs import files
from health_cli.checks.logs.tail import NoFile, Piece, Position, first_look, follow, has_rotated, new_lines
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.memory import Memory
from health_cli.core.status import Status

MOST_BYTES = 16 << 20  # of a run: about 80,000 requests, which take a second to understand
FEW = 300
A_PART = 0.4  # of the time that loading the project may take
FEWEST = 20  # lines of which it may be that none is understood


class Sums:
    """What is kept: up to where each file was read, and the requests of each minute and hour."""

    def __init__(self, now: float) -> None:
        """Begin now."""
        self.since, self.short_until = now, 0.0
        self.paths: list[str] = []
        self.files: dict[str, Position] = {}
        self.counts: dict[int, dict[int, Counter[str]]] = {MINUTE: {}, HOUR: {}}
        self.clients: dict[int, dict[int, Sketch]] = {FEW: {}, HOUR: {}}
        self.endpoints: set[str] = set()

    def add(self, access: Access, salt: bytes) -> None:
        """Count a request."""
        endpoint = access.endpoint
        if endpoint not in self.endpoints:
            if len(self.endpoints) >= MOST:
                endpoint = OTHERS
            self.endpoints.add(endpoint)
        for size, buckets in self.counts.items():
            fields = buckets.setdefault(int(access.at // size), Counter())
            fields[field_of(endpoint, str(access.status))] += 1
            if access.status == LIMITED:
                fields[field_of(endpoint, TURNED_AWAY)] += 1
            if access.seconds is not None:
                fields[field_of(endpoint, TIME)] += int(access.seconds * 1e6)
                fields[field_of(endpoint if size == HOUR else ALL, f"{LATENCY}{bucket_of(access.seconds)}")] += 1
        for size, sketches in self.clients.items():
            sketches.setdefault(int(access.at // size), Sketch()).add(access.client, salt)

    def forget(self, now: float) -> None:
        """Forget what is older than a day, and minutes older than an hour."""
        for kept, by in ((HOUR, MINUTE), (DAY, HOUR)):
            _drop(self.counts[by], (now - kept) // by)
        _drop(self.clients[FEW], (now - HOUR) // FEW)
        _drop(self.clients[HOUR], (now - DAY) // HOUR)
        self.endpoints = {name.rpartition("|")[0] for fields in self.counts[HOUR].values() for name in fields} - {ALL}

    def to_json(self) -> dict[str, Any]:
        """The sums as they are kept."""
        return {
            "since": self.since,
            "short_until": self.short_until,
            "paths": self.paths,
            "files": {path: position.to_json() for path, position in self.files.items()},
            "counts": self.counts,
            "clients": {size: {n: each.to_text() for n, each in some.items()} for size, some in self.clients.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Sums":
        """Read back what `to_json` wrote; KeyError, TypeError or ValueError where it is not that."""
        sums = cls(float(data["since"]))
        sums.short_until, sums.paths = float(data["short_until"]), list(data["paths"])
        sums.files = {path: Position.from_json(position) for path, position in data["files"].items()}
        for size in sums.counts:
            sums.counts[size] = {int(n): Counter(fields) for n, fields in data["counts"][str(size)].items()}
        for size in sums.clients:
            sums.clients[size] = {int(n): Sketch.from_text(text) for n, text in data["clients"][str(size)].items()}
        sums.forget(0)
        return sums


def _drop(buckets: dict[int, Any], first: float) -> None:
    for number in [number for number in buckets if number < first]:
        del buckets[number]


@dataclass(frozen=True, kw_only=True)
class AccessLog:
    """The access logs of web servers; `paths` are files and globs, `salt` hides who asked."""

    paths: tuple[str, ...]
    salt: bytes = field(default=b"", repr=False)
    name: ClassVar[str] = "the access log"

    def read(self, now: float, limit: float, memory: Memory) -> Statistics:
        """Read what is new; Failure where there is no log, or none that is understood."""
        paths, others = self._found()
        kept = attempt(lambda: Sums.from_json(memory.load()["access_log"]))
        sums = Sums(now) if isinstance(kept, Crash) or kept.paths != list(self.paths) else kept
        sums.paths = list(self.paths)
        until = time.monotonic() + limit
        route_of, notes = routes(limit * A_PART)
        for path in (*follow(paths, sums.files, now - DAY), *paths):
            if time.monotonic() > until:
                notes.append(f"{path} was left for the next run: there was no time")
                continue
            self._look(path, sums, now, notes, route_of)
        if others:
            notes.append(f"{others} more files, which were written to longer ago, were not read")
            sums.short_until = now + DAY
        sums.forget(now)
        if why := memory.save({**memory.load(), "access_log": sums.to_json()}):
            notes.append(f"nothing is remembered: {why}")
        return _statistics(sums, now, notes)

    def _found(self) -> tuple[list[str], int]:
        try:
            paths, others = files.found(self.paths)
        except PermissionError as error:
            raise files.refused(error.filename) from error
        if not paths:
            raise Failure(
                Kind.MISSING, f"There is no access log {', '.join(self.paths)}.", summary="no access log",
                status=Status.UNKNOWN, hint="Correct 'access_logs' in HEALTH_CLI['API'].",
            )  # fmt: skip
        return paths, others

    def _look(self, path: str, sums: Sums, now: float, notes: list[str], route_of: RouteOf | None) -> None:
        known = sums.files.get(path)
        try:
            piece = new_lines(path, known, MOST_BYTES) if known else first_look(path, MOST_BYTES)
        except PermissionError as error:
            raise files.refused(path) from error
        except NoFile as error:
            raise Failure(Kind.MISCONFIGURED, f"{path} can't be read: {error}.", status=Status.UNKNOWN) from error
        found = self._understood(piece, path, route_of)
        sums.files[path] = piece.position
        for access in found:
            if now - DAY - HOUR < access.at <= now + MINUTE:
                sums.add(access, self.salt)
        if known and (piece.skipped or piece.note):
            sums.short_until = now + DAY
            notes.append(piece.note or f"{piece.skipped} bytes of {path} were not read")
        if not known:
            first = min((access.at for access in found), default=now)
            if found and not piece.skipped and not has_rotated(path):
                first = now - DAY  # all that there ever was
            sums.since = first if not sums.endpoints else min(sums.since, first)

    def _understood(self, piece: Piece, path: str, route_of: RouteOf | None) -> list[Access]:
        found, strange = read(files.decoded(piece.data, "utf-8", path), route_of=route_of)
        if not found and strange > FEWEST:
            raise Failure(
                Kind.MISCONFIGURED, f"None of the last {strange} lines of {path} is of an access log that is known.",
                summary="not understood", status=Status.UNKNOWN,
                hint="Have it written in the combined format or as lines of JSON: see the page on the API.",
            )  # fmt: skip
        return found


def _statistics(sums: Sums, now: float, notes: list[str]) -> Statistics:
    hour, day = (_window(sums, now, size, few, back) for size, few, back in ((MINUTE, FEW, HOUR), (HOUR, HOUR, DAY)))
    first = max(int(-(-sums.since // HOUR)), int(now // HOUR) - DAY // HOUR)
    whole = {n * HOUR: window_of([sums.counts[HOUR].get(n, {})]).total.requests for n in range(first, int(now // HOUR))}
    if sums.short_until > now:
        notes.append("the counts are at least that: something was not read")
    return Statistics(
        source=AccessLog.name, hour=hour, day=day, since=sums.since if sums.since > now - DAY + MINUTE else None,
        hours=whole, notes=tuple(notes),
    )  # fmt: skip


def _window(sums: Sums, now: float, size: int, few: int, back: int) -> Window:
    window = window_of(fields for number, fields in sums.counts[size].items() if number >= (now - back) // size)
    clients = Sketch()
    for number, sketch in sums.clients[few].items():
        if number >= (now - back) // few:
            clients.merge(sketch)
    window.clients = clients.count
    window.has_latency = any(each.latencies for each in window.endpoints.values())
    return window
