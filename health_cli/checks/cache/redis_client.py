"""Asks a Redis server. Loaded only when such a check runs, since it needs the client library."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from health_cli.checks.cache.base import PROBE_TTL, probe_key
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status

if TYPE_CHECKING:
    from health_cli.checks.cache.redis import Redis

# Begin of the server's words -> (kind, a few words, what to do). Redis has one class for most of them.
ANSWERS: dict[str, tuple[Kind, str, str]] = {
    "Protocol Error": (Kind.MISCONFIGURED, "no Redis", "What answers there speaks another protocol: correct LOCATION."),
    "OOM": (Kind.FULL, "out of memory", "Raise maxmemory, set an eviction policy, or find keys that never expire."),
    "command not allowed when used memory": (
        Kind.FULL, "out of memory", "Raise maxmemory, set an eviction policy, or find keys that never expire.",
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
    "DB index is out of range": (Kind.MISCONFIGURED, "no such database number", "Lower the number in LOCATION."),
    "max number of clients": (Kind.FULL, "too many clients", "Close what leaks, or raise maxclients."),
    "DENIED": (Kind.AUTH, "protected mode", "Set a password on the server, or bind it to the right address."),
    "this user has no permissions": (Kind.AUTH, "no permission", "The manual page names the ACL rules that it needs."),
    "No permissions": (Kind.AUTH, "no permission", "The manual page names the ACL rules that it needs."),
    "NOAUTH": (Kind.AUTH, "wants a password", "Set the password in LOCATION or OPTIONS of CACHES."),
    "HELLO must be called": (Kind.AUTH, "wants a password", "Set the password in LOCATION or OPTIONS of CACHES."),
    "WRONGPASS": (Kind.AUTH, "wrong password", "Correct the password in LOCATION or OPTIONS of CACHES."),
    "invalid username-password": (Kind.AUTH, "wrong password", "Correct the password in LOCATION or OPTIONS."),
}  # fmt: skip
_OURS = {"socket_timeout", "socket_connect_timeout", "retry", "retry_on_timeout", "retry_on_error"}
# Options of the cache classes that are not the client's: Django's own and django-redis'.
_CLASS_OPTIONS = {"pool_class", "parser_class", "serializer", "connection_class"}

INFO_FACTS = (
    "maxmemory_policy", "role", "rdb_last_bgsave_status", "rdb_changes_since_last_save", "aof_enabled",
    "aof_last_write_status", "master_link_status", "latest_fork_usec", "run_id", "keyspace_hits",
    "keyspace_misses",
)  # fmt: skip
INFO_VALUES = {
    "used_memory": "used_memory",
    "mem_fragmentation_ratio": "fragmentation_ratio",
    "evicted_keys": "evicted_keys",
    "expired_keys": "expired_keys",
    "rejected_connections": "rejected_connections",
    "connected_clients": "clients",
    "blocked_clients": "blocked_clients",
    "connected_slaves": "replicas",
    "uptime_in_seconds": "uptime",
}


def gather(check: "Redis") -> Measurement:
    """Ask the first server everything and each other one for an answer; Failure where none can be had."""
    first, *others = check.locations or ("redis://127.0.0.1:6379",)
    values, missing, facts = _ask(check, first)
    facts["servers"] = [place_of(location) for location in (first, *others)]
    for location in others:
        _note(facts, _failure_in(lambda place=location: _ping(check, place)))  # type: ignore[misc]
    return Measurement(values=values, missing=missing, facts=facts)


def _connect(check: "Redis", location: str) -> redis.Redis:
    limit = check.timeout
    try:
        client: redis.Redis = redis.Redis.from_url(
            location if "://" in location else f"redis://{location}",
            **client_options(check.settings),
            socket_connect_timeout=min(2.0, limit * 0.4),
            socket_timeout=min(3.0, limit * 0.6),
            retry=Retry(NoBackoff(), 0),
        )
    except (TypeError, ValueError) as error:
        raise Failure(
            Kind.MISCONFIGURED, f"LOCATION or OPTIONS of {check.name} can't be understood ({type(error).__name__}).",
            summary="LOCATION not understood",
            hint="Example: redis://:password@host:6379/1; quote / ? # @ in a password (%2F %3F %23 %40).",
        ) from None  # fmt: skip
    return client


def client_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a cache that are the client's own, from Django's or django-redis' form."""
    options = dict(settings.get("OPTIONS") or {})
    pool = dict(options.pop("CONNECTION_POOL_KWARGS", None) or {})
    logins = {k: options[n] for k, n in (("username", "USERNAME"), ("password", "PASSWORD")) if options.get(n)}
    own = {k: v for k, v in options.items() if k.islower() and k not in _CLASS_OPTIONS}
    merged = own | {k: v for k, v in pool.items() if k != "max_connections"} | logins
    return {key: value for key, value in merged.items() if key not in _OURS}


