"""Buckets: how the counting middleware keeps its counts in Redis, for those who write and those who read them.

A hash a minute for the last hour, a hash an hour for the last day, and for the clients HyperLogLogs of five minutes and
of an hour. They expire by themselves, so that all of it stays as small as the number of endpoints lets it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from health_cli.checks.api.statistics import Window

MINUTE, FEW, HOUR, DAY = 60, 300, 3_600, 86_400
KEPT = {MINUTE: HOUR + 5 * MINUTE, FEW: HOUR + 10 * MINUTE, HOUR: DAY + 2 * HOUR}  # seconds that a bucket is kept
ALL = "*"  # the endpoint that has the latencies of all
OTHERS = "(other)"  # and the one of those beyond MOST
MOST = 500  # endpoints that are told apart
LIMITED_MOST = 1_000  # clients of an hour that are kept with how often they were turned away: those who were most

COUNTS, CLIENTS, NEAR, TOLD, LIMITED, SINCE = "counts", "clients", "near", "told", "limited", "since"
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


def keys(secret: str) -> Keys:
    """Return the keys of the project that has this SECRET_KEY: all its processes have the same."""
    return Keys(f"health-cli:api:{digest(secret, b'project', 6).hex()}")


def digest(secret: str, what: bytes, size: int) -> bytes:
    """Return what only who knows the secret can make, and from which nobody can tell it."""
    return hashlib.blake2b(secret.encode(), digest_size=size, person=b"health:" + what[:9]).digest()


def field_of(endpoint: str, statistic: str) -> str:
    """Return the field of a hash."""
    return f"{endpoint}|{statistic}"


def parsed(name: str) -> tuple[str, str]:
    """Return the endpoint and the statistic of a field."""
    endpoint, _, statistic = name.rpartition("|")
    return endpoint, statistic


def window_of(buckets: Iterable[Mapping[Any, Any]]) -> Window:
    """Return the requests of some buckets together."""
    window = Window()
    for bucket in buckets:
        for name, text in bucket.items():
            endpoint, statistic = parsed(text_of(name))
            _count(window, endpoint, statistic, int(text))
    return window


def _count(window: Window, endpoint: str, statistic: str, count: int) -> None:
    """Count one field of a bucket. The latencies of all together stand under an endpoint that has no requests."""
    found = window.at(endpoint)
    if statistic.isdecimal():
        found.statuses[int(statistic)] += count
    elif statistic == TIME:
        found.seconds = (found.seconds or 0.0) + count / 1e6
    elif statistic == TURNED_AWAY:
        found.limited += count
    elif statistic.startswith(LATENCY):
        found.latencies[int(statistic.removeprefix(LATENCY))] += count


def text_of(value: bytes | str) -> str:
    """Return what Redis gives, or JSON, as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
