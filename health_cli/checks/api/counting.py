"""Counting: adds up requests in this process, and writes the sums to Redis every two seconds, in a thread.

A request adds to a few dicts under a lock; it never waits for Redis. While Redis is down the sums are kept for ten
minutes, and written once it is back.
"""

import atexit
import hashlib
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
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
    TURNED_AWAY,
    Keys,
    field_of,
)
from health_cli.checks.api.histogram import bucket_of

EVERY = 2.0  # seconds between two writes
OVERDUE = (
    10.0  # seconds after which a request writes itself: threads do not run everywhere, as under uWSGI without them
)
LAST = 1.0  # seconds that a process which ends waits for a write that is under way
PAUSE = 10.0  # seconds for which a Redis that failed is left alone
PATIENCE = 600.0  # seconds that sums are kept while it can't be written to
CLIENTS_MOST = 10_000  # of five minutes in one process


class Request(NamedTuple):
    """One request that was answered; `client` is nobody's name but a hash, nothing where nobody knows."""

    endpoint: str
    status: int
    seconds: float
    client: bytes = b""
    limited: bool = False
    near_limit: bool = False


class Sums:
    """What was counted in one minute."""

    __slots__ = ("clients", "counts", "latencies", "limited", "near")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self.latencies: Counter[tuple[str, int]] = Counter()
        self.limited: Counter[bytes] = Counter()
        self.clients: set[bytes] = set()
        self.near: set[bytes] = set()


class Counting:
    """Counts for one process; `connect` makes the client of Redis that the sums are written with."""

    def __init__(self, connect: Callable[[], redis.Redis], keys: Keys, salt: bytes) -> None:
        """Write nothing yet, and start no thread: that comes with the first request of each process."""
        self._connect, self._keys, self._salt = connect, keys, salt
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.flush, LAST)

    def _begin(self) -> None:
        """Begin anew, as a child does: what its parent has counted the parent writes."""
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._sums: dict[int, Sums] = defaultdict(Sums)
        self._endpoints: set[str] = set()
        self._client: redis.Redis | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._written = self._paused_until = 0.0
        self._limited_full = False

    def hashed(self, client: str) -> bytes:
        """Return what tells a client from others and is not its name."""
        return hashlib.blake2b(client.encode(errors="replace"), digest_size=8, key=self._salt).digest()

    def add(self, request: Request) -> None:
        """Count a request."""
        now = time.time()
        endpoint, status, seconds, client, limited, near = request
        bucket = bucket_of(seconds)
        with self._lock:
            if endpoint not in self._endpoints:
                endpoint = self._known(endpoint)
            sums = self._sums[int(now // MINUTE)]
            sums.counts[endpoint, str(status)] += 1
            sums.counts[endpoint, TIME] += int(seconds * 1e6)
            sums.latencies[endpoint, bucket] += 1
            if limited:
                sums.counts[endpoint, TURNED_AWAY] += 1
                sums.limited[client] += 1
            if client and len(sums.clients) < CLIENTS_MOST:
                sums.clients.add(client)
                if near:
                    sums.near.add(client)
        self._have_written(time.monotonic())

    def _known(self, endpoint: str) -> str:
        if len(self._endpoints) >= MOST:
            return OTHERS
        self._endpoints.add(endpoint)
        return endpoint

    def _have_written(self, now: float) -> None:
        """See to it that somebody writes: the thread, or where none runs, this request."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._written = now
                    self._thread = threading.Thread(target=self._write_again_and_again, name="health-cli", daemon=True)
                    self._thread.start()
        elif now - self._written > OVERDUE:
            self._written = now
            self.flush()
        self._wake.set()

    def _write_again_and_again(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(EVERY)
            self.flush()
            if self._sums:
                self._wake.set()

    def flush(self, patience: float = 0.0) -> None:
        """Write what there is, if Redis takes it; what it does not take is kept for a while."""
        if time.monotonic() < self._paused_until or not self._writing.acquire(timeout=patience):
            return
        try:
            self._written = time.monotonic()
            with self._lock:
                sums, self._sums = self._sums, defaultdict(Sums)
            if sums:
                self._write_or_keep(sums)
        finally:
            self._writing.release()

    def _write_or_keep(self, sums: dict[int, Sums]) -> None:
        try:
            self._write(sums)
        except redis.RedisError:  # down, full, read-only or busy: the check of the cache says which
            self._paused_until = time.monotonic() + PAUSE
            self._client = None
            oldest = (time.time() - PATIENCE) // MINUTE
            with self._lock:
                for minute, kept in sums.items():
                    if minute >= oldest:
                        _merge(kept, self._sums[minute])

    def _write(self, sums: dict[int, Sums]) -> None:
        """Write all in one round trip, all or nothing."""
        if self._client is None:
            self._client = self._connect()
            self._client.ping()  # one that does not answer could have written, and what is kept would count twice
        client, keys = self._client, self._keys
        pipeline = client.pipeline(transaction=True)
        pipeline.set(keys.since, int(time.time()), nx=True, ex=KEPT[HOUR] + HOUR)
        pipeline.expire(keys.since, KEPT[HOUR] + HOUR)
        for minute, each in sums.items():
            self._write_minute(pipeline, minute * MINUTE, each)
        hour = keys.of(LIMITED, HOUR, int(time.time() // HOUR))
        pipeline.hlen(hour)
        self._limited_full = pipeline.execute()[-1] >= LIMITED_MOST

    def _write_minute(self, pipeline: "redis.client.Pipeline", at: int, sums: Sums) -> None:
        for size in (MINUTE, HOUR):
            key = self._keys.of(COUNTS, size, at // size)
            for name, count in self._fields(sums, size).items():
                pipeline.hincrby(key, name, count)
            pipeline.expire(key, KEPT[size])
        for what, clients in ((CLIENTS, sums.clients), (NEAR, sums.near)):
            for size in (FEW, HOUR) if clients else ():
                key = self._keys.of(what, size, at // size)
                pipeline.pfadd(key, *clients)
                pipeline.expire(key, KEPT[size])
        if sums.limited and not self._limited_full:
            key = self._keys.of(LIMITED, HOUR, at // HOUR)
            for client, count in sums.limited.most_common(LIMITED_MOST):
                pipeline.hincrby(key, client.hex(), count)
            pipeline.expire(key, KEPT[HOUR])

    def _fields(self, sums: Sums, size: int) -> dict[str, int]:
        """Return the fields of a bucket: the latencies of each endpoint by the hour, and those of all by the minute."""
        fields = Counter({field_of(endpoint, name): count for (endpoint, name), count in sums.counts.items()})
        for (endpoint, bucket), count in sums.latencies.items():
            fields[field_of(endpoint if size == HOUR else ALL, f"{LATENCY}{bucket}")] += count
        return dict(fields)


def _merge(kept: Sums, into: Sums) -> None:
    into.counts += kept.counts
    into.latencies += kept.latencies
    into.limited += kept.limited
    into.clients |= kept.clients
    into.near |= kept.near
