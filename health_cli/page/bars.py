"""Bars: where a value stands between its least and its greatest, and where its thresholds alert. In percent, as text:
what a template writes of a number depends on the language.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from health_cli.core.metric import Metric
from health_cli.core.threshold import Threshold

ROOM = 1.25  # how far a scale goes beyond what is on it, where the metric has no maximum


class Zone(NamedTuple):
    """A part of the scale on which a threshold alerts."""

    status: str
    start: str
    width: str


class Bar(NamedTuple):
    """How far a value fills its scale, and the zones of it, the worse ones last."""

    filled: str
    zones: tuple[Zone, ...]


def bar_of(metric: Metric) -> Bar | None:
    """Return the bar of a metric: None where there is no value, or nothing to set it against."""
    if metric.value is None:
        return None
    limits = {"warning": metric.warning, "critical": metric.critical}
    ends = [end for limit in limits.values() if limit for end in (limit.start, limit.end) if end and math.isfinite(end)]
    most = 100.0 if metric.unit == "%" and metric.max is None else metric.max
    if most is None and not ends:
        return None
    low = min(metric.min or 0.0, metric.value, *ends, 0.0)
    high = max(most, metric.value) if most is not None else max(metric.value, *ends, 0.0) * ROOM
    if not 0 < high - low < math.inf:
        return None

    def place(value: float) -> float:
        return (min(max(value, low), high) - low) / (high - low) * 100

    zones = [
        Zone(status, f"{place(start):.2f}", f"{place(end) - place(start):.2f}")
        for status, limit in limits.items()
        if limit
        for start, end in _alerting(limit)
        if place(end) > place(start)
    ]
    return Bar(f"{place(metric.value):.2f}", tuple(zones))


def _alerting(limit: Threshold) -> Iterator[tuple[float, float]]:
    """Yield the intervals on which a threshold alerts."""
    if limit.inside:
        yield limit.start, limit.end
        return
    yield -math.inf, limit.start
    yield limit.end, math.inf
