"""The counting middleware under real load: what it counts must come out exactly, and nobody waits for its Redis."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.checks.api.conftest import ASGI, Project, Serve, counted
from tests.servers import Redis, wait_until

READY = 1  # request that asked whether the server was there


def endpoints(found: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    return {row["endpoint"]: row for row in found["data"].get(key, [])}


@pytest.mark.parametrize("app", [{}, {"app": ASGI, "options": ("-k", "asgi")}], ids=["wsgi", "asgi"])
def test_the_figures_of_a_known_load_come_out(redis: Redis, serve: Serve, app: Any) -> None:
    server = serve({"default": redis.settings()}, {"API": {"proxies": 1}}, **app)
    load = [(f"/orders/{n}/", "GET") for n in range(150)] + [("/orders/7/", "POST")] * 20 + [("/fail/", "GET")] * 6
    load += [("/orders/404/", "GET")] * 3 + [("/nowhere/17/", "GET")] * 4 + [("/status/400/", "GET")] * 8
    load += [("/status/429/", "GET")] * 5 + [("/stream/", "GET")] * 2 + [("/later/", "GET")] * 2

    def ask(number: int) -> int:
        path, method = load[number]
        return server.get(path, method, X_Forwarded_For=f"6.6.6.6, 10.0.{number % 90}.1")

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(len(load))))
    assert (statuses.count(200), statuses.count(201), statuses.count(500)) == (154, 20, 6)
    run = counted(server.project, len(load) + READY)
    checks = run.checks
    traffic = run.metrics("api.traffic")
    assert traffic["requests_1h"] == traffic["requests_24h"] == 201
    assert checks["api.traffic"]["data"]["statuses_24h"] == {
        "200": 154, "201": 20, "204": 1, "400": 8, "404": 7, "429": 5, "500": 6
    }  # fmt: skip
    asked = endpoints(checks["api.traffic"], "endpoints_24h")
    assert asked["GET /orders/<int:number>/"] == {
        "endpoint": "GET /orders/<int:number>/", "requests": 153, "2xx": 150, "4xx": 3
    }  # fmt: skip
    assert asked["POST /orders/<int:number>/"]["requests"] == 20
    assert asked["GET (404)"]["requests"] == 4
    errors = run.metrics("api.errors")
    assert errors["server_errors_1h"] == 6
    assert errors["server_errors_percent_1h"] == pytest.approx(100 * 6 / 201)
    assert errors["client_errors_percent_1h"] == pytest.approx(100 * 8 / 201)
    assert errors["not_found_percent_1h"] == pytest.approx(100 * 7 / 201)
    assert endpoints(checks["api.errors"], "endpoints_5xx_1h")["GET /fail/"]["percent"] == 100
    clients = run.metrics("api.clients")
    assert clients["active_1h"] == clients["active_24h"] == pytest.approx(91, abs=2), "ninety, and who asked first"
    assert (run.metrics("api.limits")["limited_1h"], run.metrics("api.limits")["limited_clients_1h"]) == (5, 5)
    assert checks["api.errors"]["status"] == "warning"
    assert len(run.checks) == 5 and "6.6.6.6" not in run.out and "10.0." not in run.out


def test_latencies_are_near_what_they_were(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(server.get, ["/slow/?s=0.3"] * 10 + ["/slow/?s=0.1"] * 30))
    run = counted(server.project, 40 + READY)
    latency = run.metrics("api.latency")
    assert latency["p50_1h"] == pytest.approx(0.1, rel=0.25)
    assert latency["p99_1h"] == pytest.approx(0.3, rel=0.25)
    assert latency["mean_1h"] == pytest.approx((10 * 0.3 + 30 * 0.1) / 41, rel=0.25)


def test_limiters_are_recognised_and_so_is_who_is_near(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {"API": {"proxies": 1}}, apps=("rest_framework",))
    throttled = [server.get("/throttled/", X_Forwarded_For="10.0.0.1") for _ in range(5)]
    blocked = [server.get("/blocked/") for _ in range(5)]
    assert (throttled, blocked) == ([200, 200, 200, 429, 429], [200, 200, 403, 403, 403])
    for left, client in ((5, "10.0.0.1"), (50, "10.0.0.2"), (99, "10.0.0.3")):
        server.get(f"/near/{left}/", X_Forwarded_For=client)
    run = counted(server.project, 13 + READY)
    limits, data = run.metrics("api.limits"), run.checks["api.limits"]["data"]
    assert (limits["limited_1h"], limits["limited_clients_1h"]) == (5, 2)
    assert limits["near_limit_percent_1h"] == pytest.approx(100 / 3)
    assert [(row["endpoint"], row["limited"]) for row in data["endpoints_1h"]] == [
        ("GET /blocked/", 3), ("GET /throttled/", 2)
    ]  # fmt: skip
    assert sorted(row["limited"] for row in data["clients_1h"]) == [2, 3]
    assert data["rates"] == ["anon: 3/day"]


@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_without_redis_no_request_waits_and_what_was_counted_is_written_later(
    redis: Redis, serve: Serve, how: str
) -> None:
    server = serve({"default": redis.settings()}, {})
    counted(server.project, READY)
    getattr(redis, how)()
    times = []
    for _ in range(60):
        began = time.monotonic()
        assert server.get("/orders/1/") == 200
        times.append(time.monotonic() - began)
        time.sleep(0.05)
    assert sorted(times)[-3] < 0.1, "one in twenty may be slow for other reasons"
    down = server.project.probe()
    assert {check["status"] for check in down.report["checks"]} == {"critical"}
    assert down.seconds < 10
    for _ in range(40):  # the first of which may have been sent to one that is frozen
        server.get("/orders/1/")
    time.sleep(3)
    redis.thaw() if how == "freeze" else redis.stop()
    if how == "kill":
        redis.start()
    whole = (READY if how == "freeze" else 0) + 60 + 40  # one that was killed has forgotten all before
    wait_until(lambda: _all(server.project) >= whole, "what was counted meanwhile", 60)
    time.sleep(3)
    assert _all(server.project) == whole, "and nothing twice"


def test_after_a_pause_no_request_writes_itself(redis: Redis) -> None:
    """With a thread that runs, however long nobody has asked; without one somebody has to."""
    from health_cli.checks import flushing
    from health_cli.checks.api.buckets import keys
    from health_cli.checks.api.counting import Counting, Request
    from health_cli.checks.api.link import connected

    by: list[str] = []

    class Noted(Counting):
        def commands(self, client: Any, batch: Any) -> Any:
            by.append(threading.current_thread().name)
            return super().commands(client, batch)

    counting = Noted(lambda limit: connected(redis.settings(), limit, limit), keys("x"), b"salt")
    for number in range(2):
        counting.add(Request(time.time(), "GET /", 200, 0.001))
        wait_until(lambda so_far=number: len(by) > so_far and not counting._held, "what was counted is written", 10)
        counting._unseen -= flushing.OVERDUE + 1  # as after a long pause
    assert by == ["health-cli"] * 2


def _all(project: Project) -> float:
    return float(project.probe().metrics("api.traffic")["requests_24h"] or 0)


def test_a_server_that_ends_writes_what_it_has(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {})
    for number in range(9):
        server.get(f"/orders/{number}/")
    server.stop()
    assert _all(server.project) == 9 + READY


def test_what_is_skipped_is_not_counted(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {"API": {"skip": ["/status/", "/stream"]}})
    server.get("/status/500/")
    server.get("/orders/1/")
    counted(server.project, 1)


def test_keys_expire_by_themselves_and_tell_nobody(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {})
    server.get("/orders/1/")
    server.get("/status/429/")
    counted(server.project, 2 + READY)
    with redis.client(db=1) as client:
        keys = client.keys("health-cli:api:*")
        assert len(keys) == 6
        assert all(0 < client.ttl(key) <= 27 * 3_600 for key in keys if not key.endswith(b":since"))
        assert 27 * 3_600 < client.ttl(next(key for key in keys if key.endswith(b":since"))) <= 30 * 86_400
        everything = repr([(key, client.dump(key)) for key in keys])
    assert "127.0.0.1" not in everything


def test_many_routes_and_clients_take_little_memory(redis: Redis, tmp_path: Path) -> None:
    """As if a day of five hundred endpoints: a minute and an hour of it, the rest is the same again."""
    from health_cli.checks.api.buckets import OTHERS, keys
    from health_cli.checks.api.counted_client import read
    from health_cli.checks.api.counting import Counting, Request
    from health_cli.checks.api.link import connected

    counting = Counting(lambda limit: connected(redis.settings(), limit, limit), keys("x"), b"salt")
    for number in range(20_000):
        seconds, client = 0.001 * (number % 200), f"address:{number}"
        counting.add(Request(time.time(), f"GET /{number % 700}/", 200 + number % 3, seconds, client, number % 2 == 0))
    counting.flush(5)
    found = read(redis.settings(), "x", time.time(), 5)
    assert found.day.total.requests == found.hour.total.requests == 20_000
    asked = [name for name, each in found.day.endpoints.items() if each.requests]
    assert len(asked) == 501 and OTHERS in asked
    assert found.hour.clients == pytest.approx(20_000, rel=0.03)
    assert found.hour.limited_clients is not None and len(found.hour.limited_clients) <= 1_000
    with redis.client(db=1) as client:
        used = sum(client.memory_usage(key) for key in client.keys("health-cli:api:*"))
    assert used < 3 << 20


@pytest.mark.parametrize(
    ("caches", "setting", "said"),
    [
        ({}, {}, "CACHES has none"),
        ({"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}},
         {}, "refuses the connection"),
        ({}, {"API": {"sources": ["magic"]}}, "['sources'] has magic: the sources are"),
        ({}, {"API": {"proxies": -1}}, "['proxies'] is -1: it must be a number of proxies"),
        ({}, {"API": {"chache": "x"}}, "has an unknown option 'chache'"),
        ({}, {"API": []}, "HEALTH_CLI['API'] is []: it must be a dict"),
    ],
)  # fmt: skip
def test_what_can_not_be_counted_says_why(tmp_path: Path, caches: Any, setting: Any, said: str) -> None:
    run = Project(tmp_path, caches, setting).probe()
    assert run.code in {2, 3}
    assert said in run.out


def test_what_has_counted_nothing_so_far_is_skipped(redis: Redis, tmp_path: Path) -> None:
    run = Project(tmp_path, {"default": redis.settings()}, {}).probe("api.traffic")
    found = run.checks["api.traffic"]
    assert (run.code, found["status"], found["summary"]) == (3, "skipped", "nothing counted so far")


def test_the_same_hour_yesterday_and_last_week_are_remembered(redis: Redis, tmp_path: Path) -> None:
    from health_cli.checks.api.buckets import COUNTS, HOUR, keys
    from tests.checks.api.project import SECRET_KEY

    project = Project(tmp_path, {"default": redis.settings()}, {})
    last = int(time.time() // HOUR) - 1
    names = keys(SECRET_KEY)
    with redis.client(db=1) as client:
        client.set(names.since, (last - 200) * HOUR)
        client.hset(names.of(COUNTS, HOUR, last), "GET /|200", 300)
        client.hset(names.of(COUNTS, HOUR, last - 23), "GET /|200", 5)
    first = project.probe("api.traffic")
    assert first.reasons("api.traffic")["of_yesterday_percent"] == "one of the two hours is not known"
    (kept,) = tmp_path.glob("state/*/memory/api.json")
    text = kept.read_text()
    kept.write_text(text.replace('"hours": {', f'"hours": {{"{(last - 24) * HOUR}": 200, "{(last - 168) * HOUR}": 0, '))
    run = project.probe("api.traffic")
    assert run.metrics("api.traffic")["of_yesterday_percent"] == pytest.approx(150)
    assert run.reasons("api.traffic") == {"of_last_week_percent": "nothing was counted then"}


def test_requests_that_end_without_an_answer_count(redis: Redis, tmp_path: Path) -> None:
    """As gunicorn ends a worker that takes too long, and as a client that goes cancels its request."""
    project = Project(tmp_path, {"default": redis.settings()}, {})
    project.python("""
