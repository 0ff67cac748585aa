"""cache:ALIAS on a real Redis."""

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.cache.redis import METRICS
from tests.conftest import ShopFactory, serve
from tests.servers import PASSWORD, MariaDB, Redis, Silent, free_port, wait_until


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of the test's own, to be ill-treated."""
    yield from serve(Redis(tmp_path / "redis", "--appendonly", "no"))


def test_measures_everything(redis_server: Redis, shop: ShopFactory) -> None:
    with redis_server.client(db=1) as client:
        client.mset({f"key{i}": i for i in range(20)})
        client.set("soon", 1, ex=100)
        client.get("key1")
    run = shop(caches={"default": redis_server.settings()}).json("cache")
    values = run.metrics("cache:default")
    with redis_server.client(db=1) as client:
        left = {key for key in client.scan_iter() if key.startswith(b"health-cli")}
        client.flushdb()
    assert run.code == 0, run.out
    assert values.keys() == {metric.name for metric in METRICS}
    assert (values["keys"], values["keys_with_expiry"]) == (21, 1)
    assert 0 < values["hit_ratio"] <= 100
    assert run.reasons("cache:default") == {
        "maxmemory": "no maxmemory is set",
        "used_memory_percent": "no maxmemory is set",
    }
    assert run.checks["cache:default"]["data"]["hit_ratio_since"] == "server start"
    assert run.checks["cache:default"]["data"]["keyspace_hits"] > 0
    assert left == set()


def test_a_limited_cache_that_evicts_is_no_alarm_but_one_that_refuses_is(own_redis: Redis, shop: ShopFactory) -> None:
    project = shop(caches={"default": own_redis.settings()})
    with own_redis.client(db=1) as client:
        client.config_set("maxmemory", "3mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        for i in range(3000):
            client.set(f"key{i}", "x" * 1000)
        evicting = project.json("cache")
        client.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(Exception, match="maxmemory"):
            for i in range(5000):
                client.set(f"more{i}", "x" * 1000)
        refusing = project.json("cache")
    assert evicting.code == 0, evicting.out
    assert evicting.metrics("cache:default")["evicted_keys"] > 0
    check = refusing.checks["cache:default"]
    assert (refusing.code, check["kind"]) == (2, "full")
    assert "out of memory" in check["summary"]
    assert refusing.metrics("cache:default")["used_memory_percent"] > 95
    assert "raise maxmemory" in check["hint"].lower()


def test_a_replica_takes_no_writes(own_redis: Redis, shop: ShopFactory) -> None:
    with own_redis.client() as client:
        client.replicaof("127.0.0.1", free_port())
        wait_until(lambda: client.info("replication")["master_link_status"] == "down", "a replica")
        run = shop(caches={"default": own_redis.settings()}).json("cache")
    check = run.checks["cache:default"]
    assert (run.code, check["kind"]) == (2, "read-only"), run.out
    assert "link to the master is down" in check["message"]


def test_a_server_that_can_not_save_refuses_even_ping(own_redis: Redis, shop: ShopFactory) -> None:
    with own_redis.client() as client:
        client.set("a", 1)
        client.config_set("save", "3600 1")
        (own_redis.folder / "dump.rdb").mkdir()
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed save")
        run = shop(caches={"default": own_redis.settings()}).json("cache")
        client.config_set("save", "")
    check = run.checks["cache:default"]
    assert (run.code, check["kind"]) == (2, "read-only"), run.out
    assert "RDB snapshot failed" in check["message"] or "last write of the RDB snapshot failed" in check["message"]
    assert run.metrics("cache:default")["used_memory"] > 0


def test_a_missing_permission_turns_metrics_null_and_names_the_rule(own_redis: Redis, shop: ShopFactory) -> None:
    with own_redis.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~health-cli:*", "+ping", "+select", "+set", "+get", "+del"
        )
    options = {"OPTIONS": {"username": "app", "password": PASSWORD}}
    run = shop(caches={"default": own_redis.settings(**options)}).json("cache")
    reasons = run.reasons("cache:default")
    assert run.code == 0, run.out
    assert reasons["used_memory"] == "needs the ACL rule +info"
    assert "roundtrip_time" not in reasons
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "+info", "+slowlog|len")
    granted = shop(caches={"default": own_redis.settings(**options)}).json("cache")
    assert set(granted.reasons("cache:default")) == {"maxmemory", "used_memory_percent"}, "the manual's rules suffice"


def test_no_write_permission_is_a_failure_of_the_round_trip(own_redis: Redis, shop: ShopFactory) -> None:
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "+ping", "+select", "+info")
    options = {"OPTIONS": {"username": "app", "password": PASSWORD}}
    run = shop(caches={"default": own_redis.settings(**options)}).json("cache")
    assert (run.code, run.checks["cache:default"]["status"]) == (2, "critical")
    assert run.checks["cache:default"]["kind"] == "auth"


