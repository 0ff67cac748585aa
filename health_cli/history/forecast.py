"""Forecast: when the metrics that fill up will be full, in a file that recording runs write for those that follow.

Thus a verdict can hang on the record without waiting for its database.
"""

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from health_cli.history.place import Place, read_json, write_whole
from health_cli.history.trends import MINUTE, Full

OFTEN = 15 * MINUTE  # a metric is foretold no more often: its record is read for that


class Forecast(NamedTuple):
    """When a metric will be full, as foretold `at` that many seconds since the epoch."""

    at: float
    full: Full

    def to_json(self) -> dict[str, Any]:
        """Write it for the file: null where there is no prediction, and the reason where there is none."""
        return {"at": self.at, **self.full._asdict(), "reason": self.full.reason or None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Forecast":
        """Read back what `to_json` wrote; KeyError, TypeError or ValueError where it is not that."""
        if data["seconds"] is None:
            return cls(_number(data["at"]), Full(reason=str(data["reason"])))
        seconds, soonest, latest = (_number(data[name]) for name in ("seconds", "soonest", "latest"))
        return cls(_number(data["at"]), Full(seconds, soonest, latest))


def _number(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return float(value)


def load(place: Place, now: float) -> dict[str, Forecast]:
    """Return the forecasts by check/metric; what can't be read, or is of a time to come, is not there."""
    data: Any = None
    with suppress(OSError, ValueError):
        data = read_json(place.forecast)
    found: dict[str, Forecast] = {}
    for name, item in data.items() if isinstance(data, dict) else ():
        with suppress(KeyError, TypeError, ValueError):
            found[name] = Forecast.from_json(item)
    return {name: forecast for name, forecast in found.items() if forecast.at <= now}


def save(place: Place, forecasts: Mapping[str, Forecast]) -> None:
    """Write them; OSError."""
    text = json.dumps({name: forecast.to_json() for name, forecast in sorted(forecasts.items())}, allow_nan=False)
    write_whole(place.forecast, text)


def due(asked: Iterable[str], known: Mapping[str, Forecast], now: float) -> list[str]:
    """Return what is to be foretold now, what waits longest first."""
    since = {name: known[name].at if name in known else 0.0 for name in asked}
    return sorted((name for name in since if now - since[name] >= OFTEN), key=since.__getitem__)
