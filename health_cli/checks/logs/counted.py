"""logs:NAME, of what our logging handler has counted."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.checks.logs.log import METRICS, spoken, values_of, with_first
from health_cli.core.check import Check, Requirement
from health_cli.core.errors import Failure
from health_cli.core.instance import named_by
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result, fill
from health_cli.core.status import Status

NOTHING = "the handler has counted nothing within a day: nobody logged a warning, or no process has it"


@dataclass(frozen=True, kw_only=True)
class CountedLog(Check):
    """Records of WARNING and worse within the last `window` seconds, as a logging handler has counted them.

    The handler `health_cli.log_handler.CountingHandler` counts in all processes that have it, web servers and workers,
    and leaves the counts in a Redis of CACHES. There is no file to be read, so it is the way for containers. What a
    message says is masked before it is kept; messages that differ by numbers and ids alone are one.

    There are no default thresholds: how many errors are normal differs from project to project.
    """

    name: str = "logs:counted"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    cache: Mapping[str, Any] | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    window: float = 3600.0

    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("redis", "redis"),)

    def gather(self) -> Measurement:
        """Read the counts; Failure where Redis does not give them."""
        if self.cache is None:
            raise Failure(
                Kind.MISCONFIGURED, "The logging handler counts in Redis, and CACHES has none or not the one it names.",
                status=Status.UNKNOWN,
                summary="no Redis to count in", hint="Add a Redis to CACHES, or log to a file instead.",
            )  # fmt: skip
        client = load_client("health_cli.checks.logs.counted_client", self.requires[0])
        now = time.time()
        tally, since = client.read(self.cache, self.secret, named_by(self.name), now - self.window, self.timeout)
        if since is None:
            return Measurement(missing={item.name: NOTHING for item in self.metrics})
        return values_of(tally, now, self.window, since, {})

    def judge(self, measurement: Measurement) -> Result:
        """Say how many, in what time; that nothing was ever counted is no good news."""
        if not measurement.values:
            metrics = fill(self.metrics, measurement)
            return Result(
                name=self.name, status=Status.SKIPPED, summary="nothing counted so far", message=NOTHING,
                hint="Is the handler among those of a logger, as the root's, and were the processes started since?",
                metrics=metrics,
            )  # fmt: skip
        return with_first(self.result(measurement, summary=spoken(measurement)), measurement)
