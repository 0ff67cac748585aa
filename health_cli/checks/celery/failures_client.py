"""Counts failed tasks where their results are kept. Loaded only when such a check runs, since it needs Celery."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from health_cli.checks.celery.backend import DJANGO, kind_of, redis_client, server_of
from health_cli.checks.celery.failures import LEAST
from health_cli.checks.celery.stored import counts_since
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement

ENDED = ("SUCCESS", "FAILURE", "REVOKED")
# Celery writes the state first, and the class of the exception right after it (Backend._get_result_meta).
HEAD = 255  # bytes of a result that are read; the rest may be megabytes of what the task returned
_STATUS = re.compile(rb'^\{"status": "([A-Z]+)"')
_EXCEPTION = re.compile(rb'"exc_type": "([\w.]+)"')
_BATCH = 500


def gather(app: Any, *, window: float, budget: float, limit: float) -> Measurement:
    """Count in the first source there is; without one every metric is null, with the reason."""
    kind = kind_of(app)
    if kind == DJANGO:
        counts, names = counts_since(window)
        return counted(Counter(counts), f"{DJANGO}, in the database", {"failed_tasks": names})
    if kind == "redis" and app.backend.expires:
        return _on_redis(app, window, budget, limit)
    reasons = {
        "none": "No result backend is set (CELERY_RESULT_BACKEND), so nothing keeps which tasks failed.",
        "rpc": "With rpc:// a result goes to its caller alone: nothing keeps which tasks failed.",
        "redis": "With result_expires off the age of a result can't be told.",
    }
    why = reasons.get(kind, f"Results in {kind} can't be counted: django-celery-results or Redis could be.")
    return Measurement(missing=dict.fromkeys(("failed", "finished", "failed_percent"), why), facts={"source": ""})


def counted(counts: Counter[str], source: str, facts: dict[str, Any], *, sampled: bool = False) -> Measurement:
    """Turn counts by state into the measurement; a percentage of few says nothing."""
    failed, finished = counts["FAILURE"], sum(counts[state] for state in ENDED)
    facts = {"source": source, "failed_seen": failed, "finished_seen": finished, "sampled": sampled, **facts}
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    if sampled:
        missing |= dict.fromkeys(("failed", "finished"), "there are more results than the budget lets us look at")
    else:
        values |= {"failed": failed, "finished": finished}
    if finished >= LEAST:
        values["failed_percent"] = round(100 * failed / finished, 2)
    else:
        missing["failed_percent"] = f"fewer than {LEAST} tasks finished"
    return Measurement(values=values, missing=missing, facts=facts)


def _on_redis(app: Any, window: float, budget: float, limit: float) -> Measurement:
    """Look at the results that Celery keeps, each with an expiry that tells its age."""
    redis_server = load("health_cli.checks.redis_server")
    server, backend = server_of(app), app.backend
    lifetimes = {"FAILURE": float(getattr(backend, "failure_expires", None) or backend.expires)}
    counts: Counter[str] = Counter()
    exceptions: Counter[str] = Counter()
    until, sampled, unread = time.monotonic() + min(budget, limit / 2), False, 0
    with closing(redis_client(app, limit)) as client, redis_server.explained(server, client):
        for head, left in _results(client, _prefix(backend), until):
            if head is None:
                sampled = True
                break
            state = _STATUS.match(head)
            if not state:
                unread += 1
                continue
            word = state[1].decode()
            age = lifetimes.get(word, float(backend.expires)) - left / 1000
            if left >= 0 and age <= window:
                counts[word] += 1
                if word == "FAILURE" and (name := _EXCEPTION.search(head)):
                    exceptions[name[1].decode()] += 1
    facts = {"failed_exceptions": dict(exceptions.most_common(5)), "unreadable": unread}
    if unread:
        why = f"{unread} results are not in JSON (result_serializer), so that their state can't be read"
        missing = dict.fromkeys(("failed", "finished", "failed_percent"), why)
        return Measurement(missing=missing, facts={"source": "", "unreadable": unread})
    return counted(counts, f"results in Redis at {server.place}", facts, sampled=sampled)


def _prefix(backend: Any) -> str:
    prefix = backend.task_keyprefix
    return prefix.decode() if isinstance(prefix, bytes) else str(prefix)


def _results(client: Any, prefix: str, until: float) -> Iterator[tuple[bytes | None, int]]:
    """Yield the head of each result and the milliseconds it has left; None where the time was over before the last.

    In small steps, none of which blocks the server for long, however many keys of others there are.
    """
    cursor = 0
    while True:
        cursor, keys = client.scan(cursor, match=f"{prefix}*", count=_BATCH)
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.getrange(key, 0, HEAD)
            pipe.pttl(key)
        rows = pipe.execute() if keys else []
        yield from zip(rows[::2], rows[1::2], strict=True)
        if not cursor:
            return
        if time.monotonic() > until:
            yield None, 0
            return
