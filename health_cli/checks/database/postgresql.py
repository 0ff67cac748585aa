"""database:ALIAS on PostgreSQL."""

from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.checks.database.base import SIZE, Database, first_metrics, read_only
from health_cli.core.check import Requirement
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

_CONNECTIONS_HINT = (
    "See who holds them: SELECT usename, client_addr, state, state_change FROM pg_stat_activity. "
    "Close what leaks, use a pool, or raise max_connections."
)

METRICS = first_metrics(
    metric(
        "connections_used_percent", "%", warning="80", critical="95", hint=_CONNECTIONS_HINT,
        help="Connections of those that ordinary users can have. 80: awesome-prometheus-alerts.",
    ),
    metric("connections", help="Connections to all databases of the server, ours among them."),
    metric("connections_max", help="max_connections less superuser_reserved_connections."),
    metric(
        "connections_free", critical="3:", hint=_CONNECTIONS_HINT,
        help="Connections left for ordinary users.",
    ),
    metric("queries_running", help="Queries being executed now, ours left out; other users' need pg_monitor."),
    metric("idle_in_transaction", help="Connections that hold a transaction open and do nothing."),
    metric("app_connections", help="Connections of the account that we use, ours left out."),
    metric("app_connections_idle", help="Those of them that wait for a command."),
    metric(
        "oldest_transaction", "s", warning="300", critical="1800",
        hint="SELECT pid, usename, xact_start, query FROM pg_stat_activity ORDER BY 3: end what was forgotten.",
        help="Age of the oldest open transaction of those we may see. See the same metric of MySQL.",
    ),
    metric(
        "lock_waits", warning="10", critical="25",
        hint="SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE wait_event_type = 'Lock'.",
        help="Connections that wait for a lock which another one holds. 10 and 25: Percona's, for MySQL.",
    ),
    metric(
        "replica_lag", "s", warning="30", critical="300",
        hint="A long query on the replica, a slow disk, or a network that can't keep up.",
        help="How far this replica's replay is behind. Null where it is no replica.",
    ),
    metric("replicas", help="Replicas that stream from this server."),
    metric(
        "clock_offset", "s", warning="-2:2", critical="-30:30",
        hint="Compare timedatectl on both machines; let both follow one time server.",
        help="The server's clock less ours, give or take half a round trip. 30 s break TOTP and JWT.",
    ),
    SIZE,
    metric("tables", help="Tables of this database's own schemas."),
    metric("deadlocks", "c", help="Deadlocks in this database since its statistics were reset."),
    metric("uptime", "s", help="Time since the server's start."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PostgreSQL(Database):
    """A PostgreSQL database: can it be reached, how fast, how full, what waits for what.

    Django's pool (OPTIONS["pool"]) lives inside each served process and can't be seen from here; what
    it holds shows at the server as connections of the application's account.

    It works with the application's own account. Other users' queries are visible to a member of
    pg_monitor only: GRANT pg_monitor TO the account; without it their numbers are left out, and
    `hidden` in the data says how many connections could not be looked at.

    Set the option `replica` for an alias that is meant to be read only.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)
    replica: bool = False

    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("psycopg", "postgres"),)

    @property
    def default_port(self) -> int:
        """PostgreSQL's port."""
        return 5432

    def gather(self) -> Measurement:
        """Connect, and ask the server."""
        client = load_client("health_cli.checks.database.postgresql_client", self.requires[0])
        measurement: Measurement = client.gather(self)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Judge by thresholds, and by whether the server takes writes."""
        facts, values = measurement.facts, measurement.values
        findings = []
        if facts["read_only"] and not self.replica:
            findings.append(read_only(self.place, facts["read_only"]))
        if facts["recovering"] and not facts["receivers"]:
            findings.append(_NO_RECEIVER)
        summary = f"PostgreSQL {facts['version']}, query {humanize(values['query_time'], 's')}"
        summary += f", {values['connections_used_percent']:.0f} % of connections"
        return self.result(measurement, summary=summary, findings=findings)


_NO_RECEIVER = Finding(
    status=Status.WARNING,
    kind=Kind.LAGGING,
    summary="streams from no primary",
    message="This replica streams from no primary: it has lost it, or reads the archive only",
    hint="Is the primary running, and primary_conninfo right? The server's log says why it can't connect.",
)
