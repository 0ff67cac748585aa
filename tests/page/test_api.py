"""The API and what the page asks of the record: on each database, in few queries, whatever there is."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.page.conftest import ROOT, Site
from tests.page.test_access import PAGE, PRELUDE, RUN
from tests.servers import MariaDB, PostgreSQL, Redis

COUNT = """
from django.db.backends.utils import CursorWrapper
asked = []
real = CursorWrapper.execute
def execute(self, sql, params=None):
    if not sql.lstrip().startswith(("SET ", "SELECT VERSION", "SHOW ", "PRAGMA", "SELECT @@")):
        asked.append(sql)
    return real(self, sql, params)
CursorWrapper.execute = execute
from django.db import connections
from importlib import import_module
from django.conf import settings
def get(url, **headers):
    c = client("root")
    asked.clear()
    r = c.get(url, headers=headers)
    return r, len(asked)
"""
SERIES = "/admin/health/api/series/?host=web1&metric=host.disk:/var/used_percent&range="


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with the sample, on each database."""
    databases, name = {}, f"page_{uuid.uuid4().hex[:8]}"
    if request.param != "sqlite":
        server: MariaDB | PostgreSQL = request.getfixturevalue(request.param)
        databases = {"default": server.settings(NAME=name)}
        if isinstance(server, MariaDB):
            server.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
        else:
            server.sql(f"CREATE DATABASE {name} OWNER app")
    yield Site(tmp_path_factory.mktemp(name), databases, {}, {"RECORD_EVERY": 36_000}).ready().fill()
    if request.param == "mariadb":
        server.sql(f"DROP DATABASE {name}")


def got(site: Site, code: str) -> Any:
    return site.ask(PRELUDE + COUNT + code)


def test_the_page_takes_eight_queries_and_the_api_four(filled: Site) -> None:
    pages = [PAGE, f"{PAGE}?host=web1", f"{PAGE}?part=content&host=web2"]
    series = [f"{SERIES}{name}" for name in ("24h", "7d", "30d", "1y")]
    urls = [*pages, *series, "/admin/health/api/last/?host=web1", "/admin/health/api/alerts/?host=web1"]
    found = got(filled, f"show([(r.status_code, n, list(asked)) for r, n in map(get, {urls!r})])")
    assert [status for status, _, _ in found] == [200] * len(urls)
    assert [n for _, n, _ in found[:3]] == [8] * 3, found[0][2]
    assert all(n <= 4 for _, n, _ in found[3:]), found[3:]


def test_the_last_run_is_what_health_last_says_and_valid(filled: Site) -> None:
    answer = got(filled, "r, _ = get('/admin/health/api/last/?host=web1'); show([r.json(), r.headers['ETag']])")
    report, etag = answer
    schema = json.loads((ROOT / "health_cli/formatters/health-cli-1.schema.json").read_text())
    Draft202012Validator(schema).validate(report)
    last = filled.health("last", "--host", "web1", "-f", "json").report
    assert {**report, "age": 0} == {**last, "age": 0}
    code = f"r, n = get('/admin/health/api/last/?host=web1', if_none_match={etag!r})"
    assert got(filled, f"{code}; show([r.status_code, n, len(r.content)])") == [304, 4, 0]
    other = got(filled, "r, _ = get('/admin/health/api/last/?host=web9'); show([r.status_code, r.json()])")
    assert (other[0], other[1]["status"], other[1]["exit_code"]) == (404, "unknown", 3)
    Draft202012Validator(schema).validate(other[1])


def test_who_acknowledges_an_alert_is_news(filled: Site) -> None:
    code = """
before = get('/admin/health/api/last/?host=web1')[0].headers['ETag']
from django.utils import timezone
from health_cli.models import SystemAlert
alert = SystemAlert.objects.filter(alert_type="celery.workers")
alert.update(acknowledged_at=timezone.now(), by="ann")
after = get('/admin/health/api/last/?host=web1', if_none_match=before)[0].status_code
alert.update(acknowledged_at=None, by="")
show(after)
"""
    assert got(filled, code) == 200


