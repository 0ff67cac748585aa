"""database:ALIAS on any other engine that Django knows: connectivity and query time."""

from dataclasses import dataclass, field

from health_cli.checks.database.base import Database, first_metrics
from health_cli.core.check import Requirement
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize


@dataclass(frozen=True, kw_only=True)
class OtherDatabase(Database):
    """A database of another engine (Oracle, SQL Server, ...): it is asked through Django's own backend.

    It opens a connection of its own, runs the query that the backend uses to test a connection, and
    closes it.
    """

    metrics: tuple[Metric, ...] = field(default=first_metrics())
    replica: bool = False  # understood, so that one setting serves a host with another driver too

    def gather(self) -> Measurement:
        """Connect through Django's backend; whatever it raises is a failure of the database."""
        client = load_client("health_cli.checks.database.other_client", Requirement("django", "all"))
        found = attempt(lambda: client.gather(self.name.partition(":")[2]))
        if isinstance(found, Crash):
            raise Failure(
                Kind.REFUSED,
                f"The backend {self.settings.get('ENGINE')} can't connect: {found.name}: {found.text}",
                summary=f"can't connect: {found.name}",
                hint="Try it by hand: manage.py dbshell. Is the driver of this engine installed?",
            ) from found.error
        measurement: Measurement = found
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Judge the two times."""
        vendor = measurement.facts["flavour"]
        return self.result(measurement, summary=f"{vendor}, query {humanize(measurement.values['query_time'], 's')}")


@dataclass(frozen=True, kw_only=True)
class NoEngine(Database):
    """An alias of DATABASES without an ENGINE: its settings did not arrive, so nothing can be checked."""

    replica: bool = False  # as above

    def gather(self) -> Measurement:
        """Say so."""
        alias = self.name.partition(":")[2]
        raise Failure(
            Kind.MISCONFIGURED,
            f"DATABASES['{alias}'] has no ENGINE.",
            summary="no ENGINE",
            status=Status.UNKNOWN,
            hint="Is the variable that it is made from, such as DATABASE_URL, set in this environment?",
        )
