"""Last: the last recorded run, as a report that says its own age. Needs neither Django nor the database.

A last run that is missing or too old is unknown: what it said then is kept beside that, but counts no more.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from health_cli.core.kind import Kind
from health_cli.core.registry import matches
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize
from health_cli.history.place import Place, read_json

NAME = "health.last"
STALE = 2  # times the interval between two runs after which the last one is too old


class Last(NamedTuple):
    """A recorded run: the report, when it began (seconds since the epoch), how often runs are due (0: not known)."""

    report: Report
    at: float
    every: float = 0.0


def last_here(place: Place) -> Last | None:
    """Return the last run of this host, None where there is none that can be read."""
    data = read_json(place.last)
    try:
        return Last(Report.from_json(data["report"]), float(data["at"]), float(data["every"]))
    except (KeyError, TypeError, ValueError):
        return None


def aged(last: Last, max_age: float | None) -> Report:
    """Return the report with its age; of one that is too old nothing counts any more."""
    age = max(0.0, time.time() - last.at)
    limit = max_age or last.every * STALE
    if not limit or age <= limit:
        return replace(last.report, age=age)
    was = tuple(_past(result) for result in last.report.checks)
    stale = Result(
        name=NAME,
        status=Status.UNKNOWN,
        summary=f"no run for {humanize(age, 's')}",
        message=f"The last recorded run began {humanize(age, 's')} ago; at most {humanize(limit, 's')} are allowed.",
        hint="Does the cron job, timer or beat entry still run 'health run --record'? Its mail or journal tells.",
        kind=Kind.MISSING,
    )
    return replace(last.report, age=age, checks=(stale, *was))


def missing(host: str) -> Result:
    """Return the verdict where there is no last run."""
    return Result(
        name=NAME,
        status=Status.UNKNOWN,
        summary="no recorded run",
        message=f"There is no recorded run of {host}.",
        hint="Record one with 'health run --record', as the same user and for the same project.",
        kind=Kind.MISSING,
    )


def selected(report: Report, patterns: Sequence[str]) -> tuple[Report, list[str]]:
    """Return the report of the checks that the patterns mean, and the patterns that mean none of them."""
    kept = tuple(r for r in report.checks if not patterns or any(matches(r.name, p) for p in patterns))
    lost = [p for p in patterns if not any(matches(r.name, p) for r in report.checks)]
    return replace(report, checks=kept), lost


def _past(result: Result) -> Result:
    """Return a result that is too old to count: skipped, with what it was."""
    if result.status is Status.SKIPPED:
        return result
    was = f"was {result.status.word}: {result.summary}" if result.summary else f"was {result.status.word}"
    return replace(result, status=Status.SKIPPED, summary=was, kind=None, metrics=())
