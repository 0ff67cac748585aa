"""Connects to the broker within limits of our own, and tells its failures in our words. Needs Celery."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import amqp
from kombu import Connection
from kombu.exceptions import OperationalError

from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.status import Status

SETTING = "the broker's URL (CELERY_BROKER_URL)"
REDIS = "redis"
RABBITMQ = "amqp"
_RUNNING = "Is it running there, and does nothing in between block the port?"
_NAMES = {REDIS: "Redis", RABBITMQ: "RabbitMQ"}


def urls_of(app: Any) -> list[str]:
    """Return the URLs of the broker: one, or several where there is a failover."""
    given = app.conf.broker_write_url or app.conf.broker_url or ""
    parts = given.split(";") if isinstance(given, str) else list(given)
    return [str(part).strip() for part in parts if str(part).strip()] or ["amqp://"]


@contextmanager
def any_link(app: Any, limit: float) -> Iterator[Connection]:
    """Yield a connection to the first broker that answers; Failure, the first one's, where none does."""
    failures: list[Failure] = []
    urls = urls_of(app)
    for url in urls:
        connection = prepared(app, url, limit / len(urls), failures)
        if connection and opens(connection, failures):
            with connection, explained(connection):
                yield connection
            return
    raise failures[0]


def opens(connection: Connection, failures: list[Failure]) -> bool:
    """Open a connection with a single attempt; where that fails, tell so and add the failure."""
    try:
        with explained(connection):
            connection.ensure_connection(errback=_give_up)
    except Failure as failure:
        connection.release()
        failures.append(failure)
        return False
    return True


def _give_up(error: Exception, interval: float) -> None:
    """End kombu's retries at the first failure: a refused port would take 6 s, a silent one for ever."""
    raise error


def prepared(app: Any, url: str, limit: float, failures: list[Failure]) -> Connection | None:
    """Return a connection of our own, not yet open but with its driver imported, whose waits end within the limit.

    Never one of the app's pool: after a timeout such a one may still wait for a reply on Redis, and eats it.
    """
    patience = min(2.0, limit * 0.4)
    options: dict[str, Any] = {"connect_timeout": patience, "read_timeout": patience, "write_timeout": patience}
    try:
        if "://" not in url:
            raise ValueError("its URL has no scheme, such as redis://")
        connection: Connection = app.connection_for_write(url, connect_timeout=patience)
        if driver_of(connection) == REDIS:
            # A read must outlast the second that kombu lets Redis wait for a reply.
            options = {"socket_connect_timeout": patience, "socket_timeout": max(1.2, patience)}
        elif driver_of(connection) == RABBITMQ:
            options["on_blocked"] = _blocked
        else:
            options = {}
        connection.transport_options = {**(connection.transport_options or {}), **options}
    except (ImportError, KeyError, ValueError, TypeError) as error:
        failures.append(
            Failure(
                Kind.MISCONFIGURED, f"The broker can't be used: {error}.", summary="broker not understood",
                hint=f"Correct {SETTING}, or install what it needs: pip install 'celery[redis]'.",
                status=Status.UNKNOWN,
            )
        )  # fmt: skip
        return None
    return connection


def driver_of(connection: Connection) -> str:
    """Return what kind of broker it is: `redis`, `amqp`, or another word of kombu's."""
    return str(connection.transport.driver_type)


def flavour_of(connection: Connection) -> str:
    """Return its name for people."""
    driver = driver_of(connection)
    return _NAMES.get(driver, driver)


def place_of(connection: Connection) -> str:
    """Return host and port, without the login."""
    port = connection.port or connection.transport.default_port
    host = connection.hostname or "localhost"
    if "://" in host:
        return host.rpartition("@")[2]
    return f"{host}:{port}" if port else host


def _blocked(reason: str) -> None:
    """RabbitMQ says that it blocks whoever publishes: an alarm of its memory or disk."""
    raise Failure(
        Kind.FULL, f"RabbitMQ blocks publishers: {reason}", summary="blocks publishers",
        hint="An alarm is on: free memory or disk on its host, see 'rabbitmq-diagnostics alarms'.",
    )  # fmt: skip


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """Turn the errors of kombu and of the drivers into failures."""
    try:
        yield
    except OperationalError as error:
        raise failure_of(error.__cause__ or error, connection) from error
    except _errors(connection) as error:
        raise failure_of(error, connection) from error


def _errors(connection: Connection) -> tuple[type[BaseException], ...]:
    return (*connection.connection_errors, *connection.channel_errors, amqp.AMQPError, OSError)


def failure_of(error: BaseException, connection: Connection) -> Failure:
    """Return the failure for an error of the connection."""
    if driver_of(connection) == REDIS and type(error).__module__.startswith(REDIS):
        return _redis_failure(error, place_of(connection))
    return _amqp_failure(error, f"{flavour_of(connection)} at {place_of(connection)}")


def _redis_failure(error: BaseException, place: str) -> Failure:
    server = load("health_cli.checks.redis_server")
    try:
        with server.explained(server.Server(place, SETTING)):
            raise error
    except Failure as failure:
        return failure


# Class -> (kind, a few words, what to do); most specific first.
_AMQP: Sequence[tuple[type[BaseException], Kind, str, str]] = (
    (amqp.exceptions.AccessRefused, Kind.AUTH, "login refused", f"Correct user and password in {SETTING}."),
    (amqp.exceptions.NotAllowed, Kind.MISSING, "no such vhost", f"Correct the vhost in {SETTING}, or create it."),
    (amqp.exceptions.ConnectionForced, Kind.REFUSED, "closes connections", "It shuts down, or is full: see its log."),
    (amqp.exceptions.ResourceError, Kind.FULL, "out of resources", "Its log says which limit was reached."),
    (ConnectionRefusedError, Kind.REFUSED, "refused", _RUNNING),
    (socket.gaierror, Kind.MISSING, "host name not found", f"Correct {SETTING}, or the name service."),
    (TimeoutError, Kind.TIMEOUT, "no answer", "It hangs (an alarm, a full disk), or packets are dropped on the way."),
    (OSError, Kind.REFUSED, "connection broken", "Is it a RabbitMQ at all, and does it want TLS (amqps://)?"),
)  # fmt: skip

# What RabbitMQ says -> the same; it has one number for several things.
_SAID = (
    ("access to vhost", Kind.AUTH, "no rights on the vhost", "Give them: rabbitmqctl set_permissions -p VHOST ..."),
    ("connection limit", Kind.FULL, "too many connections", "Close what leaks, or raise the limit of vhost or user."),
    ("access to queue", Kind.AUTH, "no permission", "The manual page names the permissions that it needs."),
    ("access to exchange", Kind.AUTH, "no permission", "The manual page names the permissions that it needs."),
)  # fmt: skip


def _amqp_failure(error: BaseException, name: str) -> Failure:
    if isinstance(error, Failure):
        return error
    nothing = (Kind.CRASHED, "answers with an error", "Look the answer up in the broker's documentation.")
    kind, words, hint = next((row[1:] for row in _AMQP if isinstance(error, row[0])), nothing)
    kind, words, hint = next((row[1:] for row in _SAID if row[0] in str(error)), (kind, words, hint))
    return Failure(kind, f"{name}: {words} ({error})", summary=f"{words} at {name.rpartition(' ')[2]}", hint=hint)
