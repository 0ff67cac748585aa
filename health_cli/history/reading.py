"""Reading: one metric's numbers out of the record, in the order of time, in constant memory.

Pages are cut by (timestamp, id): MySQLdb loads a whole result into memory, whatever `iterator()` is told, and an
offset makes the server count its way to each page. Where the rows of single runs have been pruned, the hours follow
in their place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from health_cli.checks.answering import NoAnswer, words
from health_cli.checks.bounded import ANSWER
from health_cli.core.errors import ConfigError
from health_cli.core.filling import fills
from health_cli.history.database import lacking, moment, seconds_of
from health_cli.history.opening import Record
from health_cli.history.trends import WEEK, Point, medians

PAGE = 2_000  # rows of a query: a page of a metric takes a server milliseconds, and us half a megabyte
WINDOW = timedelta(days=1)  # of time in the first query; those that follow fit what was found
SHORTEST = timedelta(seconds=1)
DURATION = "duration"
MOST = 500  # names in a list: nobody reads more
FORESEEN = 2 * WEEK  # what trends are made of: older growth says little about the days to come
FINE = 300.0  # seconds: what trends see of each is one median, so that two weeks of any rate are at most 4,032


class Row(NamedTuple):
    """What is known of one run, or of one hour: `value` is then the mean. `values` is how many there were.

    `seconds` are since the epoch, `hour` tells the two apart, the numbers are None where nothing was measured.
    """

    seconds: float
    value: float | None
    minimum: float | None
    maximum: float | None
    values: int
    status: str
    hour: bool


class Series(NamedTuple):
    """Whose numbers: a metric of a check on a host."""

    host: str
    check: str
    metric: str

    @property
    def name(self) -> str:
        """The metric's full name."""
        return f"{self.check}/{self.metric}"


class Latest(NamedTuple):
    """What the newest row of a series says of it: when it was, its unit, and its `extra` (thresholds, maximum)."""

    seconds: float
    unit: str
    extra: dict[str, Any]


@contextmanager
def asked(record: Record) -> Iterator[None]:
    """Hold a connection to the record; ConfigError where it can't be read, with what to do."""
    try:
        with record.connected(ANSWER) as connection:
            try:
                yield
            except Error as error:
                raise _explained(record, error, connection) from error
    except Error as error:
        raise _explained(record, error, None) from error


def _explained(record: Record, error: Exception, connection: BaseDatabaseWrapper | None) -> ConfigError:
    if connection is not None and not isinstance(error, NoAnswer) and _lacks_tables(connection):
        text = lacking(record.alias)
        found = ConfigError(f"{text[0].upper()}{text[1:]}")
    else:
        found = ConfigError(
            f"The record in the database '{record.alias}' can't be read: {words(error)}",
            hint=f"See more: health run database:{record.alias}",
        )
    found.secrets = record.source.secrets
    return found


