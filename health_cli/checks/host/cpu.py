"""host.cpu: how busy the CPUs are, over a real sample."""

import time
from dataclasses import dataclass, field

import psutil

from health_cli.checks.host.cgroup import cpu_limit
from health_cli.core.check import Check
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result

METRICS = (
    metric("used_percent", "%", help="Time not idle, of all CPUs together. No default threshold: busy is no fault."),
    metric("iowait_percent", "%", help="Idle time with a disk request under way (Linux)."),
    metric("steal_percent", "%", help="Time that the hypervisor gave to other machines (Linux)."),
    metric("cgroup_cpus", "CPUs", help="The CPUs that the tightest cgroup quota allows, where there is one."),
)


@dataclass(frozen=True, kw_only=True)
class Cpu(Check):
    """CPU time used during a sample of `sample` seconds, measured from two readings, never since boot.

    It is a snapshot: the load (host.load) tells about the last minutes.
    """

    name: str = "host.cpu"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    sample: float = 0.1

    def gather(self) -> Measurement:
        """Read the CPU times twice."""
        first = psutil.cpu_times()
        time.sleep(self.sample)
        return measure(first._asdict(), psutil.cpu_times()._asdict(), cpu_limit())

    def judge(self, measurement: Measurement) -> Result:
        """Say how busy they were."""
        used = measurement.values.get("used_percent")
        summary = "no time passed in the sample" if used is None else f"{used:.0f} % busy"
        return self.result(measurement, summary=summary)


def measure(first: dict[str, float], second: dict[str, float], quota: float | None) -> Measurement:
    """Turn two readings of CPU times into percentages of the time between them.

    Guest time is left out of the sum: Linux counts it in user time already.
    """
    names = [name for name in second if name not in {"guest", "guest_nice"}]
    spent = {name: max(0.0, second[name] - first[name]) for name in names}
    total = sum(spent.values())
    values: dict[str, float] = {} if quota is None else {"cgroup_cpus": quota}
    missing = {"cgroup_cpus": "no CPU quota"} if quota is None else {}
    if total <= 0:
        return Measurement(values=values, missing=missing | {"used_percent": "no time passed in the sample"})
    idle = spent["idle"] + spent.get("iowait", 0.0)
    values["used_percent"] = round(100 * (total - idle) / total, 1)
    for name in ("iowait", "steal"):
        if name in spent:
            values[f"{name}_percent"] = round(100 * spent[name] / total, 1)
        else:
            missing[f"{name}_percent"] = "not counted on this system"
    return Measurement(values=values, missing=missing)
