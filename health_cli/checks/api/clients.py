"""api.clients: how many different clients ask."""

from dataclasses import dataclass, field

from health_cli.checks.api.base import ApiCheck, known
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

METRICS = (
    metric("active_1h", help="Different clients of the last hour."),
    metric("active_24h", help="Different clients of the last 24 hours."),
)


@dataclass(frozen=True, kw_only=True)
class Clients(ApiCheck):
    """How many different clients have asked: users who are logged in, and for all others addresses.

    The counting middleware keeps a salted hash of each in HyperLogLogs, from which nobody can tell who it was; such a
    count is off by 0.81 % as a rule. Behind proxies of your own, tell how many there are (`proxies` in the setting
    API), or all clients have the address of the last one.
    """

    name: str = "api.clients"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Take both counts."""
        statistics = self.statistics()
        found = {"active_1h": statistics.hour.clients, "active_24h": statistics.day.clients}
        reason = f"{statistics.source} does not tell who asked: it has neither users nor addresses"
        return self.told(statistics, *known(found, reason), {})

    def judge(self, measurement: Measurement) -> Result:
        """Say how many there are."""
        counts = measurement.values
        parts = [
            f"{humanize(counts[f'active_{time}'])} in {time[:-1]} h"
            for time in ("1h", "24h")
            if f"active_{time}" in counts
        ]
        return self.result(measurement, summary=f"{', '.join(parts)} active" if parts else "not known")
