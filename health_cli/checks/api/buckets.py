"""Buckets: how the counting middleware keeps its counts in Redis, for those who write and those who read them.

A hash a minute for the last hour, a hash an hour for the last day, and for the clients HyperLogLogs of five minutes and
of an hour. They expire by themselves, so that all of it stays as small as the number of endpoints lets it.
"""

from typing import NamedTuple

MINUTE, FEW, HOUR, DAY = 60, 300, 3_600, 86_400
KEPT = {MINUTE: HOUR + 5 * MINUTE, FEW: HOUR + 10 * MINUTE, HOUR: DAY + 2 * HOUR}  # seconds that a bucket is kept
ALL = "*"  # the endpoint that has the latencies of all
OTHERS = "(other)"  # and the one of those beyond MOST
MOST = 500  # endpoints that are told apart
LIMITED_MOST = 1_000  # clients that are counted when they are turned away, in an hour

COUNTS, CLIENTS, NEAR, LIMITED, SINCE = "counts", "clients", "near", "limited", "since"
TIME, TURNED_AWAY, LATENCY = "us", "limited", "b"  # statistics of an endpoint beside its statuses


class Keys(NamedTuple):
    """The keys of one project."""

    prefix: str

    def of(self, what: str, size: int, number: int) -> str:
        """Return the key of a bucket that is so many seconds long: it begins at `number` times that."""
        return f"{self.prefix}:{what}:{size}:{number}"

    @property
    def since(self) -> str:
        """The key that has when counting began."""
        return f"{self.prefix}:{SINCE}"


def keys_of(project: str) -> Keys:
    """Return the keys of a project, named by its settings or its site."""
    return Keys(f"health-cli:api:{project}")


def field_of(endpoint: str, statistic: str) -> str:
    """Return the field of a hash."""
    return f"{endpoint}|{statistic}"


def parsed(name: str) -> tuple[str, str]:
    """Return the endpoint and the statistic of a field."""
    endpoint, _, statistic = name.rpartition("|")
    return endpoint, statistic
