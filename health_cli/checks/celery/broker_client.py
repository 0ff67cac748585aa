"""Takes a message through the broker. Loaded only when such a check runs, since it needs Celery."""

import os
import time
from importlib import import_module
from typing import Any

import amqp
from kombu import Connection

from health_cli.checks.celery.link import SETTING, driver_of, explained, flavour_of, opens, place_of, prepared, urls_of
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement


def gather(app: Any, limit: float) -> Measurement:
    """Connect to each URL and use the first that answers; Failure, the first one's, where none does."""
    failures: list[Failure] = []
    found: Measurement | None = None
    urls = urls_of(app)
    for url in urls:
        connection = prepared(app, url, limit / len(urls), failures)
        began = time.monotonic()
        if connection and opens(connection, failures):
            with connection:
                found = found or _measure(connection, time.monotonic() - began)
    if found is None:
        raise failures[0]
    rows = [{"kind": f.kind.value, "summary": f.summary, "message": f.message, "hint": f.hint} for f in failures]
    return Measurement(
        values=found.values, missing=found.missing, facts={**found.facts, **({"failed": rows} if rows else {})}
    )


def _measure(connection: Connection, connect_time: float) -> Measurement:
    """Return what one broker says; an error in it is a Failure."""
    values, missing = {"connect_time": connect_time}, dict[str, str]()
    facts = {"broker": f"{flavour_of(connection)} at {place_of(connection)}"}
    with explained(connection):
        match driver_of(connection):
            case "redis":
                _redis(connection, values, missing)
            case "amqp":
                _rabbitmq(connection, values, missing)
                missing["unacknowledged"] = "RabbitMQ tells this only through its management API"
            case other:
                missing |= dict.fromkeys(("roundtrip_time", "unacknowledged"), f"not measured on {other}")
    return Measurement(values=values, missing=missing, facts=facts)


def _redis(connection: Connection, values: dict[str, float], missing: dict[str, str]) -> None:
    """Write, read and delete a key of ours, and count what the workers have taken."""
    redis_server = load("health_cli.checks.redis_server")
    redis = import_module("redis")
    channel = connection.channel()
    # A client without kombu's key prefix, on the same connections.
    client = redis.Redis(connection_pool=channel.pool)
    values["roundtrip_time"] = redis_server.roundtrip(redis_server.Server(place_of(connection), SETTING), client)
    try:
        values["unacknowledged"] = channel.client.hlen(channel.unacked_key)
    except redis.exceptions.NoPermissionError:  # Celery itself never counts them
        missing["unacknowledged"] = "needs the ACL rule +hlen"


def _rabbitmq(connection: Connection, values: dict[str, float], missing: dict[str, str]) -> None:
    """Put a message into an exclusive queue of ours and take it out again."""
    channel = connection.channel()
    name, body = f"health-cli.probe.{os.urandom(8).hex()}", b"health-cli"
    began = time.monotonic()
    try:
        channel.queue_declare(queue=name, exclusive=True, auto_delete=True, durable=False)
        channel.basic_publish(amqp.Message(body), routing_key=name)
        back = channel.basic_get(name, no_ack=True)
    except amqp.exceptions.AccessRefused as error:
        missing["roundtrip_time"] = f"needs rights on health-cli.* and amq.default ({error.reply_text})"
        return
    if back is None or back.body not in {body, body.decode()}:
        raise Failure(
            Kind.FULL, f"RabbitMQ at {place_of(connection)} took a message but did not give it back.",
            summary="loses messages", hint="Look at its log and its alarms: rabbitmq-diagnostics alarms.",
        )  # fmt: skip
    channel.queue_delete(name)
    values["roundtrip_time"] = time.monotonic() - began
