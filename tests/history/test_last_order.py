"""What is last, and what alerts change, where runs overlap: the one that began later knows better."""

import time

from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.history.alerts import Rules, decide
from health_cli.history.last import Last, followed, later

NOW = time.time()


def report(**statuses: Status) -> Report:
    checks = tuple(Result(name=f"a.{name}", status=status) for name, status in statuses.items())
    return Report(run="r", host="h", version="1", started_at="2026-01-01T00:00:00.000Z", duration=1.0, checks=checks)


def statuses(last: Last) -> dict[str, Status]:
    return {result.name: result.status for result in last.report.checks}


def test_an_older_run_that_ends_later_brings_only_what_the_other_has_not_seen() -> None:
    last = followed(None, report(x=Status.CRITICAL), NOW - 10, complete=False)
    last = followed(last, report(x=Status.HEALTHY, y=Status.WARNING), NOW - 20, complete=True)
    assert statuses(last) == {"a.x": Status.CRITICAL, "a.y": Status.WARNING}
    assert last.times == {"a.x": NOW - 10, "a.y": NOW - 20}


def test_what_was_seen_in_the_future_keeps_no_run_from_being_the_last() -> None:
    last = followed(None, report(x=Status.CRITICAL), NOW + 3600, complete=True)
    last = followed(last, report(x=Status.HEALTHY), NOW - 20, complete=True)
    assert statuses(last) == {"a.x": Status.HEALTHY}


def test_such_a_run_ends_and_opens_nothing() -> None:
    last = followed(None, report(x=Status.CRITICAL), NOW - 10, complete=True)
    opened = decide({}, report(x=Status.CRITICAL), NOW - 10, Rules(), complete=True)
    seen = later(last, NOW - 20, NOW)
    assert seen == {"a.x"}
    after = decide(opened.memories, report(x=Status.HEALTHY), NOW - 20, Rules(), complete=True, later=seen)
    assert (after.memories, after.turns, after.ended) == (opened.memories, (), {})
    gone = decide(opened.memories, report(y=Status.HEALTHY), NOW - 20, Rules(), complete=True, later=seen)
    assert (gone.turns, gone.ended) == ((), {})
