"""celery.results: a result goes through the backend and back, or why not."""

import json
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.celery.results import Results
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status
from tests.conftest import Run, Shop, ShopFactory
from tests.servers import PASSWORD, MariaDB, Redis, Silent, free_port

NAME = "celery.results"
STORED = {"SHOP_APPS": '["django_celery_results"]', "CELERY_RESULT_BACKEND": "django-db"}


@pytest.mark.parametrize(
    ("values", "status", "summary"),
    [
        ({"roundtrip_time": 0.002}, Status.HEALTHY, "Redis at a, round trip 2 ms"),
        ({}, Status.HEALTHY, "Redis at a"),
        ({"roundtrip_time": 0.2}, Status.WARNING, "roundtrip time 200 ms"),
        ({"roundtrip_time": 2.0}, Status.CRITICAL, "roundtrip time 2 s"),
    ],
)
def test_judges(values: dict[str, float], status: Status, summary: str) -> None:
    result = Results().judge(Measurement(values=values, facts={"backend": "Redis at a"}))
    assert (result.status, result.summary) == (status, summary)


def _run(shop: Shop, backend: str, broker: str, **env: str) -> Run:
    return shop.json(NAME, env={"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": backend, **env})


NO_BROKER = "redis://127.0.0.1:1/0"  # which the results do not need


def test_redis(redis_server: Redis, results: str, shop: ShopFactory) -> None:
    run = _run(shop(), results, NO_BROKER)
    assert run.code == 0, run.out
    assert 0 < run.metrics(NAME)["roundtrip_time"] < 1
    assert run.checks[NAME]["summary"].startswith(f"Redis at 127.0.0.1:{redis_server.port}, round trip ")
    with redis_server.client(db=6) as client:
        assert client.dbsize() == 0


def test_redis_is_down(results: str, redis_server: Redis, shop: ShopFactory) -> None:
    silent = Silent()
    cases = {
        "refused": results.replace(f":{redis_server.port}/", f":{free_port()}/"),
        "timeout": results.replace(f":{redis_server.port}/", f":{silent.port}/"),
        "auth": results.replace("canary-", "wrong-canary-77"),
        "missing": results.replace("127.0.0.1", "no-such-host.invalid"),
        "misconfigured": results.rpartition("/")[0] + "/99",
    }
    for kind, backend in cases.items():
        run = _run(shop(), backend, NO_BROKER)
        check = run.checks[NAME]
        assert (run.code, check["status"], check["kind"]) == (2, "critical", kind), run.out
        assert check["hint"]
        assert run.seconds < 5
        assert "canary" not in run.out
        assert PASSWORD not in run.out
    silent.close()


def test_rpc_is_the_brokers_matter(shop: ShopFactory) -> None:
    run = _run(shop(), "rpc://", NO_BROKER)
    assert (run.code, run.checks[NAME]["summary"]) == (0, "rpc, over the broker"), run.out
    assert run.reasons(NAME) == {"roundtrip_time": "see celery.broker"}


def test_any_other_backend_by_celerys_own(shop: ShopFactory, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    run = _run(shop(), f"file://{folder}", NO_BROKER)
    assert run.code == 0, run.out
    assert run.metrics(NAME)["roundtrip_time"] > 0
    assert list(folder.iterdir()) == []


def test_a_backend_that_can_not_be_written(shop: ShopFactory, tmp_path: Path) -> None:
    run = _run(shop(), f"file://{tmp_path / 'nowhere'}", NO_BROKER)
    assert run.code in {2, 3}, run.out
    assert run.checks[NAME]["status"] != "healthy"


def test_without_a_backend_there_is_no_such_check(shop: ShopFactory) -> None:
    assert NAME not in shop().json("celery", env={"CELERY_BROKER_URL": NO_BROKER}).checks


def _database(request: pytest.FixtureRequest, which: str, state: Path) -> dict[str, Any]:
    if which == "sqlite":
        return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(state / "db.sqlite3")}}
    server: MariaDB = request.getfixturevalue("mariadb")
    server.sql("DROP DATABASE shop", "CREATE DATABASE shop")
    return {"default": server.settings()}


@pytest.mark.parametrize("which", ["sqlite", "mariadb"])
def test_a_table_of_results(request: pytest.FixtureRequest, shop: ShopFactory, tmp_path: Path, which: str) -> None:
    project = shop(databases=_database(request, which, tmp_path))
    before = _run(project, "django-db", NO_BROKER, **STORED)
    migrated = project.manage("migrate", "django_celery_results", "-v", "0", env=STORED)
    after = _run(project, "django-db", NO_BROKER, **STORED)
    assert migrated.code == 0, migrated.err
    check = before.checks[NAME]
    assert (before.code, check["status"], check["kind"]) == (2, "critical", "missing"), before.out
    assert check["summary"] == "no table of results"
    assert "migrate django_celery_results" in check["hint"]
    assert (after.code, after.checks[NAME]["summary"]) == (0, "django-celery-results"), after.out
    assert after.reasons(NAME)["roundtrip_time"].startswith("a probe writes nothing into your tables")


def test_a_database_that_is_down(shop: ShopFactory, mariadb: MariaDB) -> None:
    project = shop(databases={"default": mariadb.settings(PORT=str(free_port()))})
    run = _run(project, "django-db", NO_BROKER, **STORED)
    check = run.checks[NAME]
    assert (run.code, check["kind"]) == (2, "refused"), run.out
    assert "database:default" in check["hint"]
    assert "canary" not in json.dumps(run.report)
