"""DJANGO_HEALTH_CHECK in CHECKS: a check class of django-health-check, run as one of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.result import Result
from health_cli.core.status import Status


@dataclass(frozen=True, kw_only=True)
class Foreign(Check):
    """A check class of django-health-check 4, its own or one that somebody has derived from `HealthCheck`, by its path.

    `"CHECKS": {"old.mail": {"DJANGO_HEALTH_CHECK": "health_check.Mail", "options": {"alias": "default"}}}`.

    It is made with `options`, and its `run()` called, sync or async. What it raises is understood: ServiceWarning is a
    warning, every other HealthCheckException critical, with its message. Any other exception is a fault of the check
    itself: unknown. The project is loaded first. It has no numbers, and what bounds it is the check's limit.
    """

    name: str = "old.check"
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    main: ClassVar[str] = ""

    def gather(self) -> Measurement:
        """Run it; whatever it raises that is no verdict is a crash."""
        client = load("health_cli.checks.foreign_client")
        verdict, message, said = client.run(self.path, self.options)
        return Measurement(facts={"verdict": verdict, "message": message, **({"labels": said} if said else {})})

    def judge(self, measurement: Measurement) -> Result:
        """Turn its verdict into ours."""
        verdict, message = measurement.facts["verdict"], measurement.facts["message"]
        if not verdict:
            return Result(
                name=self.name, status=Status.HEALTHY, summary=message, message=message, data=measurement.facts
            )
        status = Status.WARNING if verdict == "ServiceWarning" else Status.CRITICAL
        return Result(
            name=self.name, status=status, kind=Kind.REFUSED, summary=message[:80], message=f"{verdict}: {message}",
            hint=f"It is for {self.path} to say what to do.", data=measurement.facts,
        )  # fmt: skip
