"""host.load: how many processes want to run, compared with how many can."""

import os
from dataclasses import dataclass, field

from health_cli.core.check import Check
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result

METRICS = (
    metric(
        "load15_per_cpu", warning="2", critical="5",
        hint="See what runs (R) or waits for a disk (D): ps -eo stat,pid,comm --sort=-stat",
        help="The 15-minute load divided by the host's CPUs. 2: kube-prometheus' NodeSystemSaturation, "
        "5: Checkmk's cpu_loads.",
    ),
    metric("load1", help="Processes running or waiting for CPU or disk, 1-minute average."),
    metric("load5", help="The same over 5 minutes."),
    metric("load15", help="The same over 15 minutes."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Load(Check):
    """The load average, per CPU of the host.

    On Linux it counts processes that wait for a disk too: a high load with an idle CPU means a slow or
    hung disk or network file system. In a container it is still the host's load and is compared with
    the host's CPUs, never with the container's quota.
    """

    name: str = "host.load"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Read the three averages."""
        return measure(os.getloadavg(), os.cpu_count() or 1)

    def judge(self, measurement: Measurement) -> Result:
        """Judge the 15-minute average per CPU."""
        values = measurement.values
        averages = " ".join(f"{values[name]:.2f}" for name in ("load1", "load5", "load15"))
        return self.result(measurement, summary=f"{averages} on {measurement.facts['cpus']} CPUs")


def measure(averages: tuple[float, float, float], cpus: int) -> Measurement:
    """Set the averages against the CPUs."""
    load1, load5, load15 = (round(average, 2) for average in averages)
    values = {"load1": load1, "load5": load5, "load15": load15, "load15_per_cpu": round(load15 / cpus, 3)}
    return Measurement(values=values, facts={"cpus": cpus})
