"""Makes the round trip through Django's own cache backend. Loaded only for backends that need it."""

import time

from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router

from health_cli.checks.cache.base import PROBE_TTL, probe_key
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone


def gather(alias: str) -> dict[str, float]:
    """Write, read back and delete a random key; Failure where it does not come back."""
    cache = alone(lambda: caches[alias])
    key, value = probe_key(), "health-cli"
    began = time.monotonic()
    try:
        cache.set(key, value, PROBE_TTL)
        back = attempt(lambda: cache.get(key))
        cache.delete(key)  # no other backend than Redis forgets a key that nobody asks for again
        if isinstance(back, Crash):
            raise back.error
        values: dict[str, float] = {"roundtrip_time": time.monotonic() - began}
        if back != value:
            raise Failure(
                Kind.FULL, f"The cache '{alias}' took a key but did not give it back.",
                summary="loses what is written", hint="Is it full, or does it evict at once? See MAX_ENTRIES.",
            )  # fmt: skip
        if isinstance(cache, DatabaseCache):
            values["entries"] = _rows(cache)
    finally:
        cache.close()
        connections.close_all()
    return values


def _rows(cache: DatabaseCache) -> int:
    table = str(getattr(cache, "_table"))  # noqa: B009  # no public name, and none in the stubs
    connection = connections[router.db_for_read(cache.cache_model_class)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608  # quoted
        return int(cursor.fetchone()[0])