def _ask(check: "Redis", location: str) -> tuple[dict[str, float], dict[str, str], dict[str, Any]]:
    with closing(_connect(check, location)) as client, _explained(check, location, client):
        began = time.monotonic()
        facts: dict[str, Any] = {}
        mute = _failure_in(lambda: _answered(check, location, client.ping))
        _note(facts, mute)
        connected = time.monotonic()
        values = {"connect_time": connected - began}
        missing: dict[str, str] = {}
        if mute:
            missing["ping_time"] = mute.summary
        else:
            client.ping()
            values["ping_time"] = time.monotonic() - connected
        trip = _failure_in(lambda: values.update(roundtrip_time=_roundtrip(check, location, client)))
        if trip and not facts:
            _note(facts, trip)
        if trip:
            missing["roundtrip_time"] = trip.summary
        _read_info(client, values, missing, facts)
        _read_slow_log(client, values, missing)
        return values, missing, facts


def _ping(check: "Redis", location: str) -> None:
    with closing(_connect(check, location)) as client, _explained(check, location, client):
        client.ping()


def _answered(check: "Redis", location: str, command: Callable[[], object]) -> None:
    """Call a command; an answer that is an error is a Failure, while no answer at all stays as it is."""
    try:
        command()
    except (redis.BusyLoadingError, redis.AuthenticationError):
        raise
    except redis.ResponseError as error:
        raise answer_failure(str(error), place_of(location)) from error


def _failure_in(call: Callable[[], object]) -> Failure | None:
    try:
        call()
    except Failure as failure:
        return failure
    return None


def _note(facts: dict[str, Any], failure: Failure | None) -> None:
    """Keep a failure as a fact, so that what else can be measured still is."""
    if failure:
        row = {"kind": failure.kind.value, "summary": failure.summary, "message": failure.message}
        facts.setdefault("failed", []).append({**row, "hint": failure.hint})


def _roundtrip(check: "Redis", location: str, client: redis.Redis) -> float:
    """Write a key that expires, read it back, delete it; return the seconds."""
    key, value = probe_key(), b"health-cli"
    back: list[object] = []
    began = time.monotonic()
    _answered(check, location, lambda: client.set(key, value, ex=PROBE_TTL))
    _answered(check, location, lambda: back.append(client.get(key)))
    _answered(check, location, lambda: client.delete(key))
    took = time.monotonic() - began
    if back[0] not in {value, value.decode()}:
        raise Failure(
            Kind.FULL, f"Redis at {place_of(location)} took a key but did not give it back.",
            summary="loses what is written", hint="It evicts at once: see maxmemory and its policy.",
        )  # fmt: skip
    return took


def _read_info(client: redis.Redis, values: dict[str, float], missing: dict[str, str], facts: dict[str, Any]) -> None:
    """Read INFO; an ACL that forbids it turns its metrics null."""
    facts |= {"flavour": "Redis", "version": "", "hit_ratio_since": "server start"}
    try:
        info: Mapping[str, Any] = client.info()
    except NoPermissionError:
        names = (*INFO_VALUES.values(), "maxmemory", "used_memory_percent", "system_memory_percent", "hit_ratio",
                 "keys", "keys_with_expiry", "clients_percent")  # fmt: skip
        missing |= dict.fromkeys(names, "needs the ACL rule +info")
        return
    flavour = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    facts |= {"flavour": flavour, "version": info.get("valkey_version") or info["redis_version"]}
    facts |= {name: info[name] for name in INFO_FACTS if name in info}
    facts["maxmemory"] = int(info.get("maxmemory", 0))
    values |= {ours: info[theirs] for theirs, ours in INFO_VALUES.items() if theirs in info}
    read_ratios(info, values, missing)
    number = client.connection_pool.connection_kwargs.get("db") or 0
    keyspace = info.get(f"db{number}", {})
    values |= {"keys": keyspace.get("keys", 0), "keys_with_expiry": keyspace.get("expires", 0)}