def _lacks_tables(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the server answers, and does not have our tables."""
    from health_cli.models import HealthHour, HealthMetric

    try:
        with connection.cursor() as cursor:
            names = connection.introspection.table_names(cursor)
    except Error:
        return False
    return not {HealthMetric._meta.db_table, HealthHour._meta.db_table} <= set(names)


class Reader:
    """Asks the record; only within `asked`."""

    def __init__(self, alias: str) -> None:
        """Read the tables of this database."""
        from health_cli.models import HealthHour, HealthMetric

        self._runs: QuerySet[Any] = HealthMetric.objects.using(alias)
        self._hours: QuerySet[Any] = HealthHour.objects.using(alias)

    def rows(self, series: Series, since: float, until: float, page: int = PAGE) -> Iterator[Row]:
        """Yield what there is from `since` to `until`, both included: hours first where the runs have been pruned."""
        runs, hours = _of(self._runs, series), _of(self._hours, series)
        begin, end = moment(since), moment(until)
        first = runs.filter(timestamp__gte=begin, timestamp__lte=end).order_by("timestamp")
        oldest = first.values_list("timestamp", flat=True).first()
        hours = hours.filter(hour__lt=_hour_of(oldest)) if oldest else hours
        of_hour = ("mean", "minimum", "maximum", "count", "status")
        for time, _, mean, low, high, values, status in _pages(
            hours.order_by("hour"), "hour", (begin, end), page, of_hour
        ):
            yield Row(seconds_of(time), mean, low, high, values, status, True)
        if oldest:
            runs = runs.order_by("timestamp", "id")
            for time, _, value, status in _pages(runs, "timestamp", (oldest, end), page, ("value", "status")):
                yield Row(seconds_of(time), value, value, value, 0 if value is None else 1, status, False)

    def latest(self, series: Series) -> Latest | None:
        """Return what the newest row says, None where there is no row at all."""
        found = _of(self._runs, series).order_by("-timestamp").values_list("timestamp", "unit", "metric_value").first()
        if found:
            return Latest(seconds_of(found[0]), found[1], found[2] if isinstance(found[2], dict) else {})
        found = _of(self._hours, series).order_by("-hour").values_list("hour", "unit").first()
        return Latest(seconds_of(found[0]), found[1], {}) if found else None

    def recent(self, series: Series, until: float) -> Iterator[Point]:
        """Yield the points up to a moment that trends are made of."""
        rows = self.rows(series, until - FORESEEN, until)
        return medians(((row.seconds, row.value) for row in rows if row.value is not None), FINE)

    def limit(self, series: Series) -> float | None:
        """Return the value at which a metric is full; None where it never is, or nobody knows its maximum."""
        latest = self.latest(series)
        if latest is None or not fills(series.check, series.metric):
            return None
        return 100.0 if latest.unit == "%" else latest.extra.get("max")

    def hosts(self) -> list[str]:
        """Return the hosts that have recorded anything."""
        return sorted({*distinct(self._runs, "host"), *distinct(self._hours, "host")})

    def names(self, host: str) -> list[str]:
        """Return the full names of the metrics of a host."""
        found: set[str] = set()
        for rows in (self._runs.filter(host=host), self._hours.filter(host=host)):
            for check in distinct(rows, "check_name"):
                of_check = distinct(rows.filter(check_name=check), "metric_name")
                found |= {f"{check}/{metric}" for metric in of_check}
                if len(found) >= MOST:
                    return sorted(found)
        return sorted(found)

    def find(self, host: str, name: str) -> Series | None:
        """Return the series that a name means: a check alone is its `duration`. None where there is none.

        The name of a check may have a slash in it, as in `host.disk:/var/used_percent`.
        """
        check, _, metric = name.rpartition("/")
        candidates = (Series(host, name, DURATION), Series(host, check, metric))
        return next((series for series in candidates if self.latest(series)), None)


def _of(rows: QuerySet[Any], series: Series) -> QuerySet[Any]:
    return rows.filter(host=series.host, check_name=series.check, metric_name=series.metric)


def _hour_of(time: datetime) -> datetime:
    """Return the beginning of the hour; it is the same in every zone whose offset is in whole hours, and in UTC."""
    seconds = seconds_of(time)
    begin: datetime = moment(seconds - seconds % 3_600)
    return begin


def _pages(
    rows: QuerySet[Any], time: str, between: tuple[datetime, datetime], size: int, columns: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    """Yield (time, id, *columns), a query a page; each begins behind the last row of the one before.

    `rows` are ordered by time and id, or by the hour alone, of which there is one: MariaDB would sort them. Each query
    has a near end too, nearer where rows are dense: with a far one MariaDB reads the series from its beginning, every
    time, and a year takes seventy seconds instead of ten.
    """
    begin, end = between
    rows, window = rows.values_list(time, "id", *columns), WINDOW
    rest = rows.filter(**{f"{time}__gte": begin})
    while begin <= end:
        near = min(begin + window, end)
        page = list(rest.filter(**{f"{time}__lte": near})[:size])
        yield from page
        if len(page) == size:
            window = max(2 * (page[-1][0] - begin), SHORTEST)
            begin, number = page[-1][:2]
            rest = rows.filter(**{f"{time}__gte": begin}).exclude(**{time: begin, "id__lte": number})
        elif near == end:
            return
        else:
            begin, rest = near, rows.filter(**{f"{time}__gt": near})
            window = window * 2 if len(page) < size / 2 else window


def distinct(rows: QuerySet[Any], column: str) -> Iterator[str]:
    """Yield the different values of a column, a query each: SELECT DISTINCT would read the whole index."""
    while (value := rows.order_by(column).values_list(column, flat=True).first()) is not None:
        yield value
        rows = rows.filter(**{f"{column}__gt": value})
