"""Series: one metric over a time, in two queries, as at most 500 points that keep every spike."""

import json
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

from health_cli.core.filling import fills
from health_cli.core.status import Status
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD
from health_cli.history.loading import fitting
from health_cli.history.reading import FINE, FORESEEN, Row, Series
from health_cli.history.trends import HOUR, Trends, medians, trends
from health_cli.models import CHECK, HOST, METRIC, HealthHour, HealthMetric
from health_cli.page.ranges import Range

MOST = 500  # points: more than most charts have pixels for
RUNS = 3_000  # runs that are read, a day's at one each half minute; hours take the place of those before


class Seen(NamedTuple):
    """What a chart shows: `extra` has the thresholds and the maximum, as the newest run had them."""

    series: Series
    since: float
    until: float
    unit: str
    extra: Mapping[str, Any]
    points: Sequence[Row]
    trends: Trends


def seen(alias: str, series: Series, shown: Range) -> Seen:
    """Return what there is of a metric in the time that leads up to now. DatabaseError."""
    now = time.time()
    since = now - shown.seconds
    hours, unit = _hours(alias, series, min(since, now - FORESEEN))
    over = hours[-1].seconds + HOUR / 2 if hours else 0.0
    runs, unit, extra = _runs(alias, series, since if shown.runs else max(over, since), unit)
    first = runs[0].seconds if runs else now
    rows = [*(row for row in hours if row.seconds + HOUR / 2 <= first), *runs]
    lately = [*hours, *(row for row in runs if row.seconds >= over)]  # for trends hours are fine enough
    recent = ((row.seconds, row.value) for row in lately if row.value is not None and row.seconds >= now - FORESEEN)
    return Seen(
        series=series,
        since=since,
        until=now,
        unit=unit,
        extra=extra,
        points=folded([row for row in rows if row.seconds >= since], since, now),
        trends=trends(list(medians(recent, FINE)), _limit(series, unit, extra)),
    )


def _hours(alias: str, series: Series, since: float) -> tuple[list[Row], str]:
    """Return the hours from a moment on, each at its middle, and the unit of the newest."""
    between = {"hour__gte": moment(since), "hour__lte": moment(time.time())}
    hours = HealthHour.objects.using(alias).filter(**_columns(series), **between).order_by("hour")
    rows = list(hours.values_list("hour", "mean", "minimum", "maximum", "count", "status", "unit"))
    found = [Row(seconds_of(at) + HOUR / 2, m, low, high, n, status, True) for at, m, low, high, n, status, _ in rows]
    return found, rows[-1][-1] if rows else ""


def _runs(alias: str, series: Series, since: float, unit: str) -> tuple[list[Row], str, Mapping[str, Any]]:
    """Return the runs from a moment on, the unit, and what else the newest of them says."""
    between = {"timestamp__gte": moment(since), "timestamp__lte": moment(time.time() + AHEAD)}
    runs = HealthMetric.objects.using(alias).filter(**_columns(series), **between)
    text = Cast("metric_value", TextField())  # only the newest is read: to parse all takes as long as to fetch them
    rows = list(runs.order_by("-timestamp").values_list("timestamp", "value", "status", "unit", text)[:RUNS])
    if not rows:
        return [], unit, {}
    found = [Row(seconds_of(at), v, v, v, int(v is not None), status, False) for at, v, status, *_ in reversed(rows)]
    extra = json.loads(rows[0][4])
    return found, rows[0][3], extra if isinstance(extra, Mapping) else {}


def _columns(series: Series) -> dict[str, str]:
    return {
        "host": fitting(series.host, HOST),
        "check_name": fitting(series.check, CHECK),
        "metric_name": fitting(series.metric, METRIC),
    }


def _limit(series: Series, unit: str, extra: Mapping[str, Any]) -> float | None:
    """Return the value at which the metric is full; None where it never is, or nobody knows."""
    if not fills(series.check, series.metric):
        return None
    return 100.0 if unit == "%" else extra.get("max")


def folded(rows: Sequence[Row], since: float, until: float, most: int = MOST) -> list[Row]:
    """Return at most so many rows, each of a part of the time: its least, mean and greatest, and its worst status."""
    if len(rows) <= most:
        return list(rows)
    part = (until - since) / most
    groups = groupby(rows, key=lambda row: min(int((row.seconds - since) / part), most - 1))
    return [_together(list(group)) for _, group in groups]


def _together(rows: Sequence[Row]) -> Row:
    count = sum(row.values for row in rows)
    return Row(
        seconds=sum(row.seconds for row in rows) / len(rows),
        value=sum(row.value * (row.values / count) for row in rows if row.value is not None) if count else None,
        minimum=min((row.minimum for row in rows if row.minimum is not None), default=None),
        maximum=max((row.maximum for row in rows if row.maximum is not None), default=None),
        values=count,
        status=max(Status.parse(row.status) for row in rows).word,
        hour=any(row.hour for row in rows),
    )
