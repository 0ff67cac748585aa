"""Asks a PostgreSQL server. Loaded only when such a check runs, since it needs the driver."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from health_cli.checks.database.base import after, no_name
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement

if TYPE_CHECKING:
    from health_cli.checks.database.postgresql import PostgreSQL

STATEMENT_MS = 2000  # no single question of ours may take the server longer
LARGEST = 5

# Part of the message -> (kind, a few words, what to do). Errors while connecting carry no code.
WORDS: dict[str, tuple[Kind, str, str]] = {
    "connection refused": (Kind.REFUSED, "refused", "Is the server running there, and does nothing block the port?"),
    "no such file": (Kind.REFUSED, "refused", "There is no such socket: is the server running? Name HOST for TCP."),
    "authentication failed": (Kind.AUTH, "login refused", "Check USER and PASSWORD in DATABASES."),
    "no password supplied": (Kind.AUTH, "login refused", "The server wants a password: set PASSWORD in DATABASES."),
    "no pg_hba.conf entry": (Kind.AUTH, "this host is not allowed", "Allow it in the server's pg_hba.conf."),
    "role ": (Kind.AUTH, "no such user", "Create the role, or correct USER in DATABASES."),
    "permission denied": (Kind.AUTH, "permission denied", "GRANT the account CONNECT on the database NAME."),
    "does not exist": (Kind.MISSING, "no such database", "Create it, or correct NAME in DATABASES."),
    "remaining connection slots": (Kind.FULL, "too many connections", "Close what leaks, or use a pool."),
    "too many c": (Kind.FULL, "too many connections", "Close what leaks, or use a pool."),
    "starting up": (Kind.LOADING, "starting up", "Wait for it; its log says how far it is."),
    "shutting down": (Kind.LOADING, "shutting down", "Wait for it, or see who stops it."),
    "in recovery mode": (Kind.LOADING, "recovering after a crash", "Wait for it; its log says why it crashed."),
    "resolve host": (Kind.MISSING, "host name not found", "Correct HOST in DATABASES, or the name service."),
    "translate host": (Kind.MISSING, "host name not found", "Correct HOST in DATABASES, or the name service."),
    "timeout": (Kind.TIMEOUT, "no answer", "The port is open but the server hangs, or packets are dropped."),
    "closed the connection": (Kind.REFUSED, "closed the connection", "See the server's log."),
}


def gather(check: "PostgreSQL") -> Measurement:
    """Connect and ask everything; raise Failure where the server can't be reached or stops answering."""
    if check.settings.get("NAME") == "" and not (check.settings.get("OPTIONS") or {}).get("service"):
        raise no_name(check)
    began = time.monotonic()
    with _explained(check, began):
        connection = psycopg.connect(**parameters(check), autocommit=True, row_factory=dict_row)
    took = time.monotonic() - began
    with closing(connection), _explained(check, time.monotonic()), connection.transaction():
        # For this transaction alone, and no start-up option: a pooler may be in between.
        connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        return _ask(check, connection, took)


def parameters(check: "PostgreSQL") -> dict[str, Any]:
    """Return what to connect with: the alias' own settings as Django reads them, and our limits."""
    settings = check.settings
    given = {
        "dbname": "postgres" if settings.get("NAME") is None else settings["NAME"],
        "user": settings.get("USER"),
        "password": settings.get("PASSWORD"),
        "host": settings.get("HOST"),
        "port": settings.get("PORT"),
    }
    options = dict(settings.get("OPTIONS") or {})
    for ours in ("isolation_level", "pool", "server_side_binding", "assume_role", "connect_timeout"):
        options.pop(ours, None)
    limits = {
        "connect_timeout": max(2, round(check.limits.connect)),  # libpq takes no less than 2
        "application_name": "health-cli",
        # For a host that is gone; a server that is frozen is ended by the check's own limit.
        "tcp_user_timeout": int(check.limits.read * 1000),
    }
    return {key: value for key, value in given.items() if value} | options | limits


@contextmanager
def _explained(check: "PostgreSQL", began: float) -> Iterator[None]:
    """Turn the driver's errors into failures that say what is wrong and what to do."""
    try:
        yield
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        nothing = (Kind.CRASHED, f"error {error.sqlstate or type(error).__name__}", "See the server's log.")
        kind, words, hint = next((v for k, v in WORDS.items() if k in text.lower()), nothing)
        raise Failure(
            kind,
            f"The database at {check.place}: {words}{after(time.monotonic() - began)} ({text})",
            summary=f"{words} at {check.place}",
            hint=hint,
        ) from error


