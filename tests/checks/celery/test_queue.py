"""celery.queue:NAME: tables for what is judged, and real queues on both brokers."""

import time
from typing import Any

import pytest

from health_cli.checks.celery.base import Project as Gathered
from health_cli.checks.celery.queue import QueueCheck
from health_cli.checks.celery.survey import Node, QueueState, Survey
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status
from tests.brokers import sender
from tests.checks.celery.conftest import Place, Project
from tests.conftest import ShopFactory, WorkerFactory
from tests.servers import wait_until

ORDERS, EMAILS = "celery.queue:orders", "celery.queue:emails"
NOT_READ = "no worker reads it"


@pytest.mark.parametrize(
    ("values", "status", "kind", "summary"),
    [
        ({"waiting": 0, "consumers": 1}, Status.HEALTHY, None, "0 waiting, 1 worker"),
        ({"waiting": 7, "consumers": 2}, Status.HEALTHY, None, "7 waiting, 2 workers"),
        (
            {"waiting": 7, "consumers": 2, "oldest_waiting": 65.0},
            Status.HEALTHY,
            None,
            "7 waiting, 2 workers, oldest 65 s",
        ),
        ({"waiting": 7}, Status.WARNING, Kind.TIMEOUT, "7 waiting, its workers do not say"),
        ({"waiting": 0}, Status.HEALTHY, None, "0 waiting, its workers do not say"),
        ({"waiting": 101, "consumers": 2}, Status.WARNING, Kind.THRESHOLD, "waiting 101"),
        ({"waiting": 1001, "consumers": 2}, Status.CRITICAL, Kind.THRESHOLD, "waiting 1,001"),
        ({"waiting": 0, "consumers": 0}, Status.WARNING, Kind.MISSING, f"0 waiting, {NOT_READ}"),
        ({"waiting": 1, "consumers": 0}, Status.CRITICAL, Kind.MISSING, f"1 waiting, {NOT_READ}"),
        ({"waiting": 1001, "consumers": 0}, Status.CRITICAL, Kind.MISSING, f"1001 waiting, {NOT_READ}"),
    ],
)
def test_judges(values: dict[str, float], status: Status, kind: Kind | None, summary: str) -> None:
    facts = {"exists": True, "queues_read": ["others"]}
    result = QueueCheck(name=ORDERS).judge(Measurement(values=values, facts=facts))
    assert (result.status, result.kind, result.summary) == (status, kind, summary)
    if kind is Kind.MISSING:
        assert "those online read others" in result.message
        assert "-Q orders" in result.hint


@pytest.mark.parametrize(
    ("state", "silent", "values", "missing"),
    [
        (
            QueueState(exists=True, waiting=3, consumers=1, oldest_waiting=5.0),
            0,
            {"waiting": 3, "consumers": 1, "oldest_waiting": 5.0},
            {},
        ),
        (
            QueueState(exists=True, waiting=3, consumers=None, why_no_consumers="not known", why_no_age="no stamp"),
            2,
            {"waiting": 3},
            {"consumers": "not known", "oldest_waiting": "no stamp"},
        ),
        (
            QueueState(exists=True, waiting=3, consumers=0, why_no_age="no stamp"),
            2,
            {"waiting": 3, "consumers": 0},
            {"oldest_waiting": "no stamp"},
        ),
        (
            QueueState(exists=False, waiting=0, consumers=0),
            0,
            {"waiting": 0, "consumers": 0},
            {"oldest_waiting": "no task waits"},
        ),
        (
            QueueState(exists=True, waiting=0, consumers=1),
            2,
            {"waiting": 0, "consumers": 1},
            {"oldest_waiting": "no task waits"},
        ),
    ],
)
def test_takes_its_part_of_the_survey(
    state: QueueState, silent: int, values: dict[str, float], missing: dict[str, str]
) -> None:
    project = Gathered("app", queues=("orders",))
    nodes = (Node(name="a", queues=("b", "a")), Node(name="b", queues=("a",)), Node(name="c"))
    project.survey(lambda: Survey(how="counted", nodes=nodes, silent=silent, queues={"orders": state}))
    measurement = QueueCheck(name=ORDERS, project=project).gather()
    assert (measurement.values, measurement.missing) == (values, missing)
    assert measurement.facts == {"exists": state.exists, "queues_read": ["a", "b"]}


