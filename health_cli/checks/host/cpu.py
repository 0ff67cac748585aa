"""host.cpu: how busy the CPUs are, over a real sample."""

from dataclasses import dataclass, field

from health_cli.checks.host.cgroup import CpuLimit, cpu_limit
from health_cli.checks.host.sample import ours, sample
from health_cli.core.check import Check
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result

METRICS = (
    metric("used_percent", "%", help="Time not idle, of all CPUs together. No default threshold: busy is no fault."),
    metric("iowait_percent", "%", help="Idle time with a disk request under way (Linux)."),
    metric("steal_percent", "%", help="Time that the hypervisor gave to other machines (Linux)."),
    metric("cgroup_cpus", "CPUs", help="The CPUs that the tightest cgroup quota allows, where there is one."),
    metric("cgroup_used_percent", "%", help="CPU time that its group used, of what the quota allows."),
)


@dataclass(frozen=True, kw_only=True)
class Cpu(Check):
    """CPU time used during a sample of at least `sample` seconds, measured from two readings, never since boot.

    What health-cli uses itself meanwhile is left out. It is a snapshot: the load (host.load) tells about the
    last minutes. Where a cgroup has a quota, what its group used of that is measured too, our own work
    included: the host may be idle while the container is throttled.
    """

    name: str = "host.cpu"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    sample: float = 0.1

    def gather(self) -> Measurement:
        """Read the CPU times twice, and what a quota allows and its group has used."""
        before = cpu_limit()
        first, second = sample(self.sample, anew=before is not None)
        if first.pid != second.pid and not spare(first.cpu_times, second.cpu_times):
            first, second = sample(self.sample, anew=True)  # now that we have nothing else to do
        host = measure(first.cpu_times, second.cpu_times, ours(first, second))
        values, missing = measure_quota(before, cpu_limit(), second.at - first.at)
        return Measurement(values={**host.values, **values}, missing={**host.missing, **missing})

    def judge(self, measurement: Measurement) -> Result:
        """Say how busy they were."""
        used = measurement.values.get("cgroup_used_percent", measurement.values.get("used_percent"))
        summary = "no time passed in the sample" if used is None else f"{used:.0f} % busy"
        return self.result(measurement, summary=summary)


def measure(first: dict[str, float], second: dict[str, float], own: float = 0.0) -> Measurement:
    """Turn two readings of CPU times into percentages of the time between them.

    `own` are the seconds that health-cli used itself, which are left out of what is used. Guest time is
    left out of the sum: Linux counts it in user time already.
    """
    names = [name for name in second if name not in {"guest", "guest_nice"}]
    spent = {name: max(0.0, second[name] - first[name]) for name in names}
    total = sum(spent.values())
    if total <= 0:
        reason = "no time passed in the sample"
        return Measurement(missing=dict.fromkeys(("used_percent", "iowait_percent", "steal_percent"), reason))
    idle = spent["idle"] + spent.get("iowait", 0.0)
    used = max(0.0, total - idle - own)
    values, missing = {"used_percent": round(100 * used / total, 1)}, {}
    for name in ("iowait", "steal"):
        if name in spent:
            values[f"{name}_percent"] = round(100 * spent[name] / total, 1)
        else:
            missing[f"{name}_percent"] = "not counted on this system"
    return Measurement(values=values, missing=missing)


def spare(first: dict[str, float], second: dict[str, float]) -> bool:
    """Tell whether a fifth of the time was idle between two readings.

    Then our own work has taken nothing from others, and can be left out. Else they may have waited for us.
    """
    spent = {name: second[name] - first[name] for name in second}
    return spent["idle"] + spent.get("iowait", 0.0) > 0.2 * sum(spent.values())


def measure_quota(
    before: CpuLimit | None, after: CpuLimit | None, seconds: float
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the metrics of the cgroup's quota, and the reasons for those that are missing."""
    if after is None:
        return {}, dict.fromkeys(("cgroup_cpus", "cgroup_used_percent"), "no CPU quota")
    values = {"cgroup_cpus": after.cpus}
    if before is None or before.used is None or after.used is None or seconds <= 0:
        return values, {"cgroup_used_percent": "the group does not say what it used"}
    part = (after.used - before.used) / (seconds * after.cpus)
    return values | {"cgroup_used_percent": round(100 * max(0.0, part), 1)}, {}
