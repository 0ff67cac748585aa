"""Forecasting: foretells in the back, from the record, when metrics will be full, for the runs that follow.

Which ones: those that the last run was asked for. It is done seldom and in a part of the time, so that a record of any
size costs a run little; what is not reached is first the next time.
"""

import time
from collections.abc import Iterable, Iterator

from health_cli.config.full_in import FULL_IN
from health_cli.core.filling import fills, full_in_of
from health_cli.core.report import Report
from health_cli.history.forecast import Forecast, due, load, save
from health_cli.history.last import last_here
from health_cli.history.loading import fitting
from health_cli.history.opening import Record
from health_cli.history.place import Place
from health_cli.history.reading import Reader, Series
from health_cli.history.trends import DAY, HOUR, Full, Point, full_in
from health_cli.models import CHECK, HOST, METRIC

A_PART = 0.5  # seconds of a run, at the most
SILENT = 2 * HOUR  # what has not been measured for longer goes on in ways that nobody knows
KEPT = DAY  # so that what a run leaves out is known to have been foretold


def forecast(place: Place, record: Record, until: float, part: float = A_PART) -> None:
    """Foretell what is due in that many seconds, where there are as many before a moment of the monotonic clock.

    DatabaseError where the record can't be read, OSError where the file can't be written.
    """
    wanted = any(FULL_IN in pair for pair in record.setting.THRESHOLDS.values())
    last = last_here(place) if wanted and until - time.monotonic() > part else None
    if last is None:
        return
    now, end = time.time(), time.monotonic() + part
    known, asked = load(place, now), dict(_asked(last.report))
    found: dict[str, Forecast] = {}
    for name in due(asked, known, now):
        full = _foretold(Reader(record.alias), asked[name], now, end)
        if full is None and found:
            break
        # one that takes all the time by itself must not keep the others waiting for ever
        found[name] = Forecast(now, full or Full(reason=f"the record could not be read in {part:g} s"))
    if found:
        save(place, {name: old for name, old in {**known, **found}.items() if now - old.at < KEPT})


def _asked(report: Report) -> Iterator[tuple[str, Series]]:
    """Yield the metrics beside which the run had one that foretells, with the names that the record has for them."""
    for result in report.checks:
        names = {metric.name for metric in result.metrics}
        for metric in result.metrics:
            if fills(result.name, metric.name) and full_in_of(metric.name) in names:
                series = Series(fitting(report.host, HOST), fitting(result.name, CHECK), fitting(metric.name, METRIC))
                yield f"{result.name}/{metric.name}", series


def _foretold(reader: Reader, series: Series, now: float, until: float) -> Full | None:
    """Return when a metric will be full, counted from now, or why that is not known; None where the time is over."""
    try:
        points = list(_within(until, reader.recent(series, now)))
    except TimeoutError:
        return None
    if not points or now - points[-1][0] > SILENT:
        return Full(reason="it has not been measured of late")
    return full_in(points, reader.limit(series)).after(now - points[-1][0])


def _within(until: float, points: Iterable[Point]) -> Iterator[Point]:
    """Yield the points; TimeoutError when the time is over."""
    for point in points:
        if time.monotonic() > until:
            raise TimeoutError
        yield point
