"""What every check of a Redis server shares: one round trip through it, and its errors in our words.

Loaded only when such a check runs, since it needs the client library.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis

from health_cli.checks.cache.base import PROBE_TTL, probe_key
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

IN_PIPELINE = " of pipeline caused error: "  # what redis-py puts before the server's words, with the command
# Begin of the server's words -> (kind, a few words, what to do). Redis has one class for most of them.
_ROOM = "Raise maxmemory, or find keys that never expire. A pure cache may have an eviction policy, a broker never."
ANSWERS: dict[str, tuple[Kind, str, str]] = {
    "Protocol Error": (Kind.MISCONFIGURED, "no Redis", "Another protocol is spoken there: correct {setting}."),
    "OOM": (Kind.FULL, "out of memory", _ROOM),
    "command not allowed when used memory": (
        Kind.FULL, "out of memory", _ROOM,
    ),
    "READONLY": (Kind.READ_ONLY, "read-only replica", "A failover under way, or the wrong host? Write to the master."),
    "You can't write against a read only": (
        Kind.READ_ONLY, "read-only replica", "A failover under way, or the wrong host? Write to the master.",
    ),
    "MISCONF": (Kind.READ_ONLY, "takes no writes: it can't save", "Its disk is full or not writable: see its log."),
    "BUSY": (Kind.TIMEOUT, "busy with a script", "A script blocks everything: SCRIPT KILL, then find who sent it."),
    "MASTERDOWN": (Kind.LAGGING, "replica without its master", "Bring the master back, or promote this one."),
    "CLUSTERDOWN": (Kind.REFUSED, "the cluster is down", "See CLUSTER INFO: slots are not covered."),
    "MOVED": (Kind.MISCONFIGURED, "this is a cluster", "Use a cache backend that speaks to clusters."),
    "DB index is out of range": (Kind.MISCONFIGURED, "no such database number", "Lower the number in {setting}."),
    "max number of clients": (Kind.FULL, "too many clients", "Close what leaks, or raise maxclients."),
    "DENIED": (Kind.AUTH, "protected mode", "Set a password on the server, or bind it to the right address."),
    "this user has no permissions": (Kind.AUTH, "no permission", "The manual page names the ACL rules that it needs."),
    "No permissions": (Kind.AUTH, "no permission", "The manual page names the ACL rules that it needs."),
    "The user executing the script can't run": (
        Kind.AUTH, "no permission", "The manual page names the ACL rules that it needs.",
    ),
    "NOAUTH": (Kind.AUTH, "wants a password", "Set the password in {setting}."),
    "Authentication required": (Kind.AUTH, "wants a password", "Set the password in {setting}."),
    "HELLO must be called": (Kind.AUTH, "wants a password", "Set the password in {setting}."),
    "WRONGPASS": (Kind.AUTH, "wrong password", "Correct the password in {setting}."),
    "invalid username-password": (Kind.AUTH, "wrong password", "Correct the password in {setting}."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """One server as messages name it: its place, and the setting that holds its address and login."""

    place: str
    setting: str


def place_of(location: str) -> str:
    """Return where a location points to, without its login."""
    try:
        parts = urlsplit(location if "://" in location else f"redis://{location}")
        return parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        return "the place that the setting names"


def roundtrip(server: Server, client: redis.Redis) -> float:
    """Write a random key that expires, read it back, delete it; return the seconds."""
    key, value = probe_key(), b"health-cli"
    back: list[object] = []
    began = time.monotonic()
    answered(server, lambda: client.set(key, value, ex=PROBE_TTL))
    answered(server, lambda: back.append(client.get(key)))
    answered(server, lambda: client.delete(key))
    took = time.monotonic() - began
    if back[0] not in {value, value.decode()}:
        raise Failure(
            Kind.FULL, f"Redis at {server.place} took a key but did not give it back.",
            summary="loses what is written", hint="It evicts at once: see maxmemory and its policy.",
        )  # fmt: skip
    return took


def answered(server: Server, command: Callable[[], object]) -> None:
    """Call a command; an answer that is an error is a Failure, while no answer at all stays as it is."""
    try:
        command()
    except (redis.BusyLoadingError, redis.AuthenticationError):
        raise
    except redis.ResponseError as error:
        raise answer_failure(str(error), server) from error


@contextmanager
def explained(server: Server, client: redis.Redis | None = None) -> Iterator[None]:
    """Turn the library's errors into failures; a client can be asked how far a starting server is.

    The order matters: the first two are connection errors too.
    """
    place = server.place
    try:
        yield
    except redis.AuthenticationError as error:
        raise answer_failure(str(error), server, kind=Kind.AUTH) from error
    except redis.BusyLoadingError as error:
        raise _loading(client, place) from error
    except redis.TimeoutError as error:
        hint = "It hangs (a blocking command, swapping, a full disk), or packets are dropped on the way."
        raise Failure(
            Kind.TIMEOUT, f"Redis at {place} did not answer: {error}.", summary=f"no answer at {place}", hint=hint
        ) from error
    except redis.ConnectionError as error:
        raise connection_failure(str(error), server) from error
    except redis.RedisError as error:
        raise answer_failure(str(error), server) from error


def answer_failure(text: str, server: Server, *, kind: Kind = Kind.CRASHED) -> Failure:
    """Return the failure for an error that the server answered with."""
    nothing = (kind, "answers with an error", "Look the answer up in Redis' documentation.")
    words_of_server = text.rpartition(IN_PIPELINE)[2]
    found, words, hint = next((v for k, v in ANSWERS.items() if words_of_server.startswith(k)), nothing)
    return Failure(
        found, f"Redis at {server.place} answers: {text}", summary=f"{words} at {server.place}",
        hint=hint.format(setting=server.setting),
    )  # fmt: skip


def connection_failure(text: str, server: Server) -> Failure:
    """Return the failure for a connection that did not come about or broke."""
    place = server.place
    if any(text.startswith(words) for words in ANSWERS):
        return answer_failure(text, server)
    if "not known" in text or "name resolution" in text or "nodename" in text:
        return Failure(
            Kind.MISSING, f"The host of {place} is not found ({text})", summary="host name not found",
            hint=f"Correct {server.setting}, or the name service.",
        )  # fmt: skip
    if "reset by peer" in text or "closed by server" in text:
        return Failure(
            Kind.REFUSED, f"What listens at {place} closes the connection ({text})", summary=f"closed at {place}",
            hint="Is it a Redis at all, and does it want TLS (rediss://)? Its log says why it closes.",
        )  # fmt: skip
    return Failure(
        Kind.REFUSED, f"Redis at {place} refuses the connection ({text})", summary=f"refused at {place}",
        hint="Is it running there, and does nothing in between block the port?",
    )  # fmt: skip


def _loading(client: redis.Redis | None, place: str) -> Failure:
    """Say how far a starting server is; INFO is answered meanwhile. Soon ready is a warning only."""
    if client is None:
        return Failure(
            Kind.LOADING, f"Redis at {place} is loading its data", summary="loading",
            hint="Wait for it: INFO persistence tells how far it is.", status=Status.WARNING,
        )  # fmt: skip
    info = client.info("persistence")
    left = float(info.get("loading_eta_seconds", 0))
    done = float(info.get("loading_loaded_perc", 0))
    return Failure(
        Kind.LOADING,
        f"Redis at {place} is loading its data: {done:.0f} % done, about {left:.0f} s left",
        summary=f"loading, {done:.0f} % done",
        hint="Wait for it; look at its log if the time left does not shrink.",
        status=Status.WARNING if left < 60 else Status.CRITICAL,
    )
