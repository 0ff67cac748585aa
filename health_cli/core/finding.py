"""Finding: one thing worth saying about a measurement, and how bad it is.

A crossed threshold is a finding; so is a stopped replica. The worst one leads the result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from health_cli.core.kind import Kind
from health_cli.core.metric import Metric
from health_cli.core.status import Status
from health_cli.core.units import humanize


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One abnormal thing: a few words for a cell, a sentence, and what to do next."""

    status: Status
    kind: Kind
    summary: str
    message: str
    hint: str = ""


def crossings(metrics: Iterable[Metric]) -> list[Finding]:
    """Return a finding for each metric that crossed a threshold."""
    return [_crossing(metric) for metric in metrics if metric.crossed]


def _crossing(metric: Metric) -> Finding:
    value = humanize(metric.value or 0, metric.unit)
    words = metric.crossed.describe(metric.unit) if metric.crossed else ""
    label = metric.name.replace("_", " ")
    return Finding(
        status=metric.status,
        kind=Kind.THRESHOLD,
        summary=f"{label} {value}",
        message=f"{metric.name} is {value} ({metric.status.word} {words})",
        hint=metric.hint,
    )


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Sort by badness; among equals the order of finding stays."""
    return sorted(findings, key=lambda finding: -finding.status)
