"""Last: the last recorded run, as a report that says its own age. Needs neither Django nor the database.

A run of some checks only brings news of these; the others stay as the runs before had them, each with its own age.
A last run that is missing or too old is unknown: what it said then is kept beside that, but counts no more.
"""

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

from health_cli.core.kind import Kind
from health_cli.core.names import matches
from health_cli.core.report import FailOn, Report
from health_cli.core.result import LAST, SETUP, Result
from health_cli.core.status import Status
from health_cli.core.units import humanize
from health_cli.history.place import Place, read_json, write_whole

STALE = 2  # times the interval between two runs after which the last one is too old
LATER = 1.0  # seconds between two runs at the least
AHEAD = 60.0  # seconds by which a run may be in the future: clocks differ a little
OURS = "health."  # results of this name tell of a run as a whole
SHOWN = 3  # names in a sentence


class Last(NamedTuple):
    """What was recorded last: the newest run's report with the results of all checks.

    `times` has when each check was looked at, in seconds since the epoch; `every` how often runs are due, in seconds
    (0: not known); `fail_on` what the settings fail on; `serial` is the number of the newest run.
    """

    report: Report
    times: Mapping[str, float]
    every: float = 0.0
    fail_on: str = FailOn.WARNING.value
    serial: int = 0


def followed(last: Last | None, report: Report, at: float, *, complete: bool) -> Last:
    """Return what is last once this run was recorded, which began at `at`.

    What a run that began later, and ended before, has seen stays.
    """
    times = {result.name: at for result in report.checks}
    if newer := later(last, at, time.time()):
        kept = [result for result in last.report.checks if result.name in newer] if last else []
        older = followed(last and _without(last, newer), report, at, complete=complete)
        rest = [result for result in older.report.checks if result.name not in newer]
        times = {**older.times, **{name: last.times[name] for name in newer if last}}
        return Last(replace(last.report if last else report, checks=(*kept, *rest)), times)
    if last is None or complete or last.report.host != report.host:
        return Last(report, times)
    others = [r for r in last.report.checks if r.name not in times and not r.name.startswith(OURS)]
    times |= {result.name: last.times[result.name] for result in others}
    return Last(replace(report, checks=(*report.checks, *others)), times)


def later(last: Last | None, at: float, now: float) -> set[str]:
    """Return the checks that a run has looked at which began after `at`. One in the future has a wrong clock."""
    return {name for name, seen in last.times.items() if at < seen <= now} if last else set()


def _without(last: Last, names: Collection[str]) -> Last:
    checks = tuple(result for result in last.report.checks if result.name not in names)
    return Last(replace(last.report, checks=checks), {result.name: last.times[result.name] for result in checks})


def last_here(place: Place) -> Last | None:
    """Return what this host recorded last, None where that is nothing, or damaged. OSError where it can't be read.

    Runs that wait in the spool and that the file does not have are of writers that were killed: they count too.
    """
    last = _written(place)
    serial = last.serial if last else 0
    if any(_serials(place, serial)):
        for run in import_module("health_cli.history.spool").newer(place, serial):
            last = _after(last, run)
    return last


def _serials(place: Place, above: int) -> Iterator[int]:
    """Yield the numbers of the runs in the spool that are above that."""
    try:
        names = os.listdir(place.spool)
    except OSError:
        return
    yield from (int(name[:12]) for name in names if name[:12].isdecimal() and int(name[:12]) > above)


def _after(last: Last | None, run: Any) -> Last:
    """Return what is last after a run of the spool."""
    found = followed(last, Report.from_json(run.report), run.at, complete=run.complete)
    return found._replace(
        serial=run.serial, every=last.every if last else 0.0, fail_on=last.fail_on if last else FailOn.WARNING.value
    )


def write_last(place: Place, run: Any, setting: Mapping[str, Any]) -> None:
    """Write what is last after a run that is in the spool; for who has the lock of the state. OSError."""
    last = last_here(place)
    last = last if last and last.serial >= run.serial else _after(last, run)
    every, fail_on = setting.get("every", 0), setting.get("fail_on", FailOn.WARNING)
    _write(place, last._replace(every=every, fail_on=fail_on))


def settle_last(place: Place, run: Any, setting: Mapping[str, Any]) -> None:
    """Write what a run of the spool says whose writer was killed; for who has the lock of the state. OSError."""
    if not has_last(place, run):
        write_last(place, run, setting)


def has_last(place: Place, run: Any) -> bool:
    """Tell whether the file has a run of the spool."""
    last = _written(place)
    return last is not None and last.serial >= run.serial