def test_a_server_with_too_many_clients_is_full(own_redis: Redis, shop: ShopFactory) -> None:
    with own_redis.client() as client:
        client.config_set("maxclients", 3)
        crowd = [socket.create_connection(("127.0.0.1", own_redis.port)) for _ in range(5)]
        run = shop(caches={"default": own_redis.settings()}).json("cache")
        for link in crowd:
            link.close()
    assert (run.code, run.checks["cache:default"]["kind"]) == (2, "full"), run.out


def test_a_loading_server_says_how_far_it_is(tmp_path: Path, shop: ShopFactory) -> None:
    server = Redis(tmp_path / "redis", "--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024")
    plain = Redis(tmp_path / "redis")
    plain.start()
    with plain.client() as client:
        client.mset({f"key{i}": "x" * 20 for i in range(200_000)})
        client.save()
    plain.stop()
    server.ready = lambda: _listens(server.port)  # type: ignore[method-assign]
    server.start()
    try:
        run = shop(caches={"default": server.settings()}).json("cache")
    finally:
        assert server._process
        server._process.send_signal(signal.SIGKILL)
        server.stop()
    check = run.checks["cache:default"]
    assert check["kind"] == "loading", run.out
    assert "% done" in check["message"]
    assert run.code in {1, 2}


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"OPTIONS": {"password": "wrong-canary-77"}}, "auth"),
        ({"OPTIONS": {}}, "auth"),
        ({"LOCATION": "redis://no-such-host.invalid:6379"}, "missing"),
    ],
    ids=["password", "no-password", "host"],
)
def test_tells_failures_apart(redis_server: Redis, shop: ShopFactory, changes: dict[str, Any], kind: str) -> None:
    run = shop(caches={"default": redis_server.settings(**changes)}).json("cache")
    check = run.checks["cache:default"]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", kind), run.out
    assert "canary" not in run.out
    assert check["hint"]


def test_a_database_number_that_does_not_exist(redis_server: Redis, shop: ShopFactory) -> None:
    location = f"redis://127.0.0.1:{redis_server.port}/99"
    run = shop(caches={"default": redis_server.settings(LOCATION=location)}).json("cache")
    assert (run.code, run.checks["cache:default"]["kind"]) == (2, "misconfigured")


def test_what_is_no_redis_is_said_to_be_none(mariadb: MariaDB, shop: ShopFactory) -> None:
    run = shop(caches={"default": _redis(f"redis://127.0.0.1:{mariadb.port}/0")}).json("cache")
    check = run.checks["cache:default"]
    assert (run.code, check["kind"]) == (2, "refused"), run.out
    assert "Is it a Redis at all" in check["hint"]


def test_a_web_server_is_no_redis(shop: ShopFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_as_a_web_server, args=(listener,), daemon=True)
        thread.start()
        run = shop(caches={"default": _redis(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")}).json("cache")
    check = run.checks["cache:default"]
    assert (run.code, check["kind"]) == (2, "misconfigured"), run.out


def _answer_as_a_web_server(listener: socket.socket) -> None:
    link, _ = listener.accept()
    with link:
        link.recv(1024)
        link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        link.recv(1024)


def test_a_silent_port_is_a_timeout(shop: ShopFactory) -> None:
    silent = Silent()
    run = shop(caches={"default": _redis(f"redis://127.0.0.1:{silent.port}/0")}).json("cache")
    silent.close()
    assert run.checks["cache:default"]["kind"] == "timeout", run.out


def test_every_server_of_an_alias_must_answer(redis_server: Redis, shop: ShopFactory) -> None:
    dead = free_port()
    locations = [f"redis://127.0.0.1:{redis_server.port}/1", f"redis://127.0.0.1:{dead}/1"]
    run = shop(caches={"default": redis_server.settings(LOCATION=locations)}).json("cache")
    check = run.checks["cache:default"]
    assert (run.code, check["kind"]) == (2, "refused"), run.out
    assert f"127.0.0.1:{dead}" in check["message"]
    assert run.metrics("cache:default")["ping_time"] > 0


def test_django_redis_options_are_understood(redis_server: Redis, shop: ShopFactory) -> None:
    settings = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{redis_server.port}/2",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "PASSWORD": PASSWORD,
            "CONNECTION_POOL_KWARGS": {"max_connections": 100},
        },
    }
    assert shop(caches={"default": settings}).json("cache").code == 0


def _redis(location: str) -> dict[str, Any]:
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}
