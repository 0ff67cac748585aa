"""Ranges: the times that a chart shows."""

from typing import NamedTuple

DAY = 86_400


class Range(NamedTuple):
    """How far a chart goes back in seconds, what that is called, and whether it shows each run rather than hours."""

    seconds: int
    text: str
    runs: bool = False


RANGES = {
    "24h": Range(DAY, "24 h", runs=True),
    "7d": Range(7 * DAY, "7 d"),
    "30d": Range(30 * DAY, "30 d"),
    "1y": Range(365 * DAY, "1 y"),
}