import asyncio
from django.test import RequestFactory
from health_cli.middleware import ApiStatistics
def ends(request): raise SystemExit(1)
async def waits(request): await asyncio.sleep(9)
one, other = ApiStatistics(ends), ApiStatistics(waits)
try: one(RequestFactory().get("/"))
except SystemExit: pass
async def cancelled():
    task = asyncio.create_task(other(RequestFactory().get("/")))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
asyncio.run(cancelled())
""")
    assert project.probe().checks["api.traffic"]["data"]["statuses_24h"] == {"499": 1, "500": 1}


def test_users_who_are_logged_in_are_the_clients_and_nobody_is_looked_up_for_it(redis: Redis, tmp_path: Path) -> None:
    project = Project(tmp_path, {"default": redis.settings()}, {})
    project.python("""
from types import SimpleNamespace
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from health_cli.middleware import ApiStatistics
count = ApiStatistics(lambda request: HttpResponse())
def ask(user, address="10.0.0.1"):
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    request.user = user
    count(request)
for number in range(40):
    ask(SimpleNamespace(is_authenticated=True, pk=number))
lazy = SimpleLazyObject(lambda: 1 / 0)
for _ in range(5):
    ask(lazy)
""")
    assert project.probe().metrics("api.clients")["active_1h"] == pytest.approx(41, abs=1)


def test_without_an_address_the_clients_are_not_known(redis: Redis, tmp_path: Path) -> None:
    project = Project(tmp_path, {"default": redis.settings()}, {})
    project.python("""
