"""Reads the middleware's buckets. Loaded only when they are read, since it needs the client library."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import redis

from health_cli.checks.api.buckets import (
    CLIENTS,
    COUNTS,
    DAY,
    FEW,
    HOUR,
    LIMITED,
    MINUTE,
    NEAR,
    TOLD,
    Keys,
    keys,
    text_of,
    window_of,
)
from health_cli.checks.api.counted import Counted
from health_cli.checks.api.link import connected
from health_cli.checks.api.statistics import Statistics
from health_cli.checks.redis_server import Server, explained, place_of
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status


def read(cache: Mapping[str, Any], secret: str, now: float, limit: float) -> Statistics:
    """Read all buckets of the last hour and the last day, in one round trip; Failure."""
    location = cache.get("LOCATION") or "redis://127.0.0.1:6379"
    server = Server(place_of(str(location if isinstance(location, str) else location[0])), "LOCATION of CACHES")
    with explained(server), closing(connected(cache, min(2.0, limit / 2), limit / 2)) as client:
        since, answers = client.get(keys(secret).since), _asked(client, keys(secret), now)
    if since is None:
        raise Failure(
            Kind.MISSING, "The counting middleware has counted no request so far.", status=Status.SKIPPED,
            summary="nothing counted so far",
            hint="Was the server started since ApiStatistics is in MIDDLEWARE, with the same SECRET_KEY as here?",
        )  # fmt: skip
    return _understood(answers, float(since), now)


def _asked(client: redis.Redis, names: Keys, now: float) -> dict[str, Any]:
    """Return what Redis has, by what it is."""
    minutes, hours = _numbers(now, HOUR, MINUTE), _numbers(now, DAY, HOUR)
    few = _numbers(now, HOUR, FEW)
    pipeline = client.pipeline(transaction=False)
    for size, numbers in ((MINUTE, minutes), (HOUR, hours)):
        for number in numbers:
            pipeline.hgetall(names.of(COUNTS, size, number))
    for what in (CLIENTS, NEAR, TOLD):
        pipeline.pfcount(*(names.of(what, FEW, number) for number in few))
        pipeline.pfcount(*(names.of(what, HOUR, number) for number in hours))
    for number in hours:
        pipeline.zrange(names.of(LIMITED, HOUR, number), 0, -1, withscores=True)
    answers = iter(pipeline.execute())
    return {
        "minutes": [next(answers) for _ in minutes],
        "hours": {number * HOUR: next(answers) for number in hours},
        "clients": {what: (next(answers), next(answers)) for what in (CLIENTS, NEAR, TOLD)},
        "limited": [next(answers) for _ in hours],
    }


def _numbers(now: float, back: int, size: int) -> range:
    """Return the numbers of the buckets of some time: the one that is being filled, and those before it."""
    last = int(now // size)
    return range(last - back // size, last + 1)


def _understood(answers: Mapping[str, Any], since: float, now: float) -> Statistics:
    hour, day = window_of(answers["minutes"]), window_of(answers["hours"].values())
    for number, window in enumerate((hour, day)):
        clients, near, told = (answers["clients"][what][number] for what in (CLIENTS, NEAR, TOLD))
        window.clients = clients if clients or not window.total.requests else None
        window.near_limit, window.told_limit = (near, told) if told else (None, None)
    hour.limited_clients, day.limited_clients = _limited(answers["limited"][-2:]), _limited(answers["limited"])
    this_hour = now // HOUR * HOUR
    whole = {
        at: window_of([fields]).total.requests for at, fields in answers["hours"].items() if since <= at < this_hour
    }
    return Statistics(
        source=Counted.name, hour=hour, day=day, since=since if since > now - DAY else None, hours=whole
    )  # fmt: skip


def _limited(buckets: Iterable[Iterable[tuple[Any, float]]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for bucket in buckets:
        for client, count in bucket:
            name = text_of(client)
            found[name] = found.get(name, 0) + int(count)
    return found