def read_ratios(info: Mapping[str, Any], values: dict[str, float], missing: dict[str, str]) -> None:
    """Work out the percentages that have something to be a part of."""
    parts = {
        "used_memory_percent": (info.get("used_memory", 0), info.get("maxmemory", 0), "no maxmemory is set"),
        "system_memory_percent": (
            info.get("used_memory_rss", 0), info.get("total_system_memory", 0), "the server does not tell",
        ),
        "clients_percent": (info.get("connected_clients", 0), info.get("maxclients", 0), "the server does not tell"),
        "hit_ratio": (
            info.get("keyspace_hits", 0), info.get("keyspace_hits", 0) + info.get("keyspace_misses", 0),
            "no look-ups since the server's start",
        ),
    }  # fmt: skip
    for name, (part, whole, reason) in parts.items():
        if whole:
            values[name] = round(100 * part / whole, 2)
        else:
            missing[name] = reason
    if info.get("maxmemory"):
        values["maxmemory"] = info["maxmemory"]
    else:
        missing["maxmemory"] = "no maxmemory is set"


def _read_slow_log(client: redis.Redis, values: dict[str, float], missing: dict[str, str]) -> None:
    try:
        values["slow_log"] = client.slowlog_len()
    except redis.ResponseError as error:  # no permission, renamed away, or unknown to a relative of Redis
        missing["slow_log"] = f"the server did not tell: {error}"


@contextmanager
def _explained(check: "Redis", location: str, client: redis.Redis) -> Iterator[None]:
    """Turn the library's errors into failures. The order matters: the first two are connection errors too."""
    place = place_of(location)
    try:
        yield
    except redis.AuthenticationError as error:
        raise answer_failure(str(error), place, kind=Kind.AUTH) from error
    except redis.BusyLoadingError as error:
        raise _loading(client, place) from error
    except redis.TimeoutError as error:
        hint = "It hangs (a blocking command, swapping, a full disk), or packets are dropped on the way."
        raise Failure(
            Kind.TIMEOUT, f"Redis at {place} did not answer: {error}.", summary=f"no answer at {place}", hint=hint
        ) from error
    except redis.ConnectionError as error:
        raise connection_failure(str(error), place) from error
    except redis.RedisError as error:
        raise answer_failure(str(error), place) from error


def answer_failure(text: str, place: str, *, kind: Kind = Kind.CRASHED) -> Failure:
    """Return the failure for an error that the server answered with."""
    nothing = (kind, "answers with an error", "Look the answer up in Redis' documentation.")
    found, words, hint = next((v for k, v in ANSWERS.items() if text.startswith(k)), nothing)
    return Failure(found, f"Redis at {place} answers: {text}", summary=f"{words} at {place}", hint=hint)


def connection_failure(text: str, place: str) -> Failure:
    """Return the failure for a connection that did not come about or broke."""
    if any(text.startswith(words) for words in ANSWERS):
        return answer_failure(text, place)
    if "not known" in text or "name resolution" in text or "nodename" in text:
        return Failure(
            Kind.MISSING, f"The host of {place} is not found ({text})", summary="host name not found",
            hint="Correct LOCATION in CACHES, or the name service.",
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


def _loading(client: redis.Redis, place: str) -> Failure:
    """Say how far a starting server is; INFO is answered meanwhile. Soon ready is a warning only."""
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


def place_of(location: str) -> str:
    """Return where a location points to, without its login."""
    try:
        parts = urlsplit(location if "://" in location else f"redis://{location}")
        return parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        return "the place that LOCATION names"
