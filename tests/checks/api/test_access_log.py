"""Access logs: of a real gunicorn, and in the formats of others."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health_cli.checks.api.access_lines import endpoint_of, read
from health_cli.checks.api.histogram import BUCKETS, bucket_of, percentile
from health_cli.checks.api.sketch import Sketch
from tests.checks.api.conftest import Project, Serve
from tests.conftest import Run, health
from tests.servers import wait_until

AT = datetime(2026, 11, 25, 14, 0, 1, tzinfo=UTC).timestamp()
COMBINED = '10.0.0.1 - - [25/Nov/2026:14:00:01 +0000] "GET /orders/17/?page=2 HTTP/1.1" 200 512 "-" "curl/8 \\"x\\""'


@pytest.mark.parametrize(
    ("line", "endpoint", "status", "client", "seconds"),
    [
        (COMBINED, "GET /orders/<path>", 200, "10.0.0.1", None),
        (f"{COMBINED} 0.123", "GET /orders/<path>", 200, "10.0.0.1", 0.123),
        (f'{COMBINED} rt=0.250 uct="0.001"', "GET /orders/<path>", 200, "10.0.0.1", 0.25),
        ('::1 - ann [25/Nov/2026:14:00:01 +0000] "POST /pay/ HTTP/1.1" 502 0', "POST /pay/", 502, "ann", None),
        ('10.0.0.1 - - [25/Nov/2026:14:00:01 +0000] "GET /wp-login.php HTTP/1.1" 404 9 "-" "-"', "GET (404)", 404,
         "10.0.0.1", None),
        ('{"time_iso8601": "2026-11-25T14:00:01+00:00", "request_method": "GET", "request_uri": "/a/3f2b8c1e7f/?x=1", '
         '"status": "503", "remote_addr": "10.0.0.2", "request_time": "0.5"}', "GET /a/<path>", 503, "10.0.0.2", 0.5),
        ('{"msec": "1795615201.000", "request": "PUT /a HTTP/2", "status": 429}', "PUT /<path>", 429, "", None),
    ],
)  # fmt: skip
def test_a_line_of(line: str, endpoint: str, status: int, client: str, seconds: float | None) -> None:
    (found,), strange = read(f"{line}\n")
    assert (found.at, found.endpoint, found.status, found.client, found.seconds, strange) == (
        AT, endpoint, status, client, seconds, 0
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["no line of any log\n", '10.0.0.1 - - [never at all] "GET / HTTP/1.1" 200 1\n', '{"status": 200}\n', "{broken\n",
     '{"time": "2026-11-25T14:00:01Z", "status": "fine"}\n', '{"time": "2026-11-25T14:00:01Z", "status": true}\n'],
)  # fmt: skip
def test_what_is_no_request_is_counted_as_strange(text: str) -> None:
    assert read(text) == ([], 1)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", "/"),
        ("/users/alice@example.com/", "/users/<path>"),
        ("/verify/k3yT0k3n99/", "/verify/<path>"),
        ("/users/", "/users/"),
        ("/Bob.Miller/photos/", "/<path>/<path>"),
        ("/alice", "/<path>"),
        ("/static/app.css?v=7#x", "/static/<path>"),
        ("*", "(none)"),
    ],
)
def test_of_a_path_without_a_route_only_its_first_part_is_kept(path: str, told: str) -> None:
    assert endpoint_of("GET", path, 200) == f"GET {told}"
    assert endpoint_of("HACK", path, 200) == f"OTHER {told}"


@pytest.mark.parametrize(
    ("line", "endpoint", "status", "seconds"),
    [
        (COMBINED.replace('"GET /orders/17/?page=2 HTTP/1.1" 200', '"\\x16\\x03\\x01" 400'), "OTHER (none)", 400, None),
        (COMBINED.replace('"GET /orders/17/?page=2 HTTP/1.1" 200', '"-" 408'), "OTHER (none)", 408, None),
        (COMBINED.replace('"GET /orders/17/?page=2 HTTP/1.1" 200', '"" 400'), "OTHER (none)", 400, None),
        (f'{COMBINED} "2.35"', "GET /orders/<path>", 200, None),
        (COMBINED.replace('"-"', '"x\\" 99999.9 \\"y"'), "GET /orders/<path>", 200, None),
        ('{"time": "2026-11-25T14:00:01Z", "status": 200, "request_uri": "/", "duration": 123}', "OTHER /", 200, None),
        ('{"time": "2026-11-25T14:00:01Z", "status": 200, "request_uri": "/", "took_ms": 123}', "OTHER /", 200, 0.123),
        ('{"time": "2026-11-25T14:00:01Z", "status": 200, "agent": "a\u2028b"}', "OTHER (none)", 200, None),
    ],
)  # fmt: skip
def test_strange_requests_count_and_no_other_number_is_a_latency(
    line: str, endpoint: str, status: int, seconds: float | None
) -> None:
    (found,), strange = read(f"{line}\n")
    assert (found.endpoint, found.status, found.seconds, strange) == (endpoint, status, seconds, 0)


def test_a_line_that_does_not_end_as_it_should_takes_no_other_with_it() -> None:
    found, strange = read(f'{COMBINED[:-1]}\\"\n{COMBINED}\n')
    assert (len(found), strange) in {(1, 1), (2, 0)}


@given(st.floats(1e-6, 1e4))
def test_a_latency_is_in_its_bucket(seconds: float) -> None:
    bucket = bucket_of(seconds)
    assert 0 <= bucket < BUCKETS
    if 0.001 < seconds < 60:
        found = percentile({bucket: 1}, 1.0)
        assert found is not None and seconds / 1.0001 <= found <= seconds * 1.19


def test_percentiles_are_near_the_true_ones() -> None:
    values = [0.002 * 1.01**n for n in range(1_000)]
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    for share in (0.5, 0.95, 0.99):
        assert percentile(buckets, share) == pytest.approx(values[int(share * 1_000)], rel=0.09)
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize("count", [0, 1, 100, 5_000, 100_000])
def test_a_sketch_counts_different_things(count: int) -> None:
    first, second = Sketch(), Sketch()
    for number in range(count):
        (first if number % 2 else second).add(f"address:{number}", b"salt")
        second.add(f"address:{number // 2}", b"salt")
    first.merge(second)
    assert Sketch.from_text(first.to_text()).count == pytest.approx(count, rel=0.05)
    with pytest.raises(ValueError, match="registers"):
        Sketch.from_text("AAAA")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def probe(tmp_path: Path, log: Path) -> Callable[[], Run]:
    project = Project(tmp_path, {}, {"API": {"sources": ["access_logs"], "access_logs": [str(log)]}})
    return project.probe


def line(path: str, status: int = 200, ago: float = 0, client: str = "10.0.0.1", more: str = "") -> str:
    at = datetime.fromtimestamp(time.time() - ago, UTC)
    return f'{client} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} 1 "-" "-"{more}\n'


def add(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(lines)


def test_what_gunicorn_writes_is_what_was_asked(serve: Serve, tmp_path: Path, log: Path, probe: Any) -> None:
    server = serve({}, {}, options=("--access-logfile", str(log)))
    for number in range(120):
        server.get(f"/orders/{number}/")
    for _ in range(6):
        server.get("/fail/")
    wait_until(lambda: len(log.read_text().splitlines()) == 127, "what gunicorn writes")
    run = probe()
    assert run.metrics("api.traffic")["requests_1h"] == run.metrics("api.traffic")["requests_24h"] == 127
    assert run.metrics("api.errors")["server_errors_1h"] == 6
    assert run.metrics("api.clients")["active_1h"] == 1
    assert run.reasons("api.latency")["p50_1h"] == "the access log does not tell how long they took"
    assert endpoints(run) == {"GET /orders/<int:number>/": 120, "GET /fail/": 6, "GET /status/<int:number>/": 1}


def endpoints(run: Run) -> dict[str, int]:
    return {row["endpoint"]: row["requests"] for row in run.checks["api.traffic"]["data"]["endpoints_24h"]}


def test_of_a_path_the_route_is_kept_and_nothing_that_names_anybody(log: Path, tmp_path: Path) -> None:
    add(log, *(line(f"/shop/users/{name}/?q=1") for name in ("ann", "bob", "c%C3%A9line", "d-4")))
    add(log, line("/shop/reports/2026/"), line("/shop/reports/1999/"), line("/shop/reports/1/", 404))
    add(log, line("/shop/de/basket/7/"), line("/shop/en-us/basket/8/", 500), line("/static/ann.css"))
    setting = {"API": {"sources": ["access_logs"], "access_logs": [str(log)]}}
    env = {"API_URLCONF": "tests.checks.api.translated", "API_SCRIPT_NAME": "/shop"}
    run = Project(tmp_path, {}, setting).probe(env=env)
    assert endpoints(run) == {
        "GET /users/<slug:name>/": 3, "GET /^reports/(?P<year>[0-9]{4})/$": 2, "GET (404)": 1,
        "GET /de/basket/<int:number>/": 1, "GET /en-us/basket/<int:number>/": 1, "GET (none)": 2,
    }  # fmt: skip
    assert "ann" not in run.out and "bob" not in run.out
    assert "notes" not in run.checks["api.traffic"]["data"]


@pytest.mark.parametrize(
    ("urls", "said"),
    [("tests.no_such_urls", "(ModuleNotFoundError: No module named 'tests.no_such_urls')"),
     ("tests.checks.api.slow_urls", "(TimeoutError: that took longer than 1.6 s)")],
)  # fmt: skip
def test_where_the_projects_urls_can_not_be_loaded_only_the_first_part_is_told(
    log: Path, tmp_path: Path, urls: str, said: str
) -> None:
    add(log, line("/orders/7/"), line("/orders/8/"))
    setting = {"API": {"sources": ["access_logs"], "access_logs": [str(log)]}}
    run = Project(tmp_path, {}, setting).probe(env={"API_URLCONF": urls})
    assert endpoints(run) == {"GET /orders/<path>": 2}
    (note,) = run.checks["api.traffic"]["data"]["notes"]
    assert note.endswith(said) and note.startswith("of paths only the first part is told")
    assert run.seconds < 6


def test_runs_go_on_where_the_last_one_ended(log: Path, probe: Any) -> None:
    add(log, *(line(f"/a/{n}/", ago=4_000, client=f"10.0.{n % 7}.1") for n in range(50)))
    add(log, *(line(f"/a/{n}/", 503 if n < 9 else 200, more=f" 0.{n:03}") for n in range(100, 200)))
    first = probe()
    traffic = first.metrics("api.traffic")
    assert (traffic["requests_1h"], traffic["requests_24h"]) == (100, 150)
    assert first.metrics("api.clients")["active_24h"] == 7
    assert first.metrics("api.latency")["p50_1h"] == pytest.approx(0.15, rel=0.1)
    add(log, line("/b/", 429))
    log.rename(log.with_name("access.log.1"))
    add(log, line("/b/"))
    second = probe()
    assert second.metrics("api.traffic")["requests_24h"] == 152
    assert second.metrics("api.limits")["limited_1h"] == 1
    assert probe().metrics("api.traffic")["requests_24h"] == 152
    assert "10.0." not in json.dumps(second.report)


def test_an_outage_shows_against_yesterday(log: Path, probe: Any, tmp_path: Path) -> None:
    last = int(time.time() // 3_600 - 1) * 3_600
    add(log, line("/orders/1/", ago=time.time() - last + 7_200), line("/orders/2/"))
    probe()
    (kept,) = tmp_path.glob("state/*/memory/api.json")
    kept.write_text(kept.read_text().replace('"hours": {', f'"hours": {{"{last - 86_400}": 100, '))
    assert probe().metrics("api.traffic")["of_yesterday_percent"] == 0, "nobody asked in the last whole hour"


def test_a_log_that_was_just_rotated_is_known_since_its_first_line(log: Path, probe: Any) -> None:
    add(log.with_name("access.log.1"), *(line("/a/", ago=7_200) for _ in range(50)))
    add(log, *(line("/b/", ago=60) for _ in range(3)))
    data = probe().checks["api.traffic"]["data"]
    assert "since" in data


def test_a_source_that_crashes_is_no_end_either(log: Path, tmp_path: Path) -> None:
    add(log, line("/a/"))
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:notaport"}
    setting = {"API": {"sources": ["middleware", "access_logs"], "access_logs": [str(log)]}}
    project = Project(tmp_path, {"default": cache}, setting)
    run = project.probe()
    assert run.metrics("api.traffic")["requests_1h"] == 1
    assert "(by the access log instead of the counting middleware: " in run.checks["api.traffic"]["message"]
    assert "(by the access log)" in health("run", "api.traffic", env={**project.env, "COLUMNS": "200"}).out


@pytest.mark.parametrize(("name", "hint"), [("access_logs", "Name their files"), ("request_log", "Name its model")])
def test_a_source_that_there_is_not_is_refused(tmp_path: Path, name: str, hint: str) -> None:
    run = Project(tmp_path, {}, {"API": {"sources": [name]}}).probe()
    assert (run.code, hint in run.checks["health.setup"]["hint"]) == (3, True)


def test_a_source_that_fails_is_named_beside_the_one_that_is_taken(log: Path, tmp_path: Path) -> None:
    add(log, line("/a/"))
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    setting = {"API": {"sources": ["middleware", "access_logs"], "access_logs": [str(log)]}}
    run = Project(tmp_path, {"default": cache}, setting).probe()
    data = run.checks["api.traffic"]["data"]
    assert (run.metrics("api.traffic")["requests_1h"], data["source"]) == (1, "the access log")
    assert data["notes"][0].startswith("instead of the counting middleware: Redis at 127.0.0.1:1 refuses")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no access log"), ("once upon a time\n" * 40, "is of an access log that is known"),
     ("\x7fELF\x01\n" * 400, "is no text")],
)  # fmt: skip
def test_what_is_no_access_log_says_so(log: Path, probe: Any, content: str | None, said: str) -> None:
    if content is not None:
        log.write_text(content)
    run = probe()
    assert (run.code, said in run.checks["api.traffic"]["message"]) == (3, True), run.out
