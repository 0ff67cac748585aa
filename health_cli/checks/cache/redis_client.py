"""Asks a Redis server. Loaded only when such a check runs, since it needs the client library."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from health_cli.checks.redis_server import Server, answered, explained, place_of, roundtrip
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement

if TYPE_CHECKING:
    from health_cli.checks.cache.redis import Redis

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


def server_of(location: str) -> Server:
    """Return how messages name the server of a location."""
    return Server(place_of(location), "LOCATION or OPTIONS of CACHES")


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
    with closing(_connect(check, location)) as client, explained(server_of(location), client):
        began = time.monotonic()
        facts: dict[str, Any] = {}
        mute = _failure_in(lambda: answered(server_of(location), client.ping))
        _note(facts, mute)
        connected = time.monotonic()
        values = {"connect_time": connected - began}
        missing: dict[str, str] = {}
        if mute:
            missing["ping_time"] = mute.summary
        else:
            client.ping()
            values["ping_time"] = time.monotonic() - connected
        trip = _failure_in(lambda: values.update(roundtrip_time=roundtrip(server_of(location), client)))
        if trip and not facts:
            _note(facts, trip)
        if trip:
            missing["roundtrip_time"] = trip.summary
        _read_info(client, values, missing, facts)
        _read_slow_log(client, values, missing)
        return values, missing, facts


def _ping(check: "Redis", location: str) -> None:
    with closing(_connect(check, location)) as client, explained(server_of(location), client):
        client.ping()


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
