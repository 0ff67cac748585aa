"""Zones: in which time zone a log writes times that tell none.

Django gives its process the zone of TIME_ZONE, and so its handlers; nginx and others have the machine's. Whichever lets
the last record be written when the file was is taken.
"""

import os
import re
from datetime import UTC, datetime, timedelta, tzinfo
from importlib import import_module

from health_cli.checks.logs.records import read

END = 8_192  # characters that have the last record
MACHINES = "/etc/localtime"


def zone_of(text: str, written: float, pattern: re.Pattern[str] | None, floor: str) -> tzinfo | None:
    """Return the zone of a text whose file was last written to then, since the epoch; None: that of this process."""

    end = text[-END:] if len(text) <= END else text[-END:].partition("\n")[2]

    def distance(zone: tzinfo | None) -> float:
        times = read(end, pattern, floor, zone).times
        return abs(times[1] - written) if times else 0.0

    return min(_candidates(), key=distance)


def _candidates() -> list[tzinfo | None]:
    """Return the zones that it may be: with the same distance the first one is taken."""
    if "TZ" not in os.environ or not os.path.exists(MACHINES):
        return [None, Later(None), UTC]
    with open(MACHINES, "rb") as file:
        machines = import_module("zoneinfo").ZoneInfo.from_file(file)
    return [None, Later(None), machines, Later(machines), UTC]


class Later(tzinfo):
    """A zone, None for that of this process, where an hour that a clock has twice in autumn is the second one."""

    def __init__(self, zone: tzinfo | None) -> None:
        """Take the zone."""
        self._zone = zone

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """Return the offset of a local time."""
        return None if at is None else at.replace(tzinfo=self._zone, fold=1).astimezone(self._zone).utcoffset()

    def dst(self, at: datetime | None) -> timedelta | None:
        """Nothing asks for that."""
        return None

    def tzname(self, at: datetime | None) -> str | None:
        """Nothing asks for that."""
        return None
