"""Report: all results of one run, the verdict on the whole, and the exit code that follows from it."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from health_cli.core.result import LAST, SETUP, Result
from health_cli.core.status import EXIT_CODES, Status, worst
from health_cli.core.units import humanize

SCHEMA = "health-cli/1"


class FailOn(StrEnum):
    """What a gate fails on: this status or a worse one. Unknown fails every gate but `never`."""

    WARNING = "warning"
    CRITICAL = "critical"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of one run, in the order of the plan.

    `started_at` is ISO 8601 UTC, `duration` in seconds; `isolation` is `process` where the checks ran
    in a worker process and `threads` where that was unsafe; `interrupted` is the number of the signal
    that cut the run short; `noise` is what checks printed, shown only when asked for. `age` is in seconds, and None
    for a report on what has just been run.
    """

    run: str
    host: str
    version: str
    started_at: str
    duration: float
    checks: tuple[Result, ...]
    fail_on: FailOn = FailOn.WARNING
    isolation: str = "process"
    interrupted: int | None = None
    noise: str = ""
    age: float | None = None

    @property
    def status(self) -> Status:
        """The worst status of all; unknown where nothing counts."""
        return worst(result.status for result in self.checks)

    @property
    def exit_code(self) -> int:
        """0 healthy or below the gate, 1 warning, 2 critical, 3 unknown; 130 after SIGINT."""
        if self.interrupted == signal.SIGINT:
            return 130
        if self.interrupted:
            return EXIT_CODES[Status.UNKNOWN]
        return EXIT_CODES[self.status] if self._fails else 0

    @property
    def _fails(self) -> bool:
        """Tell whether the gate fails; a run that could not be set up, or is not there, fails every gate there is."""
        if any(result.name in {SETUP, LAST} for result in self.checks):
            return True
        if self.fail_on is FailOn.NEVER:
            return False
        return self.status is not Status.WARNING or self.fail_on is FailOn.WARNING

    @property
    def when(self) -> str:
        """How long ago it ran, nothing for a report on what has just been run: `12 min ago`."""
        return "" if self.age is None else f"{humanize(self.age, 's')} ago"

    @property
    def counts(self) -> dict[str, int]:
        """How many results have each status, by its word."""
        words = [result.status.word for result in self.checks]
        order = (Status.HEALTHY, Status.WARNING, Status.CRITICAL, Status.UNKNOWN, Status.SKIPPED)
        return {status.word: words.count(status.word) for status in order}

    @property
    def worst_first(self) -> list[Result]:
        """The results sorted by badness; among equals the order of the plan stays."""
        return sorted(self.checks, key=lambda result: -result.status)

    def to_json(self) -> dict[str, Any]:
        """The report as the schema `health-cli/1` has it."""
        return {
            "schema": SCHEMA,
            "run": self.run,
            "host": self.host,
            "version": self.version,
            "started_at": self.started_at,
            "duration": round(self.duration, 6),
            "status": self.status.word,
            "exit_code": self.exit_code,
            "fail_on": self.fail_on.value,
            "isolation": self.isolation,
            **({"age": round(self.age, 3)} if self.age is not None else {}),
            "counts": self.counts,
            "checks": [result.to_json() for result in self.checks],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Report":
        """Read back what `to_json` wrote; KeyError, TypeError or ValueError where it is not that."""
        return cls(
            run=data["run"],
            host=data["host"],
            version=data["version"],
            started_at=data["started_at"],
            duration=data["duration"],
            checks=tuple(Result.from_json(check) for check in data["checks"]),
            fail_on=FailOn(data["fail_on"]),
            isolation=data["isolation"],
        )


def tally(counts: Mapping[str, int]) -> str:
    """Write the counts that are not zero, worst first: `1 critical, 9 healthy`."""
    order = ("critical", "unknown", "warning", "healthy", "skipped")
    return ", ".join(f"{counts[word]} {word}" for word in order if counts[word]) or "no checks"
