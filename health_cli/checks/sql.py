"""SQL in CHECKS: a number out of a database, judged by thresholds."""

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
from health_cli.core.units import humanize

METRICS = (
    metric("value", help="The number that the query gives."),
    metric("query_time", "s", help="Seconds that it took."),
)


@dataclass(frozen=True, kw_only=True)
class Sql(Check):
    """A number out of a database: `"CHECKS": {"shop.unpaid": {"SQL": "SELECT COUNT(*) FROM ...", "critical": "500"}}`.

    The query is one statement, without parameters, that gives one row with one number; a `%` is written once.
    `database` is the alias, `default` by default; `unit` is that of the number, as `orders`, `s` or `B`; `warning` and
    `critical` judge it. Where it gives no row, or NULL, the check is unknown: with COUNT or COALESCE there is always a
    number.

    It runs on a connection of its own in a transaction that may not write and is rolled back. The server ends it after
    half the check's limit: MySQL by MAX_EXECUTION_TIME, MariaDB by max_statement_time, PostgreSQL by
    statement_timeout; SQLite is interrupted. What it may read is a matter of the account's grants.
    """

    name: str = "sql"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    query: str = ""
    database: str = "default"
    main: ClassVar[str] = "value"

    def gather(self) -> Measurement:
        """Ask."""
        client = load("health_cli.checks.sql_client")
        measurement: Measurement = client.gather(self.database, self.query, self.timeout / 2)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Judge the number; none is unknown."""
        value = measurement.values.get("value")
        if value is not None:
            return self.result(measurement, summary=humanize(value, self.metrics[0].unit))
        why = measurement.missing["value"]
        finding = Finding(
            status=Status.UNKNOWN, kind=Kind.MISSING, summary="no number", message=f"The query {why}",
            hint="Let it give one row with one number: COUNT(*), or COALESCE(..., 0).",
        )  # fmt: skip
        return self.result(measurement, findings=[finding])
