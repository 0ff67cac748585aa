"""Counted: the statistics that the counting middleware has left in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.checks.api.statistics import Statistics
from health_cli.core.check import Requirement
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.memory import Memory
from health_cli.core.registry import load_client
from health_cli.core.status import Status

REDIS = Requirement("redis", "redis")


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the middleware has counted; `cache` is the entry of CACHES that it counts in, None where there is none."""

    cache: Mapping[str, Any] | None = field(repr=False)
    secret: str = field(repr=False)
    name: ClassVar[str] = "the counting middleware"

    def read(self, now: float, limit: float, memory: Memory) -> Statistics:
        """Read the buckets; Failure where Redis does not give them, or nothing has been counted."""
        if self.cache is None:
            raise Failure(
                Kind.MISCONFIGURED,
                "The counting middleware counts in Redis, and CACHES has none, or not the one that 'cache' names.",
                summary="no Redis to count in", status=Status.UNKNOWN,
                hint="Add a Redis to CACHES, and name it: HEALTH_CLI['API'] = {'cache': ALIAS}.",
            )  # fmt: skip
        client = load_client("health_cli.checks.api.counted_client", REDIS)
        statistics: Statistics = client.read(self.cache, self.secret, now, limit)
        return statistics
