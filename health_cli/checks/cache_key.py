"""CACHE_KEY in CHECKS: a number that an application leaves in a cache."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.core.age import age_of
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (metric("value", help="The number; with `timestamp` the seconds since the time that it is."),)


@dataclass(frozen=True, kw_only=True)
class CacheKey(Check):
    """A number in a cache of the project: `"CHECKS": {"shop.backlog": {"CACHE_KEY": "backlog", "critical": "500"}}`.

    The application leaves it by `cache.set("backlog", 17)`. `cache` is the alias, `default` by default, and it is read
    as the project reads it, with its prefix and version. Where there is no such key, or no number in it, the check is
    unknown.

    With `timestamp` it is a time since the epoch, as `time.time()` gives it, and what is judged are the seconds since
    then: `"timestamp": True, "critical": "1h"`.
    """

    name: str = "cache_key"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    key: str = ""
    cache: str = "default"
    timestamp: bool = False
    main: ClassVar[str] = "value"

    @property
    def implied_unit(self) -> str | None:
        """The unit of the value that goes without saying."""
        return "s" if self.timestamp else None

    def verify(self) -> None:
        """Raise ValueError where there is no key."""
        if not self.key:
            raise ValueError("an empty key is none")

    def gather(self) -> Measurement:
        """Read it; Failure where it is no number."""
        client = load("health_cli.checks.cache_key_client")
        found = client.value_of(self.cache, self.key)
        what = f"The key {self.key!r} in the cache '{self.cache}'"
        try:
            number = float(found)
        except (TypeError, ValueError, OverflowError):
            raise self._no_number(what, "is not there" if found is None else f"is {type(found).__name__}") from None
        if not self.timestamp and not math.isfinite(number):
            raise self._no_number(what, f"is {number}")
        value = age_of(what, number) if self.timestamp else number
        return Measurement(values={"value": int(value) if value.is_integer() else value})

    @staticmethod
    def _no_number(what: str, words: str) -> Failure:
        return Failure(
            Kind.MISSING, f"{what} {words}, no number.", summary="no number", status=Status.UNKNOWN,
            hint="Does the application leave it, in this cache, and has it expired?",
        )  # fmt: skip

    def judge(self, measurement: Measurement) -> Result:
        """Say how much it is."""
        unit = "s" if self.timestamp else self.metrics[0].unit
        return self.result(measurement, summary=humanize(measurement.values["value"], unit))
