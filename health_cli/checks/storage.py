"""storage:ALIAS: whether files can be written, read back and deleted where the project keeps them."""

from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("write_time", "s", help="Seconds to write a file of ours; null in read-only mode."),
    metric("read_time", "s", help="Seconds to read it back, to find and read `file`, or to list the top."),
    metric("delete_time", "s", help="Seconds to delete it; null in read-only mode."),
)


@dataclass(frozen=True, kw_only=True)
class Storage(Remembering):
    """A storage of STORAGES, such as that of uploaded files: a small file is written, read, compared and deleted.

    Its name begins with `health-cli-probe-`, and it lies at the top. It is deleted whatever happens after it was
    written, but for a check that is ended at its limit; where it can't be deleted, no other is written until it is.
    Where nothing may be written, `"OPTIONS": {"storage:backups": {"read_only": True}}`, a file is read: `file` names
    one that must be there. Without it, what lies at the top is listed, which takes long where that is many thousands
    of files.

    The storage's class is loaded with the project's settings. The one of the static files is left to deploy.static. On
    request, since it writes.
    """

    name: str = "storage:default"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    read_only: bool = False
    file: str = ""
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Write, read, compare and delete; or look for the file."""
        client = load("health_cli.checks.storage_client")
        alias = self.name.partition(":")[2]
        measurement: Measurement = client.look(alias, self.file) if self.read_only else client.probe(alias, self.memory)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say how long it took; a file that stays is a warning."""
        times = ", ".join(f"{name[:-5]} {humanize(value, 's')}" for name, value in measurement.values.items())
        return self.result(measurement, summary=times, findings=list(map(_left, measurement.facts.get("left", ()))))


def _left(name: str) -> Finding:
    return Finding(
        status=Status.WARNING, kind=Kind.READ_ONLY, summary="deletes nothing",
        message=f"The file {name} was deleted, and is there still",
        hint="Does the storage keep what is deleted? Then set 'read_only' in its OPTIONS, and delete what we left.",
    )  # fmt: skip
