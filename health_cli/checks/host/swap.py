"""host.swap: how full the swap space is, and whether the host is swapping right now."""

from dataclasses import dataclass, field

from health_cli.checks.host.sample import sample
from health_cli.checks.host.system import system
from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("used_percent", "%", help="Swap space in use. No default threshold: full but quiet swap is no fault."),
    metric("used", "B", help="Swap space in use."),
    metric("total", "B", help="Swap space there is."),
    metric("in_rate", "B/s", help="Bytes a second read back from swap during a short sample."),
)
_NONE = "this host has no swap space"


@dataclass(frozen=True, kw_only=True)
class Swap(Check):
    """Swap space, and whether it is being read back now.

    A full swap that nobody reads is harmless; one that is read makes everything slow. So it warns only
    when more than `busy_percent` is used (80: awesome-prometheus-alerts) and pages come back in during
    a sample of at least `sample` seconds.
    """

    name: str = "host.swap"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    busy_percent: float = 80.0
    sample: float = 0.1

    def gather(self) -> Measurement:
        """Read how full it is, and twice how much has come back from it."""
        total, used = system.swap()
        if not total:
            return Measurement(missing=dict.fromkeys((m.name for m in METRICS), _NONE))
        first, second = sample(self.sample)
        rate = (second.swapped_in - first.swapped_in) / (second.at - first.at)
        values = {"used_percent": round(100 * used / total, 1), "used": used, "total": total}
        return Measurement(values=values | {"in_rate": round(rate, 1)})

    def judge(self, measurement: Measurement) -> Result:
        """Warn about a full swap that is being read."""
        if not measurement.values:
            return self.result(measurement, summary="no swap space")
        used, rate = measurement.values["used_percent"], measurement.values["in_rate"]
        findings = []
        if used > self.busy_percent and rate > 0:
            findings.append(
                Finding(
                    status=Status.WARNING,
                    kind=Kind.FULL,
                    summary=f"swapping, {used:.0f} % used",
                    message=f"Swap is {used:.1f} % used (more than {self.busy_percent:g} %) and being read at "
                    f"{humanize(rate, 'B')} a second",
                    hint="Memory is short: see host.memory, and what grew: ps aux --sort=-rss",
                )
            )
        total = humanize(measurement.values["total"], "B")
        return self.result(measurement, summary=f"{used:.0f} % of {total} used", findings=findings)
