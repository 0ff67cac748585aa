"""host.processes: how many there are, how many are zombies, and how many files are open."""

from dataclasses import dataclass, field

from health_cli.checks.host.procfs import read
from health_cli.checks.host.system import system
from health_cli.core.check import Check
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result

METRICS = (
    metric("processes", help="Processes on this host, or in this container."),
    metric("zombies", help="Processes that ended and that their parent has not taken note of."),
    metric(
        "open_files_percent", "%", warning="70", critical="90",
        hint="Find who holds them with lsof, or raise fs.file-max.",
        help="Open files of the kernel's maximum (fs.file-max). 70 and 90: node-mixin.",
    ),
    metric("open_files", help="Open files of the whole kernel."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Processes(Check):
    """Processes, zombies among them, and open files of the kernel's maximum."""

    name: str = "host.processes"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Count processes and read the kernel's table of files."""
        return measure(*system.processes(), open_files())

    def judge(self, measurement: Measurement) -> Result:
        """Judge the open files."""
        processes, zombies = measurement.values["processes"], measurement.values["zombies"]
        return self.result(measurement, summary=f"{processes} processes, {zombies} zombie{'' if zombies == 1 else 's'}")


def measure(processes: int, zombies: int, files: tuple[int, int] | None) -> Measurement:
    """Put the counts together; `files` is (open, maximum)."""
    values: dict[str, float] = {"processes": processes, "zombies": zombies}
    if files is None:
        reason = "this system does not tell"
        return Measurement(values=values, missing={"open_files": reason, "open_files_percent": reason})
    used, maximum = files
    values |= {"open_files": used, "open_files_percent": round(100 * used / maximum, 2)}
    return Measurement(values=values, facts={"open_files_max": maximum})


def open_files(path: str = "/proc/sys/fs/file-nr") -> tuple[int, int] | None:
    """Return open files and their maximum, None where the kernel does not tell."""
    numbers = read(path).split()
    return (int(numbers[0]), int(numbers[2])) if numbers else None