def _written(place: Place) -> Last | None:
    """Return what the file holds, None where there is none, or a damaged one. OSError."""
    try:
        data = read_json(place.last)
        return None if data is None else _from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _write(place: Place, last: Last) -> None:
    data = {
        "serial": last.serial,
        "report": last.report.to_json(),
        "times": last.times,
        "every": last.every,
        "fail_on": last.fail_on,
    }
    write_whole(place.last, json.dumps(data, allow_nan=False), 0o644)


def _from_json(data: Mapping[str, Any]) -> Last:
    report = Report.from_json(data["report"])
    times = {result.name: float(data["times"][result.name]) for result in report.checks}
    return Last(report, times, float(data["every"]), FailOn(data["fail_on"]), int(data["serial"]))


def aged(last: Last, max_age: float | None) -> Report:
    """Return the report with the age of its oldest result; what is too old does not count any more."""
    now, limit = time.time(), max_age or last.every * STALE
    ages = {result.name: now - last.times[result.name] for result in last.report.checks}
    age = max(0.0, *ages.values())
    if min(ages.values()) < -AHEAD:
        return _stale(last.report, age, set(ages), _in_the_future(-min(ages.values())))
    old = {name: how for name, how in ages.items() if limit and how > limit}
    report = replace(last.report, age=age, checks=tuple(_dated(result, ages) for result in last.report.checks))
    if not old:
        return report
    return _stale(report, age, set(old), _too_old(old, len(ages), limit))


def _dated(result: Result, ages: Mapping[str, float]) -> Result:
    """Return a result with its age, where it is older than others: those of a run that looked at some checks only."""
    age = ages[result.name]
    if age - min(ages.values()) < LATER:
        return result
    said = f"{result.summary}, {humanize(age, 's')} ago".removeprefix(", ")
    return replace(result, summary=said, data={**result.data, "age": round(age, 3)})


def _stale(report: Report, age: float, names: set[str], verdict: Result) -> Report:
    was = tuple(_past(result) if result.name in names else result for result in report.checks)
    return replace(report, age=age, checks=(verdict, *was))


def _too_old(old: Mapping[str, float], of: int, limit: float) -> Result:
    age = min(old.values()) if len(old) == of else max(old.values())
    if len(old) == of:
        what = f"The last recorded run began {humanize(age, 's')} ago"
        hint = "Does the cron job, timer or beat entry still run 'health run --record'? Its mail or journal tells."
    else:
        what = f"{_names(sorted(old))} {'was' if len(old) == 1 else 'were'} last looked at {humanize(age, 's')} ago"
        hint = "Record a run of all checks, without PATTERN and --skip: it also forgets those that are gone."
    return _unknown(f"no run for {humanize(age, 's')}", f"{what}; at most {humanize(limit, 's')} are allowed.", hint)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _in_the_future(ahead: float) -> Result:
    return _unknown(
        "recorded in the future",
        f"The last recorded run began {humanize(ahead, 's')} from now: one of two clocks is wrong.",
        "Set the clock ('timedatectl' shows it), and record a new run.",
        Kind.MISCONFIGURED,
    )


def missing(host: str, hosts: Sequence[str] = ()) -> Result:
    """Return the verdict where there is no last run of a host, but of others."""
    others = f" There are runs of {', '.join(hosts)}." if hosts else ""
    return _unknown(
        "no recorded run",
        f"There is no recorded run of {host}.{others}",
        "Record one there with 'health run --record', as the same user and for the same project."
        if not hosts
        else "Choose one of these with --host, or record one there with 'health run --record'.",
    )


def _unknown(summary: str, message: str, hint: str, kind: Kind = Kind.MISSING) -> Result:
    return Result(name=LAST, status=Status.UNKNOWN, summary=summary, message=message, hint=hint, kind=kind)


def selected(last: Last, patterns: Sequence[str]) -> tuple[Last, list[str]]:
    """Return what is last of the checks that the patterns mean, and the patterns that mean none of them.

    That a run could not be set up is news of all checks.
    """
    checks = last.report.checks
    kept = tuple(r for r in checks if not patterns or r.name == SETUP or any(matches(r.name, p) for p in patterns))
    lost = [p for p in patterns if not any(matches(r.name, p) for r in checks)]
    return last._replace(report=replace(last.report, checks=kept)), lost


def joined(runs: Iterable[tuple[Report, float, bool]]) -> Last | None:
    """Return what is last after these runs, the oldest first, each with when it began and whether it was complete."""
    last = None
    for report, at, complete in runs:
        last = followed(last, report, at, complete=complete)
    return last


def _past(result: Result) -> Result:
    """Return a result that is too old to count: skipped, with what it was."""
    if result.status is Status.SKIPPED:
        return result
    was = f"was {result.status.word}: {result.summary}" if result.summary else f"was {result.status.word}"
    return replace(result, status=Status.SKIPPED, summary=was, kind=None, metrics=())
