"""Request logs in the database: as drf-api-tracking and django-request write them, and any other model."""

from pathlib import Path
from typing import Any

import pytest

from tests.checks.api.conftest import Project, Serve

TRACKING = ("django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework_tracking")
REQUEST = ("django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "request")


def migrated(project: Project) -> Project:
    project.python("from django.core.management import call_command; call_command('migrate', verbosity=0)")
    return project


def sqlite(tmp_path: Path) -> dict[str, Any]:
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}}


def test_what_drf_api_tracking_keeps_is_read(serve: Serve, tmp_path: Path) -> None:
    project = migrated(Project(tmp_path, {}, {}, TRACKING, sqlite(tmp_path), ()))
    server = serve({}, project=project)
    for status in [200] * 110 + [500] * 4 + [429] * 2:
        assert server.get(f"/tracked/{status}/") == status
    run = project.probe()
    assert run.checks["api.traffic"]["data"]["source"] == "the request log"
    assert run.metrics("api.traffic")["requests_1h"] == run.metrics("api.traffic")["requests_24h"] == 116
    assert (run.metrics("api.errors")["server_errors_1h"], run.metrics("api.limits")["limited_1h"]) == (4, 2)
    (row,) = run.checks["api.traffic"]["data"]["endpoints_24h"]
    assert row["endpoint"] == "GET tests.checks.api.tracked.Tracked"
    assert run.metrics("api.clients")["active_1h"] == 1
    assert run.metrics("api.latency")["p50_1h"] < 1


def test_what_django_request_keeps_is_read(serve: Serve, tmp_path: Path) -> None:
    middleware = ("request.middleware.RequestMiddleware",)
    project = migrated(Project(tmp_path, {}, {}, REQUEST, sqlite(tmp_path), middleware))
    server = serve({}, project=project)
    for number in range(9):
        server.get(f"/orders/{number}/")
    server.get("/fail/")
    run = project.probe()
    rows = {row["endpoint"]: row["requests"] for row in run.checks["api.traffic"]["data"]["endpoints_24h"]}
    assert rows["GET /orders/<int:number>/"] == 9
    assert run.metrics("api.clients")["active_24h"] == 1
    assert run.reasons("api.latency")["p50_1h"] == "the request log does not tell how long they took"


FILL = """
import datetime
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework_tracking.models import APIRequestLog
now = timezone.now()
user = User.objects.create(username="ann")
def rows():
    for n in range(3_000):
        hours = 0 if n < 1_000 else 5
        yield APIRequestLog(
            requested_at=now - datetime.timedelta(hours=hours, minutes=n % 50), response_ms=10 + n % 100,
            view=f"v{n % 700}", method="GET", status_code=None if n == 7 else 503 if n % 100 == 0 else 200,
            remote_addr=f"10.0.{n % 30}.1", user=user if n % 30 == 0 else None)
APIRequestLog.objects.bulk_create(rows())
"""


@pytest.mark.parametrize("kind", ["sqlite", "mariadb", "postgresql"])
def test_each_database_counts_the_same(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    databases = sqlite(tmp_path)
    if kind != "sqlite":
        server = request.getfixturevalue(kind)
        grant = ["GRANT ALL ON request_log.* TO app@'127.0.0.1'"] if kind == "mariadb" else []
        server.sql("DROP DATABASE IF EXISTS request_log")
        server.sql(f"CREATE DATABASE request_log{'' if grant else ' OWNER app'}", *grant)
        databases = {"default": server.settings(NAME="request_log")}
    project = migrated(Project(tmp_path, {}, {}, TRACKING, databases, ()))
    project.python(FILL)
    run = project.probe()
    traffic = run.metrics("api.traffic")
    assert (traffic["requests_1h"], traffic["requests_24h"]) == (1_000, 3_000)
    assert run.metrics("api.errors")["server_errors_percent_1h"] == pytest.approx(1)
    assert run.metrics("api.clients")["active_1h"] == run.metrics("api.clients")["active_24h"] == 30
    latency = run.metrics("api.latency")
    assert latency["p50_1h"] == pytest.approx(0.06, rel=0.1)
    assert latency["p99_1h"] == pytest.approx(0.109, rel=0.1)
    assert latency["mean_1h"] == pytest.approx(0.0595, rel=0.01)
    names = [row["endpoint"] for row in run.checks["api.traffic"]["data"]["endpoints_24h"]]
    assert "(other)" in names


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("request", "['request_log']['model'] is 'request': it must be a model, as app.Model"),
        ({"model": "shop.Log"}, "['request_log'] lacks status, time: name the fields of shop.Log"),
        ({"model": "shop.Log", "time": "at", "status": "code", "colour": "x"}, "['request_log'] has colour: it takes"),
        (7, "['request_log'] is 7: it must be a model"),
        ({"model": "shop.Log", "time": "at", "status": "code"}, "No installed app with label 'shop'"),
        ({"model": "auth.User", "time": "at", "status": "id"}, "User has no field named 'at'"),
        ({"model": "auth.User", "time": "date_joined", "status": "id"}, "auth.User.date_joined has no index"),
        ("request.Request", "No installed app with label 'request'"),
    ],
)
def test_what_can_not_be_a_request_log_says_why(tmp_path: Path, log: Any, said: str) -> None:
    run = Project(tmp_path, {}, {"API": {"request_log": log}}, TRACKING, sqlite(tmp_path), ()).probe()
    assert run.code == 3
    assert said in run.out


