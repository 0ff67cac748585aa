"""Alerts: what a run changes about the alerts of a host. Pure: what was remembered, the report, the rules -> the rest.

A check's alert opens after some bad runs in a row, stays one while the state lasts, and resolves after some good ones.
A check that was skipped because another one is down brings no news of its own.

A check that turns again and again flaps. That is told by Nagios' rule: of the last 21 runs the changes between good
and bad are counted, the newest weighs 1.2 and the oldest 0.8; at 20 % of what is possible the check starts to flap,
below 5 % it has stopped (Nagios Core, "Detection and Handling of State Flapping", and the thresholds of its sample
configuration). While a check flaps its alert is held: nothing more is told until it stops, and then how it ended. A
check that flaps has an alert even where more bad runs in a row are asked for than it ever has.
"""

import itertools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from health_cli.core.names import matches
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.history.channels.message import Turn

RUNS = 21  # how many runs tell whether a check flaps
FLAPS, CALM = 20.0, 5.0  # percent of change at which that starts, and below which it ends
BAD = {Status.WARNING, Status.UNKNOWN, Status.CRITICAL}
OURS = "health."  # results of this name tell that a part of the configuration could not be read


class Rules(NamedTuple):
    """How many bad runs in a row open an alert, and how many good ones resolve it: pattern -> number, 1 by default."""

    after: Mapping[str, int] = {}
    good: Mapping[str, int] = {}

    def bad_runs(self, check: str) -> int:
        """Return how many bad runs in a row open an alert of this check."""
        return _first(self.after, check)

    def good_runs(self, check: str) -> int:
        """Return how many good runs in a row resolve it."""
        return _first(self.good, check)


class Alert(NamedTuple):
    """An open alert: since when, how bad now and at its worst, how many runs found it, and what they say."""

    since: float
    severity: str
    worst: str
    runs: int
    status: str
    summary: str
    message: str
    hint: str
    flapping: bool = False