def test_a_queue_that_no_worker_reads(project: Project, worker: WorkerFactory) -> None:
    other = worker(project.place.url, "--without-heartbeat", queues=["others"])
    with sender(project.place.url) as app:
        for _ in range(3):
            app.send_task("tests.add", (1, 2), queue="orders")
    run = project.json()
    other.kill()  # who takes long to end when asked to
    full, empty = run.checks[ORDERS], run.checks[EMAILS]
    assert (run.code, full["status"], full["kind"]) == (2, "critical", "missing"), run.out
    assert full["summary"] == f"3 waiting, {NOT_READ}"
    assert "those online read others" in full["message"]
    assert run.metrics(ORDERS)["waiting"] == 3
    assert (empty["status"], empty["kind"], empty["summary"]) == ("warning", "missing", f"0 waiting, {NOT_READ}")
    # On Redis a queue without tasks is no key, so that it can't be told from one that never was.
    assert empty["data"]["exists"] is project.place.is_redis
    assert full["data"]["exists"] is True
    assert run.reasons("celery.workers")["clock_offset"].startswith("no worker sent a heartbeat event")


def test_all_priorities_count(on_redis_project: Project) -> None:
    server = on_redis_project.place.server
    with sender(on_redis_project.place.url) as app:
        for priority in (0, 3, 3, 6, 9):
            app.send_task("tests.add", (1, 2), queue="orders", priority=priority)
    with server.client(db=5) as client:  # type: ignore[union-attr]
        assert len(client.keys("orders*")) == 4
    run = on_redis_project.json()
    assert run.metrics(ORDERS)["waiting"] == 5, run.out
    assert run.reasons(ORDERS)["oldest_waiting"].startswith("its messages carry no timestamp")


def test_the_age_of_the_oldest_task(project: Project) -> None:
    ages = (100, 300, 200) if project.place.is_redis else (300, 100)  # RabbitMQ tells of the next one
    with sender(project.place.url) as app:
        for age, priority in zip(ages, (0, 9, 3), strict=False):
            app.send_task("tests.add", (1, 2), queue="orders", timestamp=int(time.time()) - age,
                          **({"priority": priority} if project.place.is_redis else {}))  # fmt: skip
    if not project.place.is_redis:
        wait_until(lambda: project.json().metrics(ORDERS)["oldest_waiting"], "RabbitMQ's statistics", limit=15)
    run = project.json()
    assert 299 <= run.metrics(ORDERS)["oldest_waiting"] < 320, run.out
    assert "oldest" not in run.checks[EMAILS]["summary"]


def test_without_its_management_rabbitmq_tells_no_age(rabbitmq_place: Place, shop: ShopFactory) -> None:
    with sender(rabbitmq_place.url) as app:
        app.send_task("tests.add", (1, 2), queue="orders")
    run = Project(shop, Place("rabbitmq", rabbitmq_place.url, rabbitmq_place.server)).json()
    assert run.reasons(ORDERS)["oldest_waiting"] == "needs RabbitMQ's management API (RABBITMQ_MANAGEMENT)", run.out


@pytest.mark.parametrize("trouble", ["nobody", "password", "vhost"])
def test_a_management_api_that_does_not_answer_stops_nothing(
    rabbitmq_place: Place, shop: ShopFactory, trouble: str
) -> None:
    management = {
        "nobody": "http://127.0.0.1:1",
        "password": rabbitmq_place.setting["RABBITMQ_MANAGEMENT"].replace("http://", "http://app:wrong-canary-77@"),
        "vhost": rabbitmq_place.setting["RABBITMQ_MANAGEMENT"] + "/nowhere",
    }[trouble]
    with sender(rabbitmq_place.url) as app:
        app.send_task("tests.add", (1, 2), queue="orders")
    run = Project(shop, rabbitmq_place).json(setting={"RABBITMQ_MANAGEMENT": management})
    assert run.metrics(ORDERS)["waiting"] == 1, run.out
    assert run.reasons(ORDERS)["oldest_waiting"] == "RabbitMQ's management API did not answer"
    assert "canary" not in run.out


@pytest.mark.parametrize(
    ("setting", "celery", "queues"),
    [
        ({}, "{}", {"orders", "emails"}),
        ({"CELERY_QUEUES": ["one", "two"]}, "{}", {"one", "two"}),
        ({}, '{"CELERY_TASK_ROUTES": {"a": "x"}, "CELERY_TASK_DEFAULT_QUEUE": "y"}', {"x", "y"}),
    ],
)
def test_which_queues(on_redis_project: Project, setting: dict[str, Any], celery: str, queues: set[str]) -> None:
    run = on_redis_project.json("celery.queue", "celery.broker", setting=setting, SHOP_CELERY=celery)
    assert {name.partition(":")[2] for name in run.checks if ":" in name} == queues, run.out