def test_without_its_tables_or_server_it_says_so(tmp_path: Path) -> None:
    project = Project(tmp_path, {}, {}, TRACKING, sqlite(tmp_path), ())
    assert "there is no file" in project.probe().checks["api.traffic"]["message"]
    (tmp_path / "db.sqlite3").touch()
    found = project.probe().checks["api.traffic"]
    assert (found["status"], "no such table" in found["message"]) == ("unknown", True)


MANY = """
import datetime
from django.utils import timezone
from request.models import Request
now = timezone.now()
def rows(count, status, path, ago=1):
    at = now - datetime.timedelta(hours=ago) if ago > 1 else now - datetime.timedelta(minutes=5)
    return [Request(time=at, path=path(n), response=status, method="GET", ip="10.0.0.1") for n in range(count)]
Request.objects.bulk_create(rows(11_000, 200, lambda n: f"/a/{n // 2}/") + rows(1_500, 500, lambda n: f"/b/{n}/"))
last = now.replace(minute=0, second=0, microsecond=0) - datetime.timedelta(minutes=30)
for days, count in ((0, 30), (1, 60), (7, 120)):
    for row in rows(count, 200, lambda n: "/c/"):
        row.time = last - datetime.timedelta(days=days)
        row.save()
Request.objects.filter(path="/c/").update(method="POST")
for row in rows(1, 200, lambda n: "/d/"):
    row.time = now - datetime.timedelta(days=9)
    row.save()
"""


def test_rare_errors_count_among_many_paths_and_yesterday_is_known(tmp_path: Path) -> None:
    project = migrated(Project(tmp_path, {}, {}, REQUEST, sqlite(tmp_path), ()))
    project.python(MANY.replace("row.save()", "row.save(force_insert=True)"))
    run = project.probe()
    traffic = run.metrics("api.traffic")
    assert traffic["requests_1h"] >= 12_500 and run.metrics("api.errors")["server_errors_1h"] == 1_500
    assert run.checks["api.errors"]["status"] == "critical"
    assert traffic["of_last_week_percent"] is not None and traffic["of_yesterday_percent"] is not None


def test_a_column_of_a_foreign_key_may_be_named(tmp_path: Path) -> None:
    log = {
        "model": "rest_framework_tracking.APIRequestLog",
        "time": "requested_at",
        "status": "status_code",
        "user": "user_id",
    }
    project = migrated(Project(tmp_path, {}, {"API": {"request_log": log}}, TRACKING, sqlite(tmp_path), ()))
    assert project.probe().metrics("api.traffic")["requests_1h"] == 0


def test_a_status_that_is_no_number_says_so(tmp_path: Path) -> None:
    log = {"model": "rest_framework_tracking.APIRequestLog", "time": "requested_at", "status": "view"}
    project = migrated(Project(tmp_path, {}, {"API": {"request_log": log}}, TRACKING, sqlite(tmp_path), ()))
    project.python(FILL)
    found = project.probe().checks["api.traffic"]
    assert (found["status"], "The field of the status has 'v" in found["message"]) == ("unknown", True)