from django.http import HttpResponse
from django.test import RequestFactory
from health_cli.middleware import ApiStatistics
count = ApiStatistics(lambda request: HttpResponse())
for _ in range(9): count(RequestFactory().get("/", REMOTE_ADDR=""))
""")
    run = project.probe()
    assert run.metrics("api.traffic")["requests_1h"] == 9
    assert (
        run.metrics("api.clients")["active_1h"] is None and run.metrics("api.limits")["near_limit_percent_1h"] is None
    )


def test_the_client_that_is_turned_away_most_is_named_however_many_there_are(redis: Redis) -> None:
    from health_cli.checks.api.buckets import keys
    from health_cli.checks.api.counted_client import read
    from health_cli.checks.api.counting import Counting, Request
    from health_cli.checks.api.link import connected

    counting = Counting(lambda limit: connected(redis.settings(), limit, limit), keys("x"), b"salt")
    for number in range(3_000):
        counting.add(Request(time.time(), "GET /", 429, 0.001, f"address:{number}", True))
    counting.flush(5)
    for _ in range(500):
        counting.add(Request(time.time(), "GET /", 429, 0.001, "address:the worst", True))
    counting.flush(5)
    limited = read(redis.settings(), "x", time.time(), 5).hour.limited_clients
    assert limited is not None and len(limited) <= 1_000 and max(limited.values()) == 500


def test_django_ratelimit_is_recognised_behind_django_rest_framework(redis: Redis, serve: Serve) -> None:
    server = serve({"default": redis.settings()}, {}, apps=("rest_framework",))
    assert [server.get("/counted/") for _ in range(5)] == [200, 200, 403, 403, 403]
    run = counted(server.project, 5 + READY)
    assert run.metrics("api.limits")["limited_1h"] == 3


def test_a_fault_of_the_settings_ends_no_thread(redis: Redis) -> None:
    from health_cli.checks import flushing
    from health_cli.checks.api.buckets import keys
    from health_cli.checks.api.counting import Counting, Request
    from health_cli.checks.api.link import connected

    tried: list[float] = []

    def connect(limit: float) -> Any:
        tried.append(limit)
        if len(tried) == 1:
            raise ValueError("a port that is none")
        return connected(redis.settings(), limit, limit)

    counting = Counting(connect, keys("y"), b"salt")
    counting.add(Request(time.time(), "GET /", 200, 0.001))
    wait_until(lambda: tried and counting._paused_until, "the first try", 10)
    assert counting._thread and counting._thread.is_alive() and counting._held
    counting._paused_until = 0.0
    wait_until(lambda: not counting._held, "what was counted is written", 10)
    assert flushing.ANSWER in tried


def test_who_writes_in_the_midst_of_a_request_waits_for_a_few_milliseconds(redis: Redis) -> None:
    from health_cli.checks import flushing
    from health_cli.checks.api.buckets import keys
    from health_cli.checks.api.counting import Counting, Request
    from health_cli.checks.api.link import connected

    counting = Counting(lambda limit: connected(redis.settings(), limit, limit), keys("z"), b"salt")
    counting._thread = threading.Thread()  # as under uWSGI, which lets none run
    counting._wake.set()
    counting._unseen = time.monotonic() - flushing.OVERDUE - 1
    redis.freeze()
    try:
        began = time.monotonic()
        counting.add(Request(time.time(), "GET /", 200, 0.001))
        assert time.monotonic() - began < 0.3, "a thread would wait for half a second, and for as long again"
    finally:
        redis.thaw()
    assert counting._held, "nothing is lost"
