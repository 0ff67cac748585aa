"""Asks a MySQL or MariaDB server. Loaded only when such a check runs, since it needs the driver."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import MySQLdb
import MySQLdb.cursors

from health_cli.checks.database.base import no_name
from health_cli.checks.database.mysql_errors import failure_of, missing_privilege
from health_cli.core.measurement import Measurement

if TYPE_CHECKING:
    from health_cli.checks.database.mysql import MySQL

STATUS = (
    "Threads_connected", "Threads_running", "Max_used_connections", "Slow_queries", "Aborted_connects",
    "Connection_errors_max_connections", "Innodb_row_lock_current_waits", "Uptime",
)  # fmt: skip
READ_ONLY = ("read_only", "super_read_only", "innodb_read_only")
STATEMENT_SECONDS = 2  # no single question of ours may take the server longer
LARGEST = 5
# Options that may name the database instead of NAME.
ELSEWHERE = ("database", "db", "read_default_file", "read_default_group")


def gather(check: "MySQL") -> Measurement:
    """Connect and ask everything; raise Failure where the server can't be reached or stops answering."""
    options = check.settings.get("OPTIONS") or {}
    if not check.settings.get("NAME") and not any(options.get(key) for key in ELSEWHERE):
        raise no_name(check)
    began = time.monotonic()
    with _explained(check, began):
        connection = MySQLdb.connect(**parameters(check))
    with closing(connection), _explained(check, time.monotonic()):
        return _Questions(check, connection, time.monotonic() - began).measurement()


def parameters(check: "MySQL") -> dict[str, Any]:
    """Return what to connect with: the alias' own settings as Django reads them, and our limits."""
    settings = check.settings
    host = str(settings.get("HOST") or "")
    given = {
        "user": settings.get("USER"),
        "password": settings.get("PASSWORD"),
        "database": settings.get("NAME"),
        "unix_socket" if host.startswith("/") else "host": host,
        "port": int(settings.get("PORT") or 0),
        "charset": "utf8mb4",
    }
    options = dict(settings.get("OPTIONS") or {})
    for ours in ("isolation_level", "connect_timeout", "read_timeout", "write_timeout"):
        options.pop(ours, None)
    limits = {
        "connect_timeout": max(1, round(check.limits.connect)),
        "read_timeout": max(1, round(check.limits.read)),
        "write_timeout": max(1, round(check.limits.read)),
    }
    return {key: value for key, value in given.items() if value} | options | limits


@contextmanager
def _explained(check: "MySQL", began: float) -> Iterator[None]:
    """Turn the driver's errors into failures that say what is wrong and what to do."""
    try:
        yield
    except MySQLdb.Error as error:
        raise failure_of(error, check, time.monotonic() - began) from error


