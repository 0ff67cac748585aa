"""Takes a result through the result backend. Loaded only when such a check runs, since it needs Celery."""

import time
import uuid
from contextlib import closing
from typing import Any

from health_cli.checks.celery.backend import DJANGO, kind_of, redis_client, server_of
from health_cli.checks.celery.stored import table_exists
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement


def gather(app: Any, limit: float) -> Measurement:
    """Write, read and delete; Failure where that does not work."""
    kind = kind_of(app)
    if kind == "redis":
        return _redis(app, limit)
    if kind == DJANGO:
        table_exists()
        reason = "a probe writes nothing into your tables: database:ALIAS tells how it is"
        return Measurement(missing={"roundtrip_time": reason}, facts={"backend": DJANGO})
    if kind == "rpc":
        return Measurement(missing={"roundtrip_time": "see celery.broker"}, facts={"backend": "rpc, over the broker"})
    return _any(app, kind)


def _redis(app: Any, limit: float) -> Measurement:
    redis_server = load("health_cli.checks.redis_server")
    server = server_of(app)
    with closing(redis_client(app, limit)) as client, redis_server.explained(server, client):
        client.ping()
        took = redis_server.roundtrip(server, client)
    return Measurement(values={"roundtrip_time": took}, facts={"backend": f"Redis at {server.place}"})


def _any(app: Any, kind: str) -> Measurement:
    """Store a result of a task that never was, through Celery's own backend, read it and forget it."""
    backend, task = app.backend, f"health-cli-{uuid.uuid4().hex}"
    began = time.monotonic()
    try:
        backend.store_result(task, "health-cli", "SUCCESS")
        back = backend.get_result(task)
    finally:
        backend.forget(task)
    if back != "health-cli":
        raise Failure(
            Kind.FULL, f"The result backend ({kind}) took a result but did not give it back.",
            summary="loses results", hint="Look at its own log; is it full, or does it evict?",
        )  # fmt: skip
    return Measurement(values={"roundtrip_time": time.monotonic() - began}, facts={"backend": kind})