def _ask(check: "PostgreSQL", connection: Any, connect_time: float) -> Measurement:
    began = time.monotonic()
    connection.execute("SELECT 1").fetchone()
    query_time = time.monotonic() - began
    values: dict[str, float] = {"connect_time": connect_time, "query_time": query_time}
    missing: dict[str, str] = {}
    server = _server(connection, values)
    activity = connection.execute(_ACTIVITY).fetchone()
    values |= {key: activity[key] for key in activity if key != "hidden"}
    facts = {**check.pool, **server, "hidden": activity["hidden"]}
    _size(connection, values, missing, facts)
    lag = values.get("replica_lag")
    if lag is None:
        missing["replica_lag"] = (
            "nothing has been replayed yet" if server["recovering"] else "this server is no replica"
        )
    return Measurement(values=values, missing=missing, facts=facts)


def _server(connection: Any, values: dict[str, float]) -> dict[str, Any]:
    """Ask for the server's limits, clock and role."""
    before = time.time()
    row = connection.execute(_SERVER).fetchone()
    used, maximum = int(row["connections"]), int(row["maximum"])
    values |= {
        "clock_offset": round(float(row["clock"]) - (before + time.time()) / 2, 4),
        "connections": used,
        "connections_max": maximum,
        "connections_free": maximum - used,
        "connections_used_percent": round(100 * used / maximum, 2),
        "deadlocks": int(row["deadlocks"]),
        "uptime": round(float(row["uptime"])),
        "replicas": int(row["replicas"]),
    }
    if row["recovering"] and (row["lag"] is not None or row["receivers"]):
        values["replica_lag"] = round(float(row["lag"] or 0), 3)
    reasons = {"in recovery": row["recovering"], "default_transaction_read_only": row["read_only"] == "on"}
    return {
        "flavour": "PostgreSQL",
        "version": row["version"].partition(" ")[0],
        "account": row["account"],
        "recovering": row["recovering"],
        "receivers": row["receivers"],
        "read_only": ", ".join(reason for reason, is_so in reasons.items() if is_so),
    }


def _size(connection: Any, values: dict[str, float], missing: dict[str, str], facts: dict[str, Any]) -> None:
    """Ask for sizes, which a very large catalogue may take too long to tell."""
    try:
        with connection.transaction():
            row = connection.execute("SELECT pg_database_size(current_database()) AS size").fetchone()
            tables = connection.execute(_TABLES).fetchall()
    except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege) as error:
        reason = f"the server did not tell: {type(error).__name__}"
        missing |= dict.fromkeys(("database_size", "tables"), reason)
        return
    values |= {"database_size": int(row["size"]), "tables": len(tables)}
    facts["size_method"] = "on disk"
    facts["largest_tables"] = [{"name": t["name"], "size": int(t["size"])} for t in tables[:LARGEST]]


_SERVER = """
SELECT current_setting('server_version') AS version, current_user AS account,
       extract(epoch FROM clock_timestamp()) AS clock,
       (SELECT sum(numbackends) FROM pg_stat_database) AS connections,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int AS maximum,
       (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
       extract(epoch FROM now() - pg_postmaster_start_time()) AS uptime,
       (SELECT count(*) FROM pg_stat_replication) AS replicas,
       pg_is_in_recovery() AS recovering,
       current_setting('default_transaction_read_only') AS read_only,
       (SELECT count(*) FROM pg_stat_wal_receiver) AS receivers,
       CASE WHEN pg_is_in_recovery()
             AND (pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
                  OR NOT EXISTS (SELECT FROM pg_stat_wal_receiver))
            THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END AS lag
"""
# Without pg_monitor the server says so in place of other users' queries, and tells no state of theirs.
_ACTIVITY = """
SELECT count(*) FILTER (WHERE state = 'active') AS queries_running,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
       count(*) FILTER (WHERE usename = current_user) AS app_connections,
       count(*) FILTER (WHERE usename = current_user AND state = 'idle') AS app_connections_idle,
       coalesce(max(extract(epoch FROM now() - xact_start)) FILTER (WHERE state <> 'idle'), 0)::float
         AS oldest_transaction,
       count(*) FILTER (WHERE wait_event_type = 'Lock' AND cardinality(pg_blocking_pids(pid)) > 0) AS lock_waits,
       count(*) FILTER (WHERE query = '<insufficient privilege>') AS hidden
FROM pg_stat_activity WHERE pid <> pg_backend_pid()
"""
_TABLES = """
SELECT relname AS name, pg_total_relation_size(c.oid) AS size
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg_toast%'
ORDER BY size DESC
"""
