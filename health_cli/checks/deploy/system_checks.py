"""deploy.checks: Django's own system checks, as 'manage.py check --deploy' runs them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status

METRICS = (
    metric("errors", help="Messages of the levels ERROR and CRITICAL, which 'manage.py check' fails on."),
    metric("warnings", help="Messages of the level WARNING."),
    metric("silenced", help="Messages that SILENCED_SYSTEM_CHECKS keeps quiet."),
)
LEVELS = {"critical": Status.CRITICAL, "error": Status.CRITICAL, "warning": Status.WARNING}


@dataclass(frozen=True, kw_only=True)
class SystemChecks(Check):
    """Django's system checks, those for deployment among them, and those of the project's own apps.

    Each is shown by its id. Errors are critical: no command of the project runs with them. Warnings are warnings, as
    those of security.W004 to W025 are. What is meant as it is goes into Django's SILENCED_SYSTEM_CHECKS, and is
    counted, not shown. Checks of databases are not run: `deploy.migrations` and `database:ALIAS` look at these.

    The project is loaded, its URLs too. On request.
    """

    name: str = "deploy.checks"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Run them."""
        measurement: Measurement = load("health_cli.checks.deploy.system_checks_client").gather()
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Tell each, the worst first."""
        return self.result(measurement, summary="no system check complains", findings=list(_findings(measurement)))


def _findings(measurement: Measurement) -> Iterator[Finding]:
    for each in measurement.facts["messages"]:
        if each["level"] in LEVELS:
            yield _finding(each)


def _finding(each: Mapping[str, Any]) -> Finding:
    about = f" ({each['object']})" if each["object"] else ""
    return Finding(
        status=LEVELS[each["level"]], kind=Kind.MISCONFIGURED, summary=each["id"] or each["level"],
        message=f"{each['id'] or each['level']}{about}: {each['message']}",
        hint=each["hint"] or "Silence what is meant as it is by its id in SILENCED_SYSTEM_CHECKS.",
    )  # fmt: skip
