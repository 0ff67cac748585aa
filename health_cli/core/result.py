"""Result: the verdict on one check.

It has four faces: a status, a summary for a cell, a message for a person, data for a machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from health_cli.core.errors import HealthError, Skipped
from health_cli.core.finding import Finding, crossings, worst_first
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric
from health_cli.core.status import Status

SETUP = "health.setup"  # the name of what is reported when the run itself could not be set up
LAST = "health.last"  # the name of what is reported when there is no last run that counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out of one check.

    `duration` is in seconds. `kind` says how it failed and is None when healthy or skipped;
    `blocked_by` names the check that a skipped one was waiting for; `detail` is a traceback, shown
    only when asked for.
    """

    name: str
    status: Status
    summary: str = ""
    message: str = ""
    hint: str = ""
    kind: Kind | None = None
    metrics: tuple[Metric, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    duration: float = 0.0
    blocked_by: str | None = None
    detail: str = ""

    @property
    def subsystem(self) -> str:
        """The first word of the name: `host` of `host.disk:/var`."""
        return subsystem_of(self.name)

    def to_json(self) -> dict[str, Any]:
        """The result as the JSON report has it."""
        return {
            "name": self.name,
            "subsystem": self.subsystem,
            "status": self.status.word,
            "summary": self.summary,
            "message": self.message,
            "hint": self.hint,
            "kind": self.kind.value if self.kind else None,
            "duration": round(self.duration, 6),
            "blocked_by": self.blocked_by,
            "metrics": [metric.to_json() for metric in self.metrics],
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """Read back what `to_json` wrote; KeyError or ValueError where it is not that."""
        return cls(
            name=data["name"],
            status=Status.parse(data["status"]),
            summary=data["summary"],
            message=data["message"],
            hint=data["hint"],
            kind=Kind(data["kind"]) if data["kind"] else None,
            metrics=tuple(Metric.from_json(metric) for metric in data["metrics"]),
            data=data["data"],
            duration=data["duration"],
            blocked_by=data["blocked_by"],
            detail=data.get("detail") or "",
        )


def subsystem_of(name: str) -> str:
    """Return the part of a check's name before the first dot or colon."""
    return name.partition(":")[0].partition(".")[0]


def judged(
    name: str,
    metrics: Sequence[Metric],
    *,
    summary: str,
    findings: Sequence[Finding] = (),
    data: Mapping[str, Any] | None = None,
) -> Result:
    """Fold metrics and findings into a result: the worst leads, all of them are in the message.

    `summary` is the cell of a healthy result.
    """
    found = worst_first([*findings, *crossings(metrics)])
    if not found:
        return Result(
            name=name,
            status=Status.HEALTHY,
            summary=summary,
            message=summary,
            metrics=tuple(metrics),
            data=data or {},
        )
    return _led(Result(name=name, status=Status.HEALTHY, metrics=tuple(metrics), data=data or {}), found)


def joined(result: Result, metrics: Sequence[Metric], findings: Sequence[Finding]) -> Result:
    """Return a result with further metrics and findings: the worst leads, and nothing gets better by it."""
    whole = replace(result, metrics=(*result.metrics, *metrics))
    if not findings:
        return whole
    own = Finding(
        status=result.status,
        kind=result.kind or Kind.THRESHOLD,
        summary=result.summary,
        message=result.message,
        hint=result.hint,
    )
    return _led(whole, worst_first([own, *findings] if result.status is not Status.HEALTHY else findings))


def _led(result: Result, found: Sequence[Finding]) -> Result:
    """Return a result that says what was found, the worst first."""
    worst = found[0]
    return replace(
        result,
        status=worst.status,
        summary=worst.summary,
        message="; ".join(finding.message for finding in found),
        hint=worst.hint or explain_hint(result.name),
        kind=worst.kind,
    )


def complete(result: Result) -> Result:
    """Return the result with every face it must have: an abnormal one says something and what to do."""
    if result.status in {Status.HEALTHY, Status.SKIPPED}:
        return result
    return replace(
        result,
        summary=result.summary or result.message or result.status.word,
        message=result.message or result.summary or f"{result.name} is {result.status.word}",
        hint=result.hint or explain_hint(result.name),
    )


def explain_hint(name: str) -> str:
    """The hint where nobody has a better one; what tells of a run as a whole has no page."""
    if name.startswith("health."):
        return "Correct that, and run it again."
    return f"'health explain {name}' tells what is measured and why."


def fill(metrics: Sequence[Metric], measurement: Measurement) -> tuple[Metric, ...]:
    """Put the measured values into the declared metrics; a declared one without a value stays null."""
    return tuple(
        metric.measured(measurement.values.get(metric.name), measurement.missing.get(metric.name, ""))
        for metric in metrics
    )


def failed(name: str, error: HealthError, *, metrics: Sequence[Metric] = ()) -> Result:
    """Return the result for what `gather()` raised on purpose: every metric is null because of it."""
    skipped = isinstance(error, Skipped)
    nothing = "skipped" if skipped else error.kind.value
    summary = getattr(error, "summary", "") or error.message.partition("\n")[0] or nothing
    return Result(
        name=name,
        status=getattr(error, "status", Status.UNKNOWN),
        summary=summary,
        message=error.message,
        hint="" if skipped else error.hint or explain_hint(name),
        kind=None if skipped else error.kind,
        metrics=tuple(metric.measured(None, summary) for metric in metrics),
    )


def timed_out(name: str, seconds: float, *, metrics: Sequence[Metric] = ()) -> Result:
    """Return the result for a check that did not end within its own limit."""
    return Result(
        name=name,
        status=Status.CRITICAL,
        summary=f"no answer in {seconds:g} s",
        message=f"The check did not end within its limit of {seconds:g} s.",
        hint="See what it waits for: a hung server, a full disk, a lock; or raise its limit in TIMEOUTS.",
        kind=Kind.TIMEOUT,
        metrics=tuple(metric.measured(None, "timeout") for metric in metrics),
        duration=seconds,
    )


def unfinished(name: str, seconds: float, *, status: Status = Status.UNKNOWN, interrupted: bool = False) -> Result:
    """Return the result for a check that the run's deadline, or a signal, cut off."""
    why = "was interrupted" if interrupted else "ended"
    hint = "Run it again." if interrupted else "Give the run more time with --timeout, or see why this check is slow."
    return Result(
        name=name,
        status=status,
        summary="unfinished",
        message=f"The run {why} after {seconds:.1f} s, before this check did.",
        hint=hint,
        kind=Kind.UNFINISHED,
        duration=seconds,
    )


def blocked(name: str, by: str, *, skipped: bool = False) -> Result:
    """Return the result for a check that was not run because one that it needs is not well, or was skipped."""
    return Result(
        name=name,
        status=Status.SKIPPED,
        summary=f"blocked by {by}",
        message=f"Not run: it needs {by}, which {'was skipped' if skipped else 'is not well'}.",
        hint=f"See why {by} was skipped." if skipped else f"Put {by} right first.",
        blocked_by=by,
    )
