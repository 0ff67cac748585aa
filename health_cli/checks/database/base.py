"""What the checks of all engines share: where the database is, and the first metrics of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric, metric
from health_cli.core.status import Status

CONNECT_TIME = metric(
    "connect_time", "s", warning="0.5", critical="2",
    hint="Slow name resolution (skip_name_resolve), TLS or a loaded server: connect by hand and compare.",
    help="Time to open a connection of our own and log in. A LAN takes 1 to 20 ms.",
)  # fmt: skip
QUERY_TIME = metric(
    "query_time", "s", warning="0.1", critical="1",
    hint="The smallest query is slow: the server or the network is saturated. Look at its load and disks.",
    help="Time of one `SELECT 1` on that connection. A healthy server takes well below 1 ms.",
)  # fmt: skip
SIZE = metric("database_size", "B", help="Size of the database; `size_method` in the data says how it was measured.")


class Limits(NamedTuple):
    """How long a driver may take, in seconds: below the check's own limit, so that it can say where."""

    connect: float
    read: float

    @classmethod
    def within(cls, timeout: float) -> "Limits":
        """Return 2 s to connect and 3 s to answer, less where the check has less than 5 s."""
        return cls(connect=min(2.0, timeout * 0.4), read=min(3.0, timeout * 0.6))


@dataclass(frozen=True, kw_only=True)
class Database(Check):
    """One alias of DATABASES; `settings` is its entry there."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def limits(self) -> Limits:
        """The driver's limits within this check's."""
        return Limits.within(self.timeout)

    @property
    def place(self) -> str:
        """Where the database is, for messages: `db1:3306`, or the path of a socket."""
        host, port = str(self.settings.get("HOST") or ""), self.settings.get("PORT") or self.default_port
        if not host:
            return "the local socket"
        return host if host.startswith("/") else f"{host}:{port}"

    @property
    def default_port(self) -> int:
        """The port that an empty PORT means."""
        return 0

    @property
    def pool(self) -> dict[str, Any]:
        """What "connection pool" means for this alias, as far as its settings tell."""
        age = self.settings.get("CONN_MAX_AGE", 0)
        options = self.settings.get("OPTIONS") or {}
        kind = "pool" if options.get("pool") else "none" if age == 0 else "persistent"
        return {
            "pool": kind,
            "conn_max_age": age,
            "conn_health_checks": bool(self.settings.get("CONN_HEALTH_CHECKS", False)),
        }


def after(seconds: float) -> str:
    """Say how long something took to fail, where that tells something."""
    return f" after {seconds:.1f} s" if seconds >= 0.1 else ""


def no_name(check: Database) -> Failure:
    """The failure of an alias that names no database: no query of the application could work."""
    return Failure(
        Kind.MISCONFIGURED,
        f"The NAME of {check.name} is empty.",
        summary="no NAME",
        hint="Is the variable that it is made from set in this environment?",
    )


def read_only(place: str, why: str) -> Finding:
    """The finding for a server that takes no writes and is not meant to be a replica."""
    return Finding(
        status=Status.CRITICAL,
        kind=Kind.READ_ONLY,
        summary="the server is read-only",
        message=f"The server at {place} is read-only ({why})",
        hint="A failover under way, or the wrong host? For a replica set the option replica to True.",
    )


def first_metrics(*others: Metric) -> tuple[Metric, ...]:
    """Return the metrics of an engine: the two that all have, then its own."""
    return (CONNECT_TIME, QUERY_TIME, *others)
