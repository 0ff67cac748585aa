"""What the checks of the API share: the sources of its statistics, read once in a run for all of them."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from health_cli.checks.api.statistics import Endpoint, Statistics
from health_cli.core.assembly import iso_utc
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Memory, Remembering
from health_cli.core.result import Result
from health_cli.core.status import Status

ENOUGH = 100  # requests of an hour below which a percentage says nothing
ENOUGH_OF_ONE = 50  # and those of one endpoint
SHOWN = 10  # endpoints
INSTEAD = "instead of"  # what a note on a source that failed begins with
A_PART = 0.8  # of a check's limit that all its sources may take


class Source(Protocol):
    """Where statistics come from."""

    @property
    def name(self) -> str:
        """What it is called in a sentence."""

    def read(self, now: float, limit: float, memory: Memory) -> Statistics:
        """Return what it knows up to now, within so many seconds; Failure where that is nothing."""


class Requests:
    """The requests of the project, from the first source that knows them. All checks of a run share one."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        """Take the sources, the best first."""
        self._sources = sources
        self._lock = threading.Lock()
        self._found: Statistics | Crash | None = None

    def statistics(self, limit: float, memory: Memory) -> Statistics:
        """Return what is known; the Failure of the first source where none knows anything."""
        with self._lock:
            if self._found is None:
                self._found = attempt(lambda: self._read(limit, memory))
        if isinstance(self._found, Crash):
            raise self._found.error
        return self._found

    def _read(self, limit: float, memory: Memory) -> Statistics:
        failures: list[tuple[str, Failure]] = []
        until = time.monotonic() + limit
        for number, source in enumerate(self._sources):
            left = (until - time.monotonic()) / (len(self._sources) - number)
            found = _asked(source, left, memory)
            if isinstance(found, Crash):
                failures.append((source.name, _as_failure(source.name, found)))
                continue
            notes = [f"{INSTEAD} {name}: {failure.message}" for name, failure in failures]
            return replace(found, notes=(*notes, *found.notes))
        if failures:
            raise failures[0][1]
        raise Failure(
            Kind.MISCONFIGURED, "Nothing counts the requests of this project.", status=Status.UNKNOWN,
            hint="Put health_cli.middleware.ApiStatistics first in MIDDLEWARE.",
        )  # fmt: skip


def _asked(source: Source, limit: float, memory: Memory) -> Statistics | Crash:
    return attempt(lambda: source.read(time.time(), limit, memory))


def _as_failure(name: str, crash: Crash) -> Failure:
    """Return why a source told nothing; what it should not have raised is one, too: the next one may do better."""
    if isinstance(crash.error, Failure):
        return crash.error
    return Failure(
        Kind.CRASHED, f"{name} can't be read: {crash.name}: {crash.text} (in {crash.place})", status=Status.UNKNOWN,
        summary=f"crashed: {crash.name}", hint="Look at HEALTH_CLI['API'], and at the entry of CACHES.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ApiCheck(Remembering):
    """A check of what users of the API feel. All of them remember together."""

    requests: Requests = field(default_factory=Requests, repr=False, compare=False)

    @property
    def remembered_as(self) -> str:
        """What is remembered is of all of them."""
        return "api"

    def statistics(self) -> Statistics:
        """Return what is known, whichever of the checks comes first has it read; Failure."""
        return self.requests.statistics(self.timeout * A_PART, self.memory)

    def result(self, measurement: Measurement, *, summary: str = "", findings: Sequence[Finding] = ()) -> Result:
        """Judge as every check does, and name the source where it is not the first one."""
        judged = super().result(measurement, summary=summary, findings=findings)
        fallback = measurement.facts.get("fallback")
        if not fallback:
            return judged
        said = f"{judged.summary} (by {measurement.facts['source']})"
        return replace(judged, summary=said, message=f"{judged.message} (by {fallback})")

    def told(
        self, statistics: Statistics, values: dict[str, float], missing: dict[str, str], facts: dict[str, Any]
    ) -> Measurement:
        """Return the numbers with what else is known, and where it is from."""
        facts |= {"source": statistics.source, "notes": list(statistics.notes)}
        if statistics.since:
            facts["since"] = iso_utc(statistics.since)
        instead = [note for note in statistics.notes if note.startswith(INSTEAD)]
        facts["fallback"] = f"{statistics.source} {instead[0]}" if instead else None
        there = {name: fact for name, fact in facts.items() if fact not in (None, [], {}, "")}
        return Measurement(values=values, missing=missing, facts=there)


def known(values: Mapping[str, float | None], reason: str) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values that there are, and that reason for each of the others."""
    there = {name: value for name, value in values.items() if value is not None}
    return there, {name: reason for name in values if name not in there}


def described(name: str, endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    """Return an endpoint as the data of a result has it."""
    classes = {f"{hundred}xx": endpoint.of_class(hundred) for hundred in (2, 3, 4, 5)}
    return {"endpoint": name, "requests": endpoint.requests, **{k: v for k, v in classes.items() if v}, **more}
