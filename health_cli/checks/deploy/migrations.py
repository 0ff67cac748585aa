"""deploy.migrations: whether all migrations are applied, in each database."""

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

SHOWN = 3  # names in a sentence

METRICS = (
    metric(
        "unapplied", "migrations", warning="0", hint="Apply them: manage.py migrate",
        help="Migrations of the code that the databases have not, in all. Django's runserver warns of them too: the "
        "project may not work properly.",
    ),
    metric(
        "conflicts", critical="0", hint="Merge them: manage.py makemigrations --merge",
        help="Apps with several last migrations on disk, which 'migrate' refuses.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Migrations(Check):
    """The migrations of the code against those that each database has had.

    For each alias of DATABASES: those not applied, by app and name, as 'manage.py migrate --plan' has them; and a
    history that makes no sense, which is critical, since 'migrate' refuses it. Apps that the project's routers keep
    out of a database are left out there, and so is a database without the table django_migrations, unless it is
    `default`: nobody has ever migrated it. A database that can't be asked makes the check unknown.

    The project is loaded, with the migrations of all its apps. Needs SELECT on django_migrations, and nothing is
    written. On request.
    """

    name: str = "deploy.migrations"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Compare them in each database."""
        client = load("health_cli.checks.deploy.migrations_client")
        measurement: Measurement = client.gather(self.timeout)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Name what is not applied; what could not be asked is unknown."""
        databases = measurement.facts["databases"]
        findings = [each for alias, found in databases.items() for each in _findings(alias, found)]
        count = sum("unapplied" in found for found in databases.values())
        summary = f"all applied in {count} database{'' if count == 1 else 's'}"
        return self.result(measurement, summary=summary, findings=findings)


def _findings(alias: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    if found.get("inconsistent"):
        yield Finding(
            status=Status.CRITICAL, kind=Kind.MISCONFIGURED, summary=f"{alias}: inconsistent history",
            message=f"The history of '{alias}' makes no sense: {found['inconsistent']}",
            hint="See 'manage.py showmigrations', and correct django_migrations by hand.",
        )  # fmt: skip
    if found.get("unreachable"):
        yield Finding(
            status=Status.UNKNOWN, kind=Kind.REFUSED, summary=f"{alias} can't be asked",
            message=f"'{alias}' can't be asked: {found['unreachable']}", hint=f"See more: health run database:{alias}",
        )  # fmt: skip
    if unapplied := found.get("unapplied"):
        more = f" and {len(unapplied) - SHOWN} more" if len(unapplied) > SHOWN else ""
        yield Finding(
            status=Status.WARNING, kind=Kind.THRESHOLD, summary=f"{len(unapplied)} unapplied in {alias}",
            message=f"'{alias}' lacks {', '.join(unapplied[:SHOWN])}{more}", hint="Apply them: manage.py migrate",
        )  # fmt: skip