class _Questions:
    """One connection, and what has been learned over it."""

    def __init__(self, check: "MySQL", connection: Any, connect_time: float) -> None:
        self._connection = connection
        self.values: dict[str, float] = {"connect_time": connect_time}
        self.missing: dict[str, str] = {}
        self.facts: dict[str, Any] = dict(check.pool)

    def measurement(self) -> Measurement:
        """Ask everything, the cheap and sure things first."""
        self._query_time()
        self._identity()
        self._limit_statements()
        self._status()
        self._read_only()
        self._optional(self._processlist, "app_connections", "app_connections_idle")
        self._optional(self._transactions, "transactions", "oldest_transaction")
        self._optional(self._replication, "replica_lag")
        self._optional(self._tables, "tables", "database_size", "database_free")
        self._optional(self._size_on_disk)
        return Measurement(values=self.values, missing=self.missing, facts=self.facts)

    def _rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        with closing(self._connection.cursor(MySQLdb.cursors.DictCursor)) as cursor:
            cursor.execute(sql, arguments or None)
            rows: list[dict[str, Any]] = list(cursor.fetchall() or ())
            return rows

    def _optional(self, question: Any, *metrics: str) -> None:
        """Ask something that may not be allowed; its metrics are null then and say what is needed."""
        try:
            question()
        except MySQLdb.Error as error:
            reason = missing_privilege(error, str(self.facts["account"]), self.mariadb)
            if reason is None:
                raise
            self.missing |= dict.fromkeys(metrics, reason)

    @property
    def mariadb(self) -> bool:
        """True for MariaDB, False for MySQL."""
        return bool(self.facts["flavour"] == "MariaDB")

    def _query_time(self) -> None:
        began = time.monotonic()
        self._rows("SELECT 1")
        self.values["query_time"] = time.monotonic() - began

    def _identity(self) -> None:
        before = time.time()
        row = self._rows(
            "SELECT VERSION() AS version, CURRENT_USER() AS account, @@hostname AS server,"
            " @@max_connections AS connections_max, @@wait_timeout AS wait_timeout,"
            " UNIX_TIMESTAMP(NOW(6)) AS clock"
        )[0]
        self.values["clock_offset"] = round(float(row["clock"]) - (before + time.time()) / 2, 4)
        self.values["connections_max"] = int(row["connections_max"])
        version = str(row["version"])
        self.facts |= {
            "flavour": "MariaDB" if "mariadb" in version.lower() else "MySQL",
            "version": version.partition("-")[0],
            "server": row["server"],
            "account": row["account"],
        }
        age, wait = self.facts["conn_max_age"], int(row["wait_timeout"])
        if not self.facts["conn_health_checks"] and (age is None or age >= wait):
            self.facts["advice"] = [
                f"CONN_MAX_AGE ({age}) is not below the server's wait_timeout ({wait} s): idle connections "
                "end with 'server has gone away'. Lower it, or set CONN_HEALTH_CHECKS."
            ]

    def _limit_statements(self) -> None:
        if self.mariadb:
            self._rows(f"SET SESSION max_statement_time={STATEMENT_SECONDS}, lock_wait_timeout={STATEMENT_SECONDS}")
            return
        self._rows(f"SET SESSION max_execution_time={STATEMENT_SECONDS * 1000}, lock_wait_timeout={STATEMENT_SECONDS}")
        # MySQL 8 would answer with sizes up to a day old.
        self._optional(lambda: self._rows("SET SESSION information_schema_stats_expiry=0"))

    def _status(self) -> None:
        rows = self._rows("SHOW GLOBAL STATUS WHERE Variable_name IN %s", STATUS)
        status = {row["Variable_name"]: int(row["Value"]) for row in rows}
        used, maximum = status["Threads_connected"], self.values["connections_max"]
        self.values |= {
            "connections": used,
            "connections_free": maximum - used,
            "connections_used_percent": round(100 * used / maximum, 2),
            "connections_peak": status["Max_used_connections"],
            "threads_running": max(0, status["Threads_running"] - 1),
            "connections_refused": status.get("Connection_errors_max_connections", 0),
            "aborted_connects": status["Aborted_connects"],
            "slow_queries": status["Slow_queries"],
            "uptime": status["Uptime"],
        }
        if "Innodb_row_lock_current_waits" in status:
            self.values["lock_waits"] = status["Innodb_row_lock_current_waits"]
        else:
            self.missing["lock_waits"] = "InnoDB is off"

    def _read_only(self) -> None:
        """Asked by name, since MariaDB has no super_read_only and MySQL no value `ON` for all of them."""
        rows = self._rows("SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", READ_ONLY)
        on = [row["Variable_name"] for row in rows if str(row["Value"]).upper() not in {"OFF", "0"}]
        self.facts["read_only"] = ", ".join(sorted(on))

    def _processlist(self) -> None:
        """Count our account's connections; without PROCESS the server shows just these."""
        row = self._rows(
            "SELECT COUNT(*) AS total, COALESCE(SUM(command = 'Sleep'), 0) AS idle"
            " FROM information_schema.processlist"
            " WHERE user = SUBSTRING_INDEX(USER(), '@', 1) AND id <> CONNECTION_ID()"
        )[0]
        self.values |= {"app_connections": int(row["total"]), "app_connections_idle": int(row["idle"])}

    def _transactions(self) -> None:
        row = self._rows(
            "SELECT COUNT(*) AS total, COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())), 0) AS age"
            " FROM information_schema.innodb_trx"
        )[0]
        self.values |= {"transactions": int(row["total"]), "oldest_transaction": int(row["age"])}

    def _replication(self) -> None:
        rows = self._rows(self._replica_statement())
        channels = [_channel(row) for row in rows]
        self.facts["replication"] = channels
        lags = [channel["lag"] for channel in channels if channel["lag"] is not None]
        if lags:
            self.values["replica_lag"] = max(lags)
        else:
            self.missing["replica_lag"] = "replication stopped" if channels else "this server is no replica"

    def _replica_statement(self) -> str:
        """MariaDB's names all channels; MySQL's was renamed in 8.0.22, and the old name removed in 8.4."""
        version = tuple(int(part) for part in self.facts["version"].split(".")[:3] if part.isdigit())
        if self.mariadb:
            return "SHOW ALL REPLICAS STATUS" if version >= (10, 5, 1) else "SHOW ALL SLAVES STATUS"
        return "SHOW REPLICA STATUS" if version >= (8, 0, 22) else "SHOW SLAVE STATUS"

    def _tables(self) -> None:
        rows = self._rows(
            "SELECT table_name AS name, COALESCE(data_length + index_length, 0) AS size,"
            " COALESCE(data_free, 0) AS free FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY size DESC"
        )
        self.values |= {
            "tables": len(rows),
            "database_size": int(sum(row["size"] for row in rows)),
            "database_free": int(sum(row["free"] for row in rows)),
        }
        self.facts["size_method"] = "estimated"
        self.facts["largest_tables"] = [{"name": r["name"], "size": int(r["size"])} for r in rows[:LARGEST]]

    def _size_on_disk(self) -> None:
        """Replace the estimate by the files' size, where PROCESS lets us see it."""
        table = "innodb_sys_tablespaces" if self.mariadb else "innodb_tablespaces"
        row = self._rows(
            f"SELECT SUM(file_size) AS size FROM information_schema.{table}"  # noqa: S608  # one of two names
            " WHERE LEFT(name, CHAR_LENGTH(DATABASE()) + 1) = CONCAT(DATABASE(), '/')"
        )[0]
        if row["size"]:
            self.values["database_size"] = int(row["size"])
            self.facts["size_method"] = "on disk"


def _channel(row: dict[str, Any]) -> dict[str, Any]:
    """Read one replication channel, by the old names or the new ones."""

    def first(*names: str) -> Any:
        return next((row[name] for name in names if name in row), None)

    lag = first("Seconds_Behind_Source", "Seconds_Behind_Master")
    io, sql = (first(f"Replica_{t}_Running", f"Slave_{t}_Running") for t in ("IO", "SQL"))
    errors: Sequence[Any] = [row.get("Last_IO_Error"), row.get("Last_SQL_Error"), row.get("Last_Error")]
    return {
        "name": first("Channel_Name", "Connection_name") or "",
        "io": io,
        "sql": sql,
        "running": io == "Yes" and sql == "Yes",
        "lag": None if lag is None else int(lag),
        "error": next((str(text) for text in errors if text), ""),
    }
