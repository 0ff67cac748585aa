"""api.latency: how long answers take."""

from dataclasses import dataclass, field

from health_cli.checks.api.base import ENOUGH_OF_ONE, SHOWN, ApiCheck, known
from health_cli.checks.api.histogram import percentile
from health_cli.checks.api.statistics import Endpoint
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

METRICS = (
    *(metric(f"{name}_1h", "s", help=f"{share:.0%} of the answers of the last hour took no longer.")
      for name, share in SHARES.items()),
    *(metric(f"{name}_24h", "s", help=f"{share:.0%} of those of the last 24 hours.") for name, share in SHARES.items()),
    metric("mean_1h", "s", help="The mean of the last hour."),
    metric("slowest_endpoint_p95", "s", help=f"Of the slowest endpoint with {ENOUGH_OF_ONE} requests in 24 h."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Latency(ApiCheck):
    """How long the server takes to answer, without the network: percentiles of the last hour and the last 24.

    The counting middleware adds latencies up in buckets of which each is a fifth wider than the one before, so that
    percentiles are at most 19 % off, of latencies from a millisecond to a minute; what is faster or slower counts as
    that. A streamed answer counts when it begins. There are no default thresholds: what is slow differs from project to
    project.
    """

    name: str = "api.latency"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Find the percentiles, and the slowest endpoints."""
        statistics = self.statistics()
        found: dict[str, float | None] = {}
        for name, share in SHARES.items():
            found[f"{name}_1h"] = statistics.hour.percentile(share)
            found[f"{name}_24h"] = statistics.day.percentile(share)
        hour = statistics.hour.total
        found["mean_1h"] = hour.seconds / hour.requests if hour.seconds is not None and hour.requests else None
        slow = sorted(_slow(statistics.day.endpoints), key=lambda item: -item[1])[:SHOWN]
        found["slowest_endpoint_p95"] = slow[0][1] if slow else None
        silent = f"{statistics.source} does not tell how long they took"
        reasons = {
            "1h": "there were no requests" if not hour.requests else silent,
            "24h": silent
            if statistics.day.total.requests and not statistics.day.has_latency
            else "there were no requests",
        }
        facts = {"slowest_24h": [{"endpoint": name, "p95": round(seconds, 4)} for name, seconds in slow]}
        values, missing = known(found, "")
        few = f"no endpoint has had {ENOUGH_OF_ONE} requests with a time"
        missing = {name: reasons.get(name.rpartition("_")[2], few) for name in missing}
        return self.told(statistics, values, missing, facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say what half of the answers and nearly all take at the most."""
        values = measurement.values
        parts = [f"{name} {humanize(values[f'{name}_1h'], 's')}" for name in SHARES if f"{name}_1h" in values]
        if not parts:
            return self.result(measurement, summary=measurement.missing["p50_1h"])
        return self.result(measurement, summary=", ".join(parts))


def _slow(endpoints: dict[str, Endpoint]) -> list[tuple[str, float]]:
    found = (
        (name, percentile(each.latencies, 0.95)) for name, each in endpoints.items() if each.requests >= ENOUGH_OF_ONE
    )
    return [(name, seconds) for name, seconds in found if seconds is not None]
