"""Link: the Redis that the counts are kept in, which is that of a cache of the project. Needs the client library."""

from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from health_cli.checks.cache.redis_client import client_options


def connected(settings: Mapping[str, Any], connect: float, answer: float) -> redis.Redis:
    """Return a client of the first server of a cache, with limits in seconds. It connects when it is first used."""
    given = settings.get("LOCATION") or "redis://127.0.0.1:6379"
    first = str(given.replace(";", ",").split(",")[0] if isinstance(given, str) else given[0]).strip()
    client: redis.Redis = redis.Redis.from_url(
        first if "://" in first else f"redis://{first}",
        **client_options(settings),
        socket_connect_timeout=connect,
        socket_timeout=answer,
        retry=Retry(NoBackoff(), 0),
    )
    return client
