"""Moments: what `--since` and `--until` take, a time ago or a date."""

import re
import time
from datetime import datetime
from typing import Any

import click

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST = 50 * 366 * 86_400
LAST = 4_102_444_800  # 2100

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in click's stubs, not at run time
    """`30m`, `24h` or `7d` ago, or a date such as `2026-11-23` or `2026-11-23T14:30Z`; seconds since the epoch.

    A date without an offset is one of the time zone that the project has; it is read when that is known.
    """

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what can't be read."""
        try:
            seconds_since_epoch(str(value))
        except (ValueError, OverflowError):
            self.fail(f"'{value}' is no time: use 30m, 24h, 7d, 2w, or a date such as 2026-11-23", param, ctx)
        return str(value)


def seconds_since_epoch(text: str) -> float:
    """Return the moment that a text means; ValueError or OverflowError where it means none."""
    ago = _AGO.fullmatch(text)
    if not ago:
        seconds = datetime.fromisoformat(text).timestamp()
        if not 0 <= seconds <= LAST:
            raise ValueError("nothing was recorded then, nor will be")
        return seconds
    seconds = float(ago[1]) * SECONDS[ago[2]]
    if seconds > LONGEST:
        raise ValueError("that is longer than anything is kept")
    return time.time() - seconds