class Memory(NamedTuple):
    """What is remembered of a check: its status and since when, bad and good runs in a row, and how the last ones were.

    `bad_since` is when the bad runs in a row began; `recent` has a letter a run, `g` or `b`, the newest last.
    """

    status: str
    since: float
    bad: int = 0
    bad_since: float = 0.0
    good: int = 0
    recent: str = ""
    alert: Alert | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it for the state file and the record."""
        return {**self._asdict(), "alert": self.alert._asdict() if self.alert else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Memory":
        """Read what `to_json` wrote; TypeError where it is not that."""
        return cls(**{**data, "alert": Alert(**data["alert"]) if data.get("alert") else None})


Memories = Mapping[str, Memory]


class Decision(NamedTuple):
    """What is remembered from now on, what to tell, whose alerts opened, and why each that ended did."""

    memories: Memories
    turns: tuple[Turn, ...]
    opened: tuple[str, ...]
    ended: Mapping[str, str]


def decide(
    before: Memories, report: Report, at: float, rules: Rules, *, complete: bool, later: Collection[str] = ()
) -> Decision:
    """Return what a run changes. `complete` tells that all checks there are were to run, so that others are gone.

    Nothing changes about the checks that a `later` run has looked at.
    """
    after: dict[str, Memory] = {}
    turns: list[Turn] = []
    ended: dict[str, str] = {}
    for result in report.checks:
        if result.blocked_by or result.name in later:
            continue
        old = before.get(result.name) or Memory(result.status.word, at)
        new, what, why = _next(old, result, at, rules)
        after[result.name] = new
        if what:
            turns.append(_turn(what, result, new.alert or old.alert, report.host, at)._replace(why=why))
        if old.alert and not new.alert:
            ended[result.name] = why
    for name, memory in before.items():
        if name in after:
            continue
        if not complete or name in later or any(result.name == name for result in report.checks):
            after[name] = memory
        elif memory.alert:
            ended[name] = "recovered" if name.startswith(OURS) else "no longer configured"
            turns.append(turn_of("resolved", name, memory.alert, report.host, at)._replace(why=ended[name]))
    opened = tuple(name for name, memory in after.items() if memory.alert and not _has_alert(before.get(name)))
    return Decision(after, tuple(turns), opened, ended)


def _has_alert(memory: Memory | None) -> bool:
    return memory is not None and memory.alert is not None


def forgotten(memory: Memory) -> Memory:
    """Return what is remembered of a check whose alert was ended by hand: the next bad runs count anew."""
    return memory._replace(alert=None, bad=0, bad_since=0.0)


def is_complete(report: Report, *, selected: bool) -> bool:
    """Tell whether a check that is not in a report is gone: not where only some were to run, or some could not load."""
    return not selected and not any(result.name.startswith(OURS) for result in report.checks)


def severity_of(status: Status) -> str:
    """Return how bad an alert is; what could not be seen warns."""
    return "critical" if status is Status.CRITICAL else "warning"


def _next(old: Memory, result: Result, at: float, rules: Rules) -> tuple[Memory, str, str]:
    """Return what is remembered of a check now, what to tell if anything, and why the alert ended if it did."""
    bad = result.status in BAD
    new = Memory(
        status=result.status.word,
        since=old.since if result.status.word == old.status else at,
        bad=old.bad + 1 if bad else 0,
        bad_since=(old.bad_since if old.bad else at) if bad else 0.0,
        good=0 if bad else old.good + 1,
        recent=(old.recent + ("b" if bad else "g"))[-RUNS:],
    )
    alert = _continued(old.alert, result) if bad and old.alert else old.alert
    held = bool(alert and alert.flapping)
    if flaps(new.recent, held) and (alert or bad):
        held_alert = alert or _opened(result, new)
        return new._replace(alert=held_alert._replace(flapping=True)), "" if held else "flapping", ""
    alert = alert._replace(flapping=False) if alert else None
    if bad and held:
        return new._replace(alert=alert), "opened", ""
    if bad:
        return _bad(new._replace(alert=alert), old.alert, result, rules)
    if not alert or new.good < rules.good_runs(result.name):
        return new._replace(alert=alert), "", ""
    skipped = result.status is Status.SKIPPED
    return new, "resolved", f"no longer measured: {result.summary}" if skipped else "recovered"


def _bad(new: Memory, before: Alert | None, result: Result, rules: Rules) -> tuple[Memory, str, str]:
    """Open an alert after enough bad runs, or go on with the one there is."""
    if before and new.alert:
        worse = before.worst != "critical" and new.alert.worst == "critical"
        return new, "escalated" if worse else "", ""
    if new.bad < rules.bad_runs(result.name):
        return new, "", ""
    return new._replace(alert=_opened(result, new)), "opened", ""


def _opened(result: Result, memory: Memory) -> Alert:
    """Return an alert that began with the first of the bad runs in a row."""
    how = severity_of(result.status)
    said = (result.status.word, result.summary, result.message, result.hint)
    return Alert(memory.bad_since, how, how, memory.bad, *said)


def _continued(alert: Alert, result: Result) -> Alert:
    severity = severity_of(result.status)
    return alert._replace(
        severity=severity, worst="critical" if "critical" in {severity, alert.worst} else "warning",
        runs=alert.runs + 1, status=result.status.word,
        summary=result.summary, message=result.message, hint=result.hint,
    )  # fmt: skip


def turn_of(what: str, check: str, alert: Alert, host: str, at: float) -> Turn:
    """Return what is told of an alert, in the words that it has."""
    return Turn(
        what=what, check=check, host=host, severity=alert.worst, status=alert.status, summary=alert.summary,
        message=alert.message, hint=alert.hint, since=alert.since, at=at,
    )  # fmt: skip


def _turn(what: str, result: Result, alert: Alert | None, host: str, at: float) -> Turn:
    """Return what is told of an alert, in the words of the run that turned it."""
    assert alert is not None  # noqa: S101  # nothing is told of a check that has and had no alert
    told = turn_of(what, result.name, alert, host, at)
    message = result.message or result.summary
    return told._replace(status=result.status.word, summary=result.summary, message=message, hint=result.hint)


def flaps(recent: str, already: bool) -> bool:
    """Tell whether a check flaps, given how its last runs were and whether it flapped before."""
    change = percent_of_change(recent)
    return change >= (CALM if already else FLAPS)


def percent_of_change(recent: str) -> float:
    """Return how much of the change that is possible in 21 runs there was, in percent; new changes weigh more."""
    pairs = RUNS - 1
    first = RUNS - len(recent)  # runs that are not known yet have not changed
    weights = [
        0.8 + 0.4 * (first + place) / (pairs - 1)
        for place, (one, other) in enumerate(itertools.pairwise(recent))
        if one != other
    ]
    return 100 * sum(weights) / pairs


def _first(numbers: Mapping[str, int], check: str) -> int:
    return next((number for pattern, number in numbers.items() if pattern == "*" or matches(check, pattern)), 1)
