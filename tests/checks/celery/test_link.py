"""The link to the broker: its URLs, and the drivers' errors in our words."""

import socket
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
import redis
from celery import Celery
from kombu import Connection

from health_cli.checks.celery.link import failure_of, flavour_of, place_of, prepared, urls_of
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

REDIS, RABBITMQ = "redis://:secret@cache:6380/1", "amqp://app:secret@mq:5673/shop"


@pytest.mark.parametrize(
    ("write", "plain", "urls"),
    [
        (None, "redis://a", ["redis://a"]),
        ("redis://w", "redis://a", ["redis://w"]),
        (None, "amqp://a;amqp://b", ["amqp://a", "amqp://b"]),
        (None, " amqp://a ; ; amqp://b;", ["amqp://a", "amqp://b"]),
        (None, ["amqp://a", "amqp://b"], ["amqp://a", "amqp://b"]),
        (None, ("amqp://a",), ["amqp://a"]),
        (None, None, ["amqp://"]),
        (None, "", ["amqp://"]),
        (None, [], ["amqp://"]),
    ],
)
def test_urls(write: Any, plain: Any, urls: list[str]) -> None:
    app = SimpleNamespace(conf=SimpleNamespace(broker_write_url=write, broker_url=plain))
    assert urls_of(app) == urls


@pytest.mark.parametrize(
    ("url", "place", "flavour"),
    [
        (REDIS, "cache:6380", "Redis"),
        ("redis://cache", "cache:6379", "Redis"),
        ("redis://", "localhost:6379", "Redis"),
        (RABBITMQ, "mq:5673", "RabbitMQ"),
        ("amqp://", "localhost:5672", "RabbitMQ"),
        ("pyamqp://u:p@mq//", "mq:5672", "RabbitMQ"),
        ("filesystem://", "localhost", "filesystem"),
    ],
)
def test_the_place_has_no_login(url: str, place: str, flavour: str) -> None:
    connection = Connection(url)
    assert (place_of(connection), flavour_of(connection)) == (place, flavour)


@pytest.mark.parametrize(
    ("error", "kind", "summary"),
    [
        (amqp.exceptions.AccessRefused("no"), Kind.AUTH, "login refused at mq:5673"),
        (amqp.exceptions.NotAllowed("vhost x not found"), Kind.MISSING, "no such vhost at mq:5673"),
        (amqp.exceptions.ConnectionForced("bye"), Kind.REFUSED, "closes connections at mq:5673"),
        (amqp.exceptions.ResourceError("no"), Kind.FULL, "out of resources at mq:5673"),
        (ConnectionRefusedError(111, "no"), Kind.REFUSED, "refused at mq:5673"),
        (socket.gaierror(-2, "no"), Kind.MISSING, "host name not found at mq:5673"),
        (TimeoutError("no"), Kind.TIMEOUT, "no answer at mq:5673"),
        (ConnectionResetError(104, "no"), Kind.REFUSED, "connection broken at mq:5673"),
        (amqp.exceptions.UnexpectedFrame("no"), Kind.CRASHED, "answers with an error at mq:5673"),
    ],
)
def test_errors_of_rabbitmq(error: BaseException, kind: Kind, summary: str) -> None:
    failure = failure_of(error, Connection(RABBITMQ))
    assert (failure.kind, failure.summary) == (kind, summary)
    assert failure.hint
    assert failure.message.startswith("RabbitMQ at mq:5673: ")


@pytest.mark.parametrize(
    ("error", "kind", "summary"),
    [
        (redis.AuthenticationError("WRONGPASS no"), Kind.AUTH, "wrong password at cache:6380"),
        (redis.AuthenticationError("NOAUTH no"), Kind.AUTH, "wants a password at cache:6380"),
        (redis.BusyLoadingError("no"), Kind.LOADING, "loading"),
        (redis.TimeoutError("no"), Kind.TIMEOUT, "no answer at cache:6380"),
        (redis.ConnectionError("Error 111. Connection refused."), Kind.REFUSED, "refused at cache:6380"),
        (redis.ConnectionError("Error -2. Name or service not known."), Kind.MISSING, "host name not found"),
        (redis.ConnectionError("Connection closed by server."), Kind.REFUSED, "closed at cache:6380"),
        (redis.ConnectionError("max number of clients reached"), Kind.FULL, "too many clients at cache:6380"),
        (redis.OutOfMemoryError("OOM no"), Kind.FULL, "out of memory at cache:6380"),
        (
            redis.ResponseError("DB index is out of range"),
            Kind.MISCONFIGURED,
            "no such database number at cache:6380",
        ),
        (redis.ReadOnlyError("READONLY no"), Kind.READ_ONLY, "read-only replica at cache:6380"),
    ],
)
def test_errors_of_redis(error: BaseException, kind: Kind, summary: str) -> None:
    failure = failure_of(error, Connection(REDIS))
    assert (failure.kind, failure.summary) == (kind, summary)
    assert failure.hint


@pytest.mark.parametrize("url", [REDIS, RABBITMQ])
def test_what_is_a_failure_stays_one(url: str) -> None:
    failure = Failure(Kind.FULL, "full")
    assert failure_of(failure, Connection(url)) is failure


@pytest.mark.parametrize("url", ["nonsense://x", "redis://cache:port/0"])
def test_a_url_that_is_not_understood_is_a_matter_of_the_settings(url: str) -> None:
    failures: list[Failure] = []
    with Celery("x", broker="memory://", set_as_current=False) as app:
        assert prepared(app, url, 5, failures) is None
    assert [(failure.kind, failure.status) for failure in failures] == [(Kind.MISCONFIGURED, Status.UNKNOWN)]
