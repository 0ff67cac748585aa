"""Counting: adds up the requests of this process by endpoint, status, latency and client. Needs the client library.

A request only puts itself into a queue, and they are added up many at a time, which costs a fifth of it: between two
requests the processor has forgotten all that it needs for a sum.
"""

import hashlib
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import redis

from health_cli.checks.api.buckets import (
    ALL,
    CLIENTS,
    COUNTS,
    FEW,
    HOUR,
    KEPT,
    LATENCY,
    LIMITED,
    LIMITED_MOST,
    MINUTE,
    MOST,
    NEAR,
    OTHERS,
    TIME,
    TOLD,
    TURNED_AWAY,
    Keys,
    field_of,
)
from health_cli.checks.api.histogram import bucket_of
from health_cli.checks.flushing import Command, Flushing

CLIENTS_MOST = 50_000  # of a minute in one process, between two writes
QUIET = 30 * 86_400  # seconds without a request after which it counts as new
A_COMMAND = 1_000  # clients in one command: Lua hands on no more than 8,000
QUEUED = 1_000  # requests that wait at the most; to add them up takes two milliseconds


class Request(NamedTuple):
    """One request that was answered at a time since the epoch; `client` is nothing where nobody knows.

    `near_limit` is None where the answer tells nothing of a limit.
    """

    at: float
    endpoint: str
    status: int
    seconds: float
    client: str = ""
    limited: bool = False
    near_limit: bool | None = None


class Sums:
    """What was counted in one minute."""

    __slots__ = ("clients", "counts", "latencies", "limited", "near", "told")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self.latencies: Counter[tuple[str, int]] = Counter()
        self.limited: Counter[bytes] = Counter()
        self.clients: set[bytes] = set()
        self.near: set[bytes] = set()
        self.told: set[bytes] = set()


class Counting(Flushing[dict[int, Sums]]):
    """Counts the requests of one process."""

    def __init__(self, connect: Callable[[float], redis.Redis], keys: Keys, salt: bytes) -> None:
        """Count under these keys; `salt` hides the clients."""
        self._keys, self._salt = keys, salt
        super().__init__(connect)

    def clear(self) -> None:
        """Forget all sums."""
        self._queue: deque[Request] = deque()
        self._sums: dict[int, Sums] = defaultdict(Sums)
        self._endpoints: set[str] = set()

    def take(self) -> dict[int, Sums] | None:
        """Return the sums of each minute."""
        self._add_up()
        sums, self._sums = self._sums, defaultdict(Sums)
        return sums or None

    def forget(self, oldest: float) -> None:
        """Forget what is older."""
        for minute in [minute for minute in self._sums if minute < oldest // MINUTE]:
            del self._sums[minute]

    def commands(self, client: redis.Redis, batch: dict[int, Sums]) -> list[Command]:
        """Return what adds them to the buckets."""
        found: list[Command] = [
            ["SET", self._keys.since, str(int(time.time())), "NX", "EX", str(QUIET)],
            ["EXPIRE", self._keys.since, str(QUIET)],
        ]
        for minute, each in batch.items():
            found += self._of_minute(minute * MINUTE, each)
        return found

    def add(self, request: Request) -> None:
        """Count a request."""
        self._queue.append(request)
        if len(self._queue) >= QUEUED:
            with self._lock:
                self._add_up()
        self.counted()

    def _add_up(self) -> None:
        """Add up what is in the queue, under the lock. Others may put more into it meanwhile."""
        requests = [self._queue.popleft() for _ in range(len(self._queue))]
        hashes = {client: self._hashed(client) if client else b"" for client in {each.client for each in requests}}
        for request in requests:
            self._add(request, hashes[request.client], self._sums[int(request.at // MINUTE)])

    def _add(self, request: Request, client: bytes, sums: Sums) -> None:
        endpoint = request.endpoint if request.endpoint in self._endpoints else self._known(request.endpoint)
        sums.counts[endpoint, str(request.status)] += 1
        sums.counts[endpoint, TIME] += int(request.seconds * 1e6)
        sums.latencies[endpoint, bucket_of(request.seconds)] += 1
        if request.limited:
            sums.counts[endpoint, TURNED_AWAY] += 1
            sums.limited[client] += 1
        if client and len(sums.clients) < CLIENTS_MOST:
            sums.clients.add(client)
            if request.near_limit is not None:
                sums.told.add(client)
                if request.near_limit:
                    sums.near.add(client)

    def _hashed(self, client: str) -> bytes:
        """Return what tells a client from others and is not its name."""
        return hashlib.blake2b(client.encode(errors="replace"), digest_size=8, key=self._salt).digest()

    def _known(self, endpoint: str) -> str:
        if len(self._endpoints) >= MOST:
            return OTHERS
        self._endpoints.add(endpoint)
        return endpoint

    def _of_minute(self, at: int, sums: Sums) -> Iterator[Command]:
        for size in (MINUTE, HOUR):
            key = self._keys.of(COUNTS, size, at // size)
            for name, count in self._fields(sums, size).items():
                yield ["HINCRBY", key, name, str(count)]
            yield ["EXPIRE", key, str(KEPT[size])]
        for what, clients in ((CLIENTS, sums.clients), (NEAR, sums.near), (TOLD, sums.told)):
            for size in (FEW, HOUR) if clients else ():
                key = self._keys.of(what, size, at // size)
                names = [client.hex() for client in clients]
                for first in range(0, len(names), A_COMMAND):
                    yield ["PFADD", key, *names[first : first + A_COMMAND]]
                yield ["EXPIRE", key, str(KEPT[size])]
        if sums.limited:
            key = self._keys.of(LIMITED, HOUR, at // HOUR)
            for client, count in sums.limited.most_common(LIMITED_MOST):
                yield ["ZINCRBY", key, str(count), client.hex()]
            yield ["ZREMRANGEBYRANK", key, "0", str(-LIMITED_MOST - 1)]
            yield ["EXPIRE", key, str(KEPT[HOUR])]

    def _fields(self, sums: Sums, size: int) -> dict[str, int]:
        """Return the fields of a bucket: the latencies of each endpoint by the hour, and those of all by the minute."""
        fields = Counter({field_of(endpoint, name): count for (endpoint, name), count in sums.counts.items()})
        for (endpoint, bucket), count in sums.latencies.items():
            fields[field_of(endpoint if size == HOUR else ALL, f"{LATENCY}{bucket}")] += count
        return dict(fields)
