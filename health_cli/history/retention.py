"""Retention: what is kept of old runs, and what is deleted. Called by recording runs and by `health prune`.

Runs are condensed into hours, a row a metric, as soon as their hour is over: a chart of a year reads these alone.
Each run goes in once, by its flag `condensed`, which is set in the one transaction that adds the run to the hours.
Only runs with the flag are deleted. So nothing is lost and nothing counted twice, wherever a call is cut off and
however many there are at a time; and a run that comes late, out of the spool, is added to what the hour has by then,
be its earlier runs still there or not. Hours are reckoned here, never by the server: it may know no time zones.

A run belongs to the hour that it started in, with all that it measured, and its metrics go with it.
Every statement is on few rows, found by an index, and is a transaction of its own but for the condensing.

Import this module when the models can be: see `health_cli.history.database.load_models`.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, QuerySet, Sum, When

from health_cli.core.status import Status
from health_cli.history.database import moment, seconds_of
from health_cli.models import HealthHour, HealthMetric, HealthRun, HealthSelection, Silence, SystemAlert

HOUR, DAY = 3600, 86_400
GRACE = 300  # seconds after an hour until its runs are condensed: later ones are welcome, and cost more
BATCH = 900  # rows: SQLite may take no more than 999 parameters, and MariaDB makes a join of a list of 1000
CONDENSED = 10_000  # rows of metrics that one statement may condense; 6000 took 0.09 s at the most
SLOW, QUICK = 0.1, 0.05  # seconds of a statement, from where on there are fewer rows in the next one, or more
# Of values to be added up: the sum of the largest would overflow, and PostgreSQL refuse. It refuses underflow too, so
# that the tiniest count as none.
SCALE, TINY = 2.0**-16, 2.0**-1000

RANK = Max(Case(*(When(status=status.word, then=status.value) for status in Status), default=Status.UNKNOWN.value))


class Pruned(NamedTuple):
    """What one call has written and deleted, in rows. It has not `finished` where its time was over before."""

    hours_written: int = 0
    metrics: int = 0
    runs: int = 0
    alerts: int = 0
    alerts_ended: int = 0
    hours: int = 0
    selections: int = 0
    silences: int = 0
    finished: bool = False


def prune(
    alias: str, *, now: float, keep_days: float, keep_hourly_days: float, until: float, batch: int = BATCH
) -> Pruned:
    """Condense what is complete and delete what is old, until it is done or the time is over.

    `now` is in seconds since the epoch, `until` of the monotonic clock; it is late by a statement at the most, or by
    the transaction of one hour of one host. `batch` is the most rows that a statement deletes, at most 900. Errors of
    the database are the caller's; the next call goes on from there. Not to be called within a transaction.
    """
    steps = _steps(alias, now, keep_days, keep_hourly_days, min(batch, BATCH))
    done: Any = Counter()
    while time.monotonic() < until:
        step = next(steps, None)
        if step is None:
            return Pruned(**done, finished=True)
        what, number = step
        done[what] += number
    return Pruned(**done)


def _steps(alias: str, now: float, keep_days: float, keep_hourly_days: float, batch: int) -> Iterator[tuple[str, int]]:
    """Do it step by step; yield what was done to how many rows, never within a transaction."""
    delete, old = _Deletion(alias, batch), moment((now - keep_days * DAY) // HOUR * HOUR)  # no hour is left in parts
    for number in _condense(alias, before=moment((now - GRACE) // HOUR * HOUR), batch=batch):
        yield "hours_written", number
    yield from _delete_runs(delete, alias, old)
    while number := _end_unseen(alias, old, moment(now), keep_days):
        yield "alerts_ended", number
    # Whoever was resolved before then was opened before then: the index has that column.
    ended = SystemAlert.objects.using(alias).filter(resolved=True, created_at__lt=old, resolved_at__lt=old)
    yield from delete("alerts", ended.order_by("created_at"))
    hours = HealthHour.objects.using(alias).filter(hour__lt=moment(now - keep_hourly_days * DAY))
    yield from delete("hours", hours.order_by("hour"))
    if number := _forget_selections(alias, old):
        yield "selections", number
    yield from delete("silences", Silence.objects.using(alias).filter(until__lt=moment(now)).order_by("until"))


def _forget_selections(alias: str, before: Any) -> int:
    """Forget the selections of which no run is left: a small table, which needs no index for it.

    The time guards, in the statement that deletes, those of which a run has been written meanwhile.
    """
    runs = HealthRun.objects.using(alias).filter(host=OuterRef("host"), scope=OuterRef("scope"))
    old = HealthSelection.objects.using(alias).filter(seen_at__lt=before)
    gone = list(old.filter(~Exists(runs)).values_list("pk", flat=True)[:BATCH])
    return int(old.filter(pk__in=gone)._raw_delete(alias)) if gone else 0


def _end_unseen(alias: str, before: Any, now: Any, days: float) -> int:
    """End open alerts that no run has seen for as long as runs are kept: their host is gone, or has another name."""
    unseen = SystemAlert.objects.using(alias).filter(resolved=False, created_at__lt=before, seen_at__lt=before)
    ids = list(unseen.order_by("created_at").values_list("pk", flat=True)[:BATCH])
    ended = {"resolved": True, "resolved_at": now, "resolution": f"not seen for {days:g} days", "open_key": None}
    return unseen.filter(pk__in=ids).update(**ended) if ids else 0


@dataclass
class _Deletion:
    """Deletes rows, as many with a statement as it does in good time."""

    alias: str
    most: int
    size: int = 100

    def __call__(self, what: str, rows: QuerySet[Any]) -> Iterator[tuple[str, int]]:
        """Delete all of these, and yield how many went with each statement."""
        while ids := list(rows.values_list("pk", flat=True)[: min(self.size, self.most)]):
            began = time.monotonic()
            # By their ids, since MySQL takes no LIMIT in a subquery; and past Django's collector, which would read
            # all that hangs on them, and send signals.
            number = rows.model._base_manager.using(self.alias).filter(pk__in=ids)._raw_delete(self.alias)
            self._learn(time.monotonic() - began)
            yield what, number

    def _learn(self, seconds: float) -> None:
        if seconds > SLOW:
            self.size = max(1, self.size // 2)
        elif seconds < QUICK:
            self.size = min(self.most, self.size * 2)


def _delete_runs(delete: _Deletion, alias: str, before: Any) -> Iterator[tuple[str, int]]:
    """Delete old runs that are condensed, a few at a time: first their metrics, which point to them."""
    old = HealthRun.objects.using(alias).filter(condensed=True, started_at__lt=before).order_by("started_at")
    while runs := list(old.values_list("pk", flat=True)[:50]):
        yield from delete("metrics", HealthMetric.objects.using(alias).filter(run__in=runs).order_by())
        yield from delete("runs", HealthRun.objects.using(alias).filter(pk__in=runs).order_by())


def _condense(alias: str, before: Any, batch: int) -> Iterator[int]:
    """Add each run that is not in the hours to them; yield how many rows were written, for some runs at a time."""
    fresh = HealthRun.objects.using(alias).filter(condensed=False, started_at__lt=before).order_by("started_at")
    while found := list(fresh.values_list("pk", "host", "started_at")[:batch]):
        groups: dict[tuple[str, int], list[int]] = defaultdict(list)
        for run, host, started_at in found:
            groups[host, int(seconds_of(started_at) // HOUR)].append(run)
        for (host, hour), runs in groups.items():
            for part in _parts(alias, runs):
                yield _condense_hour(alias, host, moment(hour * HOUR), part)


def _parts(alias: str, runs: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split runs so that none of the parts has many more metrics than one statement should read."""
    rows = HealthMetric.objects.using(alias).filter(run__in=runs).count()
    size = max(1, len(runs) * CONDENSED // max(rows, CONDENSED))
    for start in range(0, len(runs), size):
        yield runs[start : start + size]


def _condense_hour(alias: str, host: str, hour: Any, runs: Sequence[int]) -> int:
    """Flag runs of one host and hour, and add them to that hour; return how many rows were written.

    Nothing is done where another process was quicker with any of them: the flag is written first, so that the second
    waits for the first, and then finds it.
    """
    with transaction.atomic(using=alias):
        flagged = HealthRun.objects.using(alias).filter(pk__in=runs, condensed=False).update(condensed=True)
        if flagged != len(runs):
            transaction.set_rollback(True, using=alias)
            return 0
        rows = [HealthHour(host=host, hour=hour, **numbers) for numbers in _numbers(alias, runs)]
        if HealthHour.objects.using(alias).filter(host=host, hour=hour).exists():
            for row in rows:
                _add(alias, row)
        else:
            HealthHour.objects.using(alias).bulk_create(rows, batch_size=BATCH)
        return len(rows)


def _numbers(alias: str, runs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield what each metric of these runs comes to, as the columns of an hour."""
    series = HealthMetric.objects.using(alias).filter(run__in=runs).order_by().values("check_name", "metric_name")
    scaled = Sum(Case(When(value__gt=-TINY, value__lt=TINY, then=0.0), default=F("value") * SCALE))
    for numbers in series.annotate(
        minimum=Min("value"),
        mean=scaled,
        maximum=Max("value"),
        count=Count("value"),
        worst=RANK,
        units=Max("unit"),
    ):
        if numbers["mean"] is not None:
            numbers["mean"] /= numbers["count"] * SCALE
        yield {"status": Status(numbers.pop("worst")).word, "unit": numbers.pop("units"), **numbers}


def _add(alias: str, row: HealthHour) -> None:
    """Add a row to the one that the hour has of this metric, if it has one.

    The database looks for it, one by one: it alone knows whether it takes `/data` and `/Data` for the same.
    """
    hours = HealthHour.objects.using(alias)
    same = hours.filter(host=row.host, hour=row.hour, check_name=row.check_name, metric_name=row.metric_name)
    kept = same.select_for_update().first()
    if kept is None:
        hours.bulk_create([row])
    else:
        hours.filter(pk=kept.pk).update(unit=row.unit, **_combined(kept, row))


def _combined(one: HealthHour, other: HealthHour) -> dict[str, Any]:
    """Return the status and the numbers of two parts of an hour together. A part without values has no numbers."""
    parts = [part for part in (one, other) if part.count]
    count = sum(part.count for part in parts)
    return {
        "status": max(Status.parse(one.status), Status.parse(other.status)).word,
        "minimum": min((part.minimum for part in parts), default=None),
        "mean": sum(part.mean * (part.count / count) for part in parts) if parts else None,
        "maximum": max((part.maximum for part in parts), default=None),
        "count": count,
    }
