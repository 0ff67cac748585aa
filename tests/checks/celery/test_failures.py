"""celery.failures: tasks that really failed, counted where their results are kept."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.celery.failures import Failures
from health_cli.checks.celery.failures_client import counted
from health_cli.core.kind import Kind
from health_cli.core.status import Status
from tests.brokers import sender
from tests.checks.celery.conftest import Place, Project
from tests.checks.celery.test_results import NO_BROKER, STORED, _database
from tests.conftest import Shop, ShopFactory, WorkerFactory
from tests.servers import Redis, wait_until

NAME = "celery.failures"


@pytest.mark.parametrize(
    ("counts", "sampled", "values", "missing"),
    [
        ({}, False, {"failed": 0, "finished": 0}, {"failed_percent"}),
        ({"FAILURE": 3, "SUCCESS": 16}, False, {"failed": 3, "finished": 19}, {"failed_percent"}),
        ({"FAILURE": 3, "SUCCESS": 17}, False, {"failed": 3, "finished": 20, "failed_percent": 15}, set()),
        ({"FAILURE": 1, "REVOKED": 29}, False, {"failed": 1, "finished": 30, "failed_percent": 3.33}, set()),
        ({"FAILURE": 1, "STARTED": 99, "RETRY": 99}, False, {"failed": 1, "finished": 1}, {"failed_percent"}),
        ({"FAILURE": 10, "SUCCESS": 10}, True, {"failed_percent": 50}, {"failed", "finished"}),
        ({"FAILURE": 10}, True, {}, {"failed", "finished", "failed_percent"}),
    ],
)
def test_counts(counts: dict[str, int], sampled: bool, values: dict[str, float], missing: set[str]) -> None:
    found = counted(Counter(counts), "somewhere", {}, sampled=sampled)
    assert (found.values, set(found.missing)) == (values, missing)


@pytest.mark.parametrize(
    ("counts", "status", "kind", "summary"),
    [
        ({"SUCCESS": 100}, Status.HEALTHY, None, "0 of 100 tasks failed in 60 min (Redis)"),
        ({"SUCCESS": 95, "FAILURE": 5}, Status.HEALTHY, None, "5 of 100 tasks failed in 60 min (Redis)"),
        ({"SUCCESS": 94, "FAILURE": 6}, Status.WARNING, Kind.THRESHOLD, "failed percent 6 %"),
        ({"SUCCESS": 79, "FAILURE": 21}, Status.CRITICAL, Kind.THRESHOLD, "failed percent 21 %"),
        ({"FAILURE": 19}, Status.HEALTHY, None, "19 of 19 tasks failed in 60 min (Redis)"),
    ],
)
def test_judges(counts: dict[str, int], status: Status, kind: Kind | None, summary: str) -> None:
    result = Failures().judge(counted(Counter(counts), "Redis", {}))
    assert (result.status, result.kind, result.summary) == (status, kind, summary)


def _work(place: Place, results: str, failing: int, well: int) -> None:
    """Have tasks done, and wait for the results of all."""
    with sender(place.url, results) as app:
        sent = [app.send_task("tests.fail", ("boom",), queue="orders") for _ in range(failing)]
        sent += [app.send_task("tests.add", (1, 2), queue="orders") for _ in range(well)]
        wait_until(lambda: all(result.ready() for result in sent), "the tasks", limit=20)
        for result in sent:
            result.get(propagate=False)


def test_in_redis(on_redis_project: Project, results: str, redis_server: Redis, worker: WorkerFactory) -> None:
    place = on_redis_project.place
    env = {"CELERY_RESULT_BACKEND": results}
    worker(place.url, env=env)
    _work(place, results, failing=3, well=10)
    few = on_redis_project.json(NAME, **env)
    _work(place, results, failing=5, well=2)
    many = on_redis_project.json(NAME, **env)
    with redis_server.client(db=6) as client:
        for key in client.keys("celery-task-meta-*")[:10]:
            client.pexpire(key, 60_000)  # as if it had ended a day ago
    aged = on_redis_project.json(NAME, **env)
    assert few.code == 0, few.out
    assert few.metrics(NAME) == {"failed": 3, "finished": 13, "failed_percent": None}
    assert few.reasons(NAME) == {"failed_percent": "fewer than 20 tasks finished"}
    check = many.checks[NAME]
    assert (many.code, check["status"], check["kind"]) == (2, "critical", "threshold"), many.out
    assert many.metrics(NAME) == {"failed": 8, "finished": 20, "failed_percent": 40}
    assert check["data"]["failed_exceptions"] == {"RuntimeError": 8}
    assert check["data"]["unreadable"] == 0
    assert aged.metrics(NAME)["finished"] == 10


def _stored(server: Redis, count: int) -> None:
    """Write results as Celery does, in its own words."""
    with sender("memory://", server.url(6)) as app:
        for number in range(count):
            app.backend.store_result(f"task-{number}", 3, "SUCCESS")


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery's own backend
def test_more_results_than_the_budget_allows(on_redis_project: Project, results: str, redis_server: Redis) -> None:
    _stored(redis_server, 1200)
    options = {"OPTIONS": {NAME: {"budget": 0.000001}}}
    run = on_redis_project.json(NAME, setting=options, CELERY_RESULT_BACKEND=results)
    check = run.checks[NAME]
    assert run.code == 0, run.out
    assert check["data"]["sampled"] is True
    assert "of a sample" in check["summary"]
    assert run.reasons(NAME)["failed"] == "there are more results than the budget lets us look at"


@pytest.mark.parametrize(
    ("backend", "celery", "why"),
    [
        ("", "{}", "No result backend is set"),
        ("rpc://", "{}", "With rpc:// a result goes to its caller alone"),
        ("redis", '{"CELERY_RESULT_EXPIRES": 0}', "With result_expires off the age of a result can't be told"),
        ("redis", '{"CELERY_RESULT_EXPIRES": null}', "With result_expires off the age of a result can't be told"),
        ("file:///tmp", "{}", "Results in file can't be counted"),
    ],
)
def test_where_nothing_keeps_results_it_says_so(
    on_redis_project: Project, results: str, backend: str, celery: str, why: str
) -> None:
    given = results if backend == "redis" else backend
    run = on_redis_project.json(NAME, "celery.broker", CELERY_RESULT_BACKEND=given, SHOP_CELERY=celery)
    check = run.checks[NAME]
    assert (run.code, check["status"], check["summary"]) == (0, "skipped", "nothing keeps results"), run.out
    assert check["message"].startswith(why)


def test_a_backend_that_is_down_is_a_failure(on_redis_project: Project) -> None:
    run = on_redis_project.json(NAME, CELERY_RESULT_BACKEND="redis://127.0.0.1:1/0")
    assert (run.code, run.checks[NAME]["kind"]) == (2, "refused"), run.out


@pytest.mark.parametrize(("which", "use_tz"), [("sqlite", True), ("mariadb", False)])
def test_in_the_table_of_django_celery_results(
    request: pytest.FixtureRequest, shop: ShopFactory, redis_place: Place, worker: WorkerFactory, tmp_path: Path,
    which: str, use_tz: bool,
) -> None:  # fmt: skip
    project = shop(databases=_database(request, which, tmp_path))
    celery = f'{{"CELERY_RESULT_EXTENDED": true, "USE_TZ": {str(use_tz).lower()}, "TIME_ZONE": "Asia/Tokyo"}}'
    env = {**STORED, "CELERY_BROKER_URL": redis_place.url, "SHOP_CELERY": celery}
    assert project.manage("migrate", "-v", "0", env=env).code == 0
    worker(redis_place.url, env={**project.env, **env})
    with sender(redis_place.url) as app:
        for _ in range(8):
            app.send_task("tests.fail", ("boom",), queue="orders")
        for _ in range(12):
            app.send_task("tests.add", (1, 2), queue="orders")
    wait_until(lambda: _finished(project, env) == 20, "the tasks", limit=20)
    run = project.json(NAME, env=env)
    check = run.checks[NAME]
    assert (run.code, check["status"]) == (2, "critical"), run.out
    assert run.metrics(NAME) == {"failed": 8, "finished": 20, "failed_percent": 40}
    assert check["data"]["failed_tasks"] == {"tests.fail": 8}
    narrow = Shop(project.state, project.databases, project.caches, {"OPTIONS": {NAME: {"window": 0.001}}})
    assert narrow.json(NAME, env=env).metrics(NAME)["finished"] == 0


def _finished(project: Shop, env: dict[str, str]) -> Any:
    return project.json(NAME, env=env).metrics(NAME)["finished"]


def test_a_table_that_is_missing(shop: ShopFactory) -> None:
    run = shop().json(NAME, env={**STORED, "CELERY_BROKER_URL": NO_BROKER})
    assert (run.code, run.checks[NAME]["kind"]) == (2, "missing"), run.out
