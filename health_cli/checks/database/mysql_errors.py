"""What the numbers of MySQL's errors mean, for MySQL and MariaDB and for both client libraries.

From the reference manuals' lists of server and client errors, and tried on MariaDB 10.11.
"""

from typing import TYPE_CHECKING

from health_cli.checks.database.base import after
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind

if TYPE_CHECKING:
    from health_cli.checks.database.mysql import MySQL

# number -> (kind, a few words, what to do)
CODES: dict[int, tuple[Kind, str, str]] = {
    1040: (Kind.FULL, "too many connections", "Close what leaks, or raise max_connections."),
    1203: (Kind.FULL, "too many connections of this user", "Raise max_user_connections, or use fewer workers."),
    1226: (Kind.FULL, "resource limit of this user reached", "See SHOW GRANTS: MAX_USER_CONNECTIONS and the like."),
    1045: (Kind.AUTH, "login refused", "Check USER and PASSWORD in DATABASES, and the account's host part."),
    1698: (Kind.AUTH, "login refused", "This account logs in by socket only: give the app one with a password."),
    2059: (Kind.AUTH, "authentication method unknown", "The client library lacks the account's plugin: update it."),
    1044: (Kind.AUTH, "no right on this database", "GRANT the account its rights on the database NAME."),
    1142: (Kind.AUTH, "no right on a table", "GRANT the account its rights on the database NAME."),
    1130: (Kind.AUTH, "this host is not allowed", "Create the account for this host: CREATE USER 'app'@'host'."),
    1129: (Kind.REFUSED, "this host is blocked", "Too many failed attempts: FLUSH HOSTS, after finding out why."),
    1049: (Kind.MISSING, "no such database", "Create it, or correct NAME in DATABASES."),
    2005: (Kind.MISSING, "host name not found", "Correct HOST in DATABASES, or the name service."),
    2006: (Kind.TIMEOUT, "the connection was closed", "The server ended it: see its error log and wait_timeout."),
    2013: (Kind.TIMEOUT, "no answer", "The port is open but the server hangs: see its error log, disks and load."),
    2026: (Kind.MISCONFIGURED, "TLS failed", "Compare OPTIONS['ssl'] with the server's certificates."),
    1290: (Kind.READ_ONLY, "the server is read-only", "A failover under way, or the wrong host?"),
    1836: (Kind.READ_ONLY, "the server is read-only", "A failover under way, or the wrong host?"),
    3: (Kind.FULL, "the server's disk is full", "Free room where datadir and tmpdir are."),
    1021: (Kind.FULL, "the server's disk is full", "Free room where datadir and tmpdir are."),
    1114: (Kind.FULL, "a table is full", "Free room where datadir and tmpdir are."),
    1053: (Kind.LOADING, "the server is shutting down", "Wait for it, or see who stops it."),
}
_START = "Is the server running there, and does nothing in between block the port?"
_CONNECT = {2002, 2003}
# The errors of a question that is not allowed, unknown to this server or too slow.
_DENIED = {1044, 1142, 1227, 1370}
_UNKNOWN = {1064, 1109, 1146, 1193, 1235, 1286}
_TOO_SLOW = {1205, 1969, 3024}


def failure_of(error: Exception, check: "MySQL", elapsed: float) -> Failure:
    """Return the failure for a driver's error; `elapsed` tells a silent host from a closed port."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if code in _CONNECT:
        kind, words, hint = _unreachable(check, elapsed)
    else:
        kind, words, hint = CODES.get(code, (Kind.CRASHED, f"error {code}", "Look the number up in the manual."))
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    return Failure(
        kind,
        f"The database at {check.place}: {words}{after(elapsed)} (error {code}: {text})",
        summary=f"{words} at {check.place}",
        hint=hint,
    )


def _unreachable(check: "MySQL", elapsed: float) -> tuple[Kind, str, str]:
    """Tell by the time it took: libmariadb shows the same number for a closed port and a silent host."""
    if elapsed >= check.limits.connect * 0.9:
        return Kind.TIMEOUT, "no answer", "A firewall drops the packets, or the host is down."
    hint = _START
    if str(check.settings.get("HOST") or "localhost") in {"localhost", ""}:
        hint += " HOST 'localhost' means the local socket: use 127.0.0.1, or name it in OPTIONS['unix_socket']."
    return Kind.REFUSED, "refused", hint


def missing_privilege(error: Exception, account: str, mariadb: bool) -> str | None:
    """Return why a question got no answer, with the grant it needs; None where the error is a real one."""
    code = error.args[0] if error.args else 0
    text = str(error.args[1]) if len(error.args) > 1 else ""
    user, _, host = account.partition("@")
    if code in _DENIED:
        grant = "PROCESS"
        if "REPLICA" in text.upper() or "SLAVE" in text.upper():
            grant = "SLAVE MONITOR" if mariadb else "REPLICATION CLIENT"
        return f"needs GRANT {grant} ON *.* TO '{user}'@'{host}'"
    if code in _TOO_SLOW:
        return "the server took too long to tell"
    return "this server does not tell" if code in _UNKNOWN else None