def test_a_series_has_its_thresholds_its_trends_and_every_spike(filled: Site) -> None:
    code = f"""
from health_cli.history.database import moment
from health_cli.models import HealthHour, HealthMetric
rows = HealthMetric.objects.filter(host="web1", check_name="host.disk:/var", metric_name="used_percent")
spike = rows.order_by("timestamp")[70]
HealthMetric.objects.filter(pk=spike.pk).update(value=99.5, status="critical")
found = {{name: get({SERIES!r} + name)[0].json() for name in ("24h", "7d", "30d", "1y")}}
HealthMetric.objects.filter(pk=spike.pk).update(value=spike.value, status=spike.status)
show(found)
"""
    found = got(filled, code)
    for name, least, most in (("24h", 140, 150), ("7d", 160, 195), ("30d", 490, 500), ("1y", 40, 500)):
        series = found[name]
        assert least <= len(series["points"]) <= most, name
        assert (series["unit"], series["warning"], series["critical"]) == ("%", "85", "95")
        times = [point["time"] for point in series["points"]]
        assert times == sorted(times) and times[0] >= series["since"] and times[-1] <= series["until"]
        assert all(point["minimum"] <= point["value"] <= point["maximum"] for point in series["points"])
    assert max(point["maximum"] for point in found["24h"]["points"]) == 99.5
    assert "critical" in {point["status"] for point in found["24h"]["points"]}
    assert any(line.startswith("full in about") for line in found["30d"]["said"])
    unknown = got(filled, "show(get('/admin/health/api/series/?host=web1&metric=a/b&range=24h')[0].json())")
    assert (unknown["points"], unknown["unit"], unknown["said"]) == ([], "", [])


def test_alerts_are_those_of_the_command_line(filled: Site) -> None:
    all_of_them = got(filled, "show(get('/admin/health/api/alerts/')[0].json()['alerts'])")
    command = json.loads(filled.health("alerts", "--all", "-f", "json").out)["alerts"]
    assert sorted(all_of_them, key=lambda row: row["id"]) == sorted(command, key=lambda row: row["id"])
    one = got(filled, "show(get('/admin/health/api/alerts/?host=web1&check=host.disk:/var')[0].json()['alerts'])")
    assert [row["check"] for row in one] == ["host.disk:/var"]


def test_an_export_streams_what_health_history_exports(filled: Site) -> None:
    query = "host=web1&metric=celery.queue:emails/length&range=7d"
    code = f"""
answers = [get("/admin/health/export/?{query}&format=" + name)[0] for name in ("csv", "json", "ndjson")]
def whole(r): return b"".join(r.streaming_content).decode()
show([[r.headers["Content-Type"], r.headers["Content-Disposition"], whole(r)] for r in answers])
"""
    csv, whole, lines = got(filled, code)
    assert csv[:2] == ["text/csv; charset=utf-8", 'attachment; filename="web1-celery.queue-emails-length-7d.csv"']
    points = json.loads(whole[2])["points"]
    assert len(csv[2].splitlines()) - 1 == len(points) == len(lines[2].splitlines()) > 250
    command = filled.health("history", "celery.queue:emails/length", "--host", "web1", "--since", "7d", "-f", "json")
    assert command.report["points"][-100:] == points[-100:]


def test_no_query_reads_a_whole_table_of_numbers(filled: Site) -> None:
    """EXPLAIN on MariaDB and SQLite; PostgreSQL reads a small table whole, and says so."""
    if filled.databases and "postgresql" in filled.databases["default"]["ENGINE"]:
        return
    urls = [
        PAGE,
        "/admin/health/api/last/?host=web1",
        f"{SERIES}24h",
        f"{SERIES}1y",
        "/admin/health/api/alerts/?host=web1&check=host.load",
    ]
    code = f"""
from django.db import connection
kept, seen = [], CursorWrapper.execute
def keep(self, sql, params=None):
    kept.append((sql, params))
    return seen(self, sql, params)
CursorWrapper.execute = keep
for url in {urls!r}:
    get(url)
CursorWrapper.execute = real
explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
plans = []
for sql, params in kept:
    if "health_cli_" in sql:
        with connection.cursor() as cursor:
            cursor.execute(explain + sql, params)
            plans.append([sql, [list(map(str, row)) for row in cursor.fetchall()]])
show(plans)
"""
    for sql, rows in got(filled, code):
        for row in rows:
            text = " ".join(row)
            if filled.databases:
                whole = row[3] == "ALL" and not row[2].startswith(("<", "h")), row
                assert not whole[0] or int(row[8 if row[8].isdigit() else 9]) < 500, (sql, row)
            else:
                assert not ("SCAN health_cli_healthmetric" in text or "SCAN health_cli_healthhour" in text), (sql, row)
                assert "SCAN health_cli_healthrun" not in text or "USING" in text, (sql, row)


def test_a_database_that_goes_away_is_said_and_holds_nobody(tmp_path: Any) -> None:
    own = MariaDB(tmp_path / "mariadb").start()
    try:
        file = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
        site = Site(tmp_path, {"default": file, "record": own.settings()}, {}, {"RECORD_DATABASE": "record"}).ready()
        done = site.manage("migrate", "health_cli", "--database", "record", "--verbosity", "0")
        assert done.code == 0, done.err
        assert got(site, f"show(get({PAGE!r})[0].status_code)") == 200
        code = f"""
import time
began = time.monotonic()
rs = [get(u)[0] for u in ({PAGE!r}, "/admin/health/api/last/?host=web1")]
show([[r.status_code, r.content.decode(), r.headers.get("Retry-After")] for r in rs] + [time.monotonic() - began])
"""
        for fail in (own.freeze, own.kill):
            fail()
            page, api, took = got(site, code)
            said = "The database does not answer, so nothing can be shown now."
            assert page == [503, f"{said}\n", "10"]
            assert api == [503, json.dumps({"error": said}), "10"]
            assert took < 12
    finally:
        own.stop()


