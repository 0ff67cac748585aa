"""Reads what the logging handler has counted. Loaded only when that is read, since it needs the client library."""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from health_cli.checks.api.buckets import text_of
from health_cli.checks.api.link import connected
from health_cli.checks.logs.shared import HOUR, LEVEL, MESSAGE, MINUTE, minute_key, since_key, texts_key
from health_cli.checks.logs.tally import Group, Tally
from health_cli.checks.redis_server import Server, explained, place_of
from health_cli.core.guard import Crash, attempt


def read(cache: Mapping[str, Any], secret: str, handler: str, begin: float, limit: float) -> tuple[Tally, float | None]:
    """Return the counts since a time, and since when there are any, None where nothing was counted so far; Failure."""
    location = cache.get("LOCATION") or "redis://127.0.0.1:6379"
    server = Server(place_of(str(location if isinstance(location, str) else location[0])), "LOCATION of CACHES")
    with explained(server), closing(connected(cache, min(2.0, limit * 0.4), limit * 0.5)) as client:
        now = int(client.time()[0])
        minutes = range(int(begin // MINUTE), now // MINUTE + 1)
        pipeline = client.pipeline(transaction=False)
        pipeline.get(since_key(secret, handler))
        hours = range(int(begin // HOUR), now // HOUR + 1)
        for hour in hours:
            pipeline.hgetall(texts_key(secret, handler, hour))
        for minute in minutes:
            pipeline.hgetall(minute_key(secret, handler, minute))
        since, *rows = pipeline.execute()
    texts = {message: text for row in rows[: len(hours)] for message, text in row.items()}
    buckets = dict(zip(minutes, rows[len(hours) :], strict=True))
    return _tally(buckets, texts), None if since is None else float(since)


def _tally(buckets: Mapping[int, Mapping[bytes, bytes]], texts: Mapping[bytes, bytes]) -> Tally:
    tally = Tally()
    known = {text_of(message): text for message, text in texts.items()}
    for minute, fields in buckets.items():
        for name, count in fields.items():
            what, _, which = text_of(name).partition("|")
            if what == LEVEL:
                tally.levels[which][minute] += int(count)
            elif what == MESSAGE and which in known:
                group = tally.groups_by_key.get(which) or _group(known[which])
                if group:
                    group.minutes[minute] += int(count)
                    tally.groups_by_key[which] = group
    return tally


def _group(text: bytes) -> Group | None:
    found = attempt(lambda: Group(*json.loads(text)))
    return None if isinstance(found, Crash) else found
