"""deploy.static: whether the static files were collected, and all that the manifest names are there."""

from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status

METRICS = (
    metric("files", help="Files that the manifest names; without a manifest what lies in the folder, at the top."),
    metric(
        "missing", critical="0", hint="Run 'manage.py collectstatic' where it is deployed.",
        help="Files that the manifest names and that are not there; null for storages elsewhere. Each is a 404.",
    ),
    metric("age", "s", help="Seconds since they were collected: since the manifest was written."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Static(Check):
    """The static files, as `STORAGES["staticfiles"]` has them.

    A storage with a manifest (Django's ManifestStaticFilesStorage, WhiteNoise's, those of django-storages) is asked
    for it: without one, or with one that names files which are not there, pages fail. Of any other on this host it is
    looked whether STATIC_ROOT has files. Where there is no STATIC_ROOT, nothing is collected, and it is skipped.

    The project's settings and the storage's class are loaded. On request.
    """

    name: str = "deploy.static"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Ask the storage."""
        measurement: Measurement = load("health_cli.checks.deploy.static_client").gather()
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Tell how many there are, and which is not."""
        lost = measurement.facts.get("missing_files", ())
        named = [] if not lost else [Finding(
            status=Status.CRITICAL, kind=Kind.MISSING, summary=f"{len(lost)} missing",
            message=f"The manifest names what is not there: {lost[0]}" + (" and others" if len(lost) > 1 else ""),
            hint="Run 'manage.py collectstatic' where it is deployed.",
        )]  # fmt: skip
        return self.result(measurement, summary=f"{measurement.values['files']} files", findings=named)