def test_limits_hold_for_several_processes_in_redis_and_without_it(site: Site, tmp_path: Any) -> None:
    redis = Redis(tmp_path / "redis").start()
    shared = Site(tmp_path, {}, {"default": redis.settings()}, {})
    code = """
import time
began, c = time.monotonic(), client("root")
show([[c.get("/admin/health/api/alerts/").status_code for _ in range(70)], time.monotonic() - began])
"""
    try:
        codes = [status for _ in range(2) for status in site_ask(shared, code)[0]]
        assert (codes.count(200), codes[-1]) == (120, 429)
        assert not list(tmp_path.glob("record/*/page.json"))
        redis.freeze()
        codes, took = site_ask(shared, code)
        assert codes == [200] * 70, "the file counts now, from the beginning"
        assert took < 20
        redis.kill()
        codes = site_ask(shared, code)[0]
        assert (codes.count(200), codes[-1]) == (50, 429)
        assert list(tmp_path.glob("record/*/page.json"))
    finally:
        redis.stop()


@pytest.mark.parametrize(
    "cache",
    [
        {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1/0",
         "OPTIONS": {"IGNORE_EXCEPTIONS": True}},
        {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "127.0.0.1:1",
         "OPTIONS": {"ignore_exc": True}},
    ],
    ids=["django-redis", "pymemcache"],
)  # fmt: skip
def test_a_cache_that_hides_that_it_is_down_counts_nothing(site: Site, tmp_path: Path, cache: Any) -> None:
    shared = Site(tmp_path, {}, {"default": cache}, {})
    ask = "map(client('root').get, ['/admin/health/api/alerts/'] * 130)"
    codes = site_ask(shared, f"show([r.status_code for r in {ask}])")
    assert (codes.count(200), codes[-1]) == (120, 429)


ATOMIC = """
from django.conf import settings
from django.db import connections
for connection in connections.all():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
"""


def test_requests_in_a_transaction_run_the_checks_and_say_what_is_down(site: Site, tmp_path: Path) -> None:
    """ATOMIC_REQUESTS: the request would hold the lock that a run needs, and fail before it is ours."""
    asked = (
        f"r = client('root').post('{RUN}', headers={{'accept': 'application/json'}}); show([r.status_code, r.json()])"
    )
    status, said = site_ask(site, ATOMIC + asked)
    assert (status, said["state"]) == (200, "done")
    assert "recorded" not in said["message"], said
    assert site.ask("from health_cli.models import *; print(HealthRun.objects.count())") == 1


def test_users_and_sessions_that_do_not_answer_hold_nobody(tmp_path: Path) -> None:
    own = MariaDB(tmp_path / "mariadb").start()
    try:
        site = Site(tmp_path, {"default": own.settings()}, {}, {}).ready()
        code = f"""
import os, signal, time
c = client("root")
from django.db import connection
connection.close()
os.kill({own.pid}, signal.SIGSTOP)
began = time.monotonic()
r = c.get({PAGE!r})
os.kill({own.pid}, signal.SIGCONT)
show([r.status_code, r.content.decode(), time.monotonic() - began])
"""
        status, text, took = got(site, ATOMIC + code)
        assert (status, text) == (503, "The database does not answer, so nothing can be shown now.\n")
        assert took < 8
    finally:
        own.stop()


def test_a_name_with_a_nul_is_refused(filled: Site) -> None:
    urls = [f"{PAGE}?host=a%00b", "/admin/health/api/last/?host=a%00", "/admin/health/api/alerts/?host=%00"]
    assert got(filled, f"show([get(u)[0].status_code for u in {urls!r}])") == [400] * 3


def test_an_async_server_streams_an_export(filled: Site) -> None:
    url = "/admin/health/export/?host=web1&metric=celery.queue:emails/length&range=24h"
    code = f"""
import asyncio
from django.test import AsyncClient
async def ask():
    c = AsyncClient()
    await c.aforce_login(await User.objects.aget(username="root"))
    r = await c.get({url!r})
    return [r.status_code, r.is_async, b"".join([piece async for piece in r.streaming_content]).decode()]
show([asyncio.run(ask()), b"".join(get({url!r})[0].streaming_content).decode()])
"""
    (status, is_async, text), same = got(filled, code)
    assert (status, is_async) == (200, True)
    assert text.splitlines()[:-1] == same.splitlines()[: len(text.splitlines()) - 1]
    assert len(text.splitlines()) > 100


def site_ask(site: Site, code: str) -> Any:
    return site.ask(PRELUDE + code)
