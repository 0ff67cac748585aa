"""host.memory: how much memory is left, of the host or of the control group that binds first."""

from dataclasses import dataclass, field

from health_cli.checks.host.cgroup import MemoryLimit, memory_limit
from health_cli.checks.host.procfs import read
from health_cli.checks.host.system import system
from health_cli.core.check import Check
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

_HINT = "See what uses it: ps aux --sort=-rss. Restart what leaks, or give the machine more."

METRICS = (
    metric(
        "used_percent", "%", warning="90", critical="95", hint=_HINT,
        help="Memory that can't be had, (total - available) / total. 90 and 95: Percona's unix-memory.",
    ),
    metric(
        "cgroup_used_percent", "%", warning="85", critical="95",
        hint="The kernel kills at 100 %: raise the container's memory limit, or use less.",
        help="The same within the tightest cgroup limit, where one binds; the page cache that would be "
        "dropped first is left out.",
    ),
    metric("available", "B", help="Memory that programs can have without swapping."),
    metric("total", "B", help="Memory of the host, or the limit of the cgroup that binds."),
    metric("oom_kills", "c", help="Processes that the kernel has killed for want of memory since the start."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Memory(Check):
    """Memory left, counted as the kernel counts it: what caches hold can be had, so it is no use.

    In a container the host's figures say nothing about the limit at which processes are killed. Where a
    cgroup (v1 or v2, or any group above it) has a limit below the host's memory, it is that limit of which
    `available` and `total` speak, and its percentage is judged too: the tighter of both decides.
    """

    name: str = "host.memory"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Read the host's memory and the tightest cgroup limit."""
        return measure(*system.memory(), memory_limit(), oom_kills())

    def judge(self, measurement: Measurement) -> Result:
        """Judge the percentage of what binds."""
        left, total = measurement.values["available"], measurement.values["total"]
        scope = " (cgroup limit)" if measurement.facts["scope"] == "cgroup" else ""
        summary = f"{humanize(left, 'B')} of {humanize(total, 'B')} available{scope}"
        return self.result(measurement, summary=summary)


def measure(total: int, available: int, limit: MemoryLimit | None, kills: int | None) -> Measurement:
    """Put the host's and the cgroup's figures side by side."""
    facts = {"scope": "host", "host_total": total, "host_available": available}
    missing = {} if kills is not None else {"oom_kills": "this kernel does not count them"}
    values: dict[str, float] = {} if kills is None else {"oom_kills": kills}
    values["used_percent"] = round(100 * (total - available) / total, 2)
    if limit is None or limit.limit >= total or not limit.limit:
        missing["cgroup_used_percent"] = "no cgroup limit binds"
        return Measurement(values=values | {"available": available, "total": total}, missing=missing, facts=facts)
    values["cgroup_used_percent"] = round(100 * limit.used / limit.limit, 2)
    left = min(available, max(0, limit.limit - limit.used))
    values |= {"available": left, "total": limit.limit}
    return Measurement(values=values, missing=missing, facts=facts | {"scope": "cgroup", "cgroup": limit.path})


def oom_kills(vmstat: str = "/proc/vmstat") -> int | None:
    """Return the kernel's count of out-of-memory kills, None where it keeps none."""
    return next((int(line.split()[1]) for line in read(vmstat).splitlines() if line.startswith("oom_kill ")), None)
