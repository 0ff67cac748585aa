"""database:ALIAS on MySQL and MariaDB."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from health_cli.checks.database.base import SIZE, Database, first_metrics, read_only
from health_cli.core.check import Requirement
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize

_CONNECTIONS_HINT = (
    "See who holds them: SELECT user, host, command, time FROM information_schema.processlist. "
    "Close what leaks, lower CONN_MAX_AGE or the number of workers, or raise max_connections."
)
_RUNNING = metric(
    "threads_running", warning="20",
    hint="Many queries at once: SHOW FULL PROCESSLIST shows what they wait for.",
    help="Queries being executed now, ours left out. 20: Percona's pmp-check-mysql-status; the default "
    "critical is 60 % of max_connections (awesome-prometheus-alerts).",
)  # fmt: skip

METRICS = first_metrics(
    metric(
        "connections_used_percent", "%", warning="80", critical="95", hint=_CONNECTIONS_HINT,
        help="Connections of max_connections. 80: awesome-prometheus-alerts and Percona.",
    ),
    metric("connections", help="Connections open now (Threads_connected), ours among them."),
    metric("connections_max", help="The server's max_connections."),
    metric(
        "connections_free", critical="3:", hint=_CONNECTIONS_HINT,
        help="Connections left; with fewer than 3 nobody can log in to repair it.",
    ),
    metric("connections_peak", help="The most connections at once since the server's start."),
    _RUNNING,
    metric("app_connections", help="Connections of the account that we use: the application's, seen from the server."),
    metric("app_connections_idle", help="Those of them that wait for a command: Django's persistent connections."),
    metric("connections_refused", "c", help="Refused since the start because max_connections was reached."),
    metric("aborted_connects", "c", help="Failed attempts to connect since the start."),
    metric("slow_queries", "c", help="Queries over long_query_time since the start; counted with the log off too."),
    metric(
        "oldest_transaction", "s", warning="300", critical="1800",
        hint="SELECT * FROM information_schema.innodb_trx ORDER BY trx_started: end what was forgotten.",
        help="Age of the oldest open transaction. Percona alerts at 60 and 600; raised, since management "
        "commands and dumps take longer.",
    ),
    metric("transactions", help="Open transactions."),
    metric(
        "lock_waits", warning="10", critical="25",
        hint="SHOW ENGINE INNODB STATUS names who blocks whom; end the blocker.",
        help="Transactions that wait for a row lock. 10 and 25: Percona's pmp-check-mysql-innodb.",
    ),
    metric(
        "replica_lag", "s", warning="30", critical="300",
        hint="SHOW REPLICA STATUS: a long transaction, a slow disk, or a network that can't keep up.",
        help="How far this replica is behind; the slowest of several sources. Null where it is no replica.",
    ),
    metric(
        "clock_offset", "s", warning="-2:2", critical="-30:30",
        hint="Compare timedatectl on both machines; let both follow one time server.",
        help="The server's clock less ours, give or take half a round trip. 30 s break TOTP and JWT.",
    ),
    SIZE,
    metric("database_free", "B", help="Bytes inside the tables' files that can be used again."),
    metric("tables", help="Tables of this database."),
    metric("uptime", "s", help="Time since the server's start."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MySQL(Database):
    """A MySQL or MariaDB database: can it be reached, how fast, how full, what waits for what.

    Django has no connection pool here: with CONN_MAX_AGE above 0 it keeps one connection for each thread
    of each process. So the pool's state is read where it can be seen, at the server: the connections of
    the application's account, and how many of them are idle.

    It works with the application's own account. Without a privilege one metric is null and names the
    grant. For all of them: GRANT PROCESS, REPLICATION CLIENT ON *.* TO the account; on MariaDB 10.5 or
    later GRANT SLAVE MONITOR ON *.* instead of REPLICATION CLIENT.

    Set the option `replica` for an alias that is meant to be read only.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)
    replica: bool = False

    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("MySQLdb", "mysql"),)

    @property
    def default_port(self) -> int:
        """MySQL's port."""
        return 3306

    def gather(self) -> Measurement:
        """Connect, and ask the server."""
        client = load_client("health_cli.checks.database.mysql_client", self.requires[0])
        measurement: Measurement = client.gather(self)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Judge by thresholds, and by whether the server takes writes and follows its source."""
        facts, values = measurement.facts, measurement.values
        fitted = replace(self, metrics=tuple(_fit(m, values.get("connections_max")) for m in self.metrics))
        findings = [*self._read_only(facts), *replication(facts.get("replication", ())), *_peak(values)]
        summary = f"{facts['flavour']} {facts['version']}, query {humanize(values['query_time'], 's')}"
        used = values.get("connections_used_percent")
        if used is not None:
            summary += f", {used:.0f} % of connections"
        return fitted.result(measurement, summary=summary, findings=findings)

    def _read_only(self, facts: Mapping[str, Any]) -> list[Finding]:
        if not facts.get("read_only") or self.replica:
            return []
        return [read_only(self.place, facts["read_only"])]


def _fit(item: Metric, maximum: float | None) -> Metric:
    """Return threads_running with its default critical, which is a part of max_connections."""
    untouched = item.name == _RUNNING.name and item.warning is _RUNNING.warning and not item.critical
    if not untouched or not maximum or maximum * 0.6 <= _RUNNING.warning.end:  # type: ignore[union-attr]  # set above
        return item
    return replace(item, critical=Threshold(end=int(maximum * 0.6)))


def _peak(values: Mapping[str, float]) -> list[Finding]:
    """Warn that the limit has been hit, for a week after the server's start."""
    peak, maximum = values.get("connections_peak", 0), values.get("connections_max", 0)
    if not maximum or peak < maximum or values.get("uptime", 0) > 7 * 86_400:
        return []
    return [
        Finding(
            status=Status.WARNING,
            kind=Kind.FULL,
            summary="all connections were used",
            message=f"All {maximum:g} connections were in use at once since the server's start (peak {peak:g})",
            hint=_CONNECTIONS_HINT,
        )
    ]


def replication(channels: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return a finding for each replication channel that has stopped."""
    return [_stopped(channel) for channel in channels if not channel["running"] or channel["lag"] is None]


def _stopped(channel: Mapping[str, Any]) -> Finding:
    name = f" '{channel['name']}'" if channel["name"] else ""
    error = f": {channel['error']}" if channel["error"] else ""
    return Finding(
        status=Status.CRITICAL if error or channel["running"] else Status.WARNING,
        kind=Kind.LAGGING,
        summary=f"replication{name} stopped",
        message=f"Replication{name} does not run (I/O {channel['io']}, SQL {channel['sql']}){error}",
        hint="SHOW REPLICA STATUS names the error; repair it, then START REPLICA.",
    )
