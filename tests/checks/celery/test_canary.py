"""celery.canary: through real workers that run it, are stopped, late, or do not know it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kombu import Exchange, Queue

from health_cli.checks.celery.canary import Canary
from health_cli.checks.celery.canary_client import remembered
from health_cli.core.measurement import Measurement
from tests.brokers import sender
from tests.checks.celery.conftest import Fleet, Place, Project
from tests.conftest import Run, ShopFactory, WorkerFactory
from tests.servers import Redis, wait_until

NAME = "celery.canary:orders"


def look(project: Project, name: str = NAME, window: float = 0, limit: float = 2, **env: str) -> Run:
    setting = {"OPTIONS": {"celery.canary": {"window": window}}, "TIMEOUTS": {"celery.canary": limit}, "TIMEOUT": 10}
    return project.json(name, setting=setting, **env)


def test_a_worker_of_each_queue_runs_it(shop: ShopFactory, fleet: Fleet) -> None:
    run = look(Project(shop, fleet.place), "celery.canary", limit=5)
    assert {name: check["status"] for name, check in run.checks.items()} == {
        "celery.canary:orders": "healthy", "celery.canary:emails": "healthy"
    }, run.out  # fmt: skip
    assert 0 < run.metrics(NAME)["latency"] < 3 and run.metrics(NAME)["outstanding"] is None
    assert run.checks["celery.canary:emails"]["data"]["worker"] == "prefork@shop"
    assert "run by prefork@shop after" in run.checks["celery.canary:emails"]["message"]


def test_one_that_is_late_is_found_by_the_next_run(project: Project, worker: WorkerFactory) -> None:
    with sender(project.place.url) as app, app.connection_for_write() as connection:
        Queue("orders", Exchange("orders"), routing_key="orders", channel=connection).declare()  # as a worker would
    run = look(project)
    first = run.checks[NAME]
    assert (run.code, first["status"], first["kind"]) == (3, "unknown", "timeout"), run.out
    assert 1.2 < run.metrics(NAME)["outstanding"] < 2 and "INSTALLED_APPS" in first["hint"]
    memory = next(project.shop(setting={"TIMEOUT": 10}).state.glob("record/**/memory/*.json"))
    flight = json.loads(memory.read_text())
    earlier = {ident: at - 20 for ident, at in flight["away"].items()}  # else it would be that of a run beside us
    memory.write_text(json.dumps({**flight, "away": earlier, "away_since": flight["away_since"] - 20}))
    waiting = project.json("celery.queue:orders").metrics("celery.queue:orders")["waiting"]
    again = look(project)
    assert 20 < again.metrics(NAME)["outstanding"] < 40
    assert project.json("celery.queue:orders").metrics("celery.queue:orders")["waiting"] == waiting == 1
    one = worker(project.place.url)
    wait_until(lambda: "health_cli.canary" in one.output and "succeeded" in one.output, "the canary's run")
    if isinstance(server := project.place.server, Redis):
        with server.client(db=5) as client:
            kept = [client.ttl(key) for key in client.scan_iter("health-cli.canary.*")]
            assert kept and all(0 < seconds <= 90_000 for seconds in kept), "an answer that nobody takes goes away"
    run = look(project)
    assert run.checks[NAME]["status"] == "healthy", run.out
    one.freeze()
    assert look(project).checks[NAME]["status"] == "unknown"
    assert look(project, window=300).checks[NAME]["status"] == "healthy"  # the one before came back in time
    one.thaw()


def test_two_runs_at_once_leave_each_other_what_is_theirs(shop: ShopFactory, fleet: Fleet) -> None:
    project = Project(shop, fleet.place)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: look(project, limit=5), range(4)))
    assert [run.checks[NAME]["status"] for run in runs] == ["healthy"] * 4, [run.out for run in runs]


def test_a_worker_that_does_not_know_it_is_told_and_tried_again(
    on_redis_project: Project, worker: WorkerFactory
) -> None:
    without_us = {"INSTALLED_APPS": ["django.contrib.contenttypes", "django.contrib.auth", "shop"]}
    stranger = worker(on_redis_project.place.url, celery=without_us)
    run = look(on_redis_project)
    assert run.checks[NAME]["status"] == "unknown" and "were they started since" in run.checks[NAME]["hint"]
    assert "unregistered task" in stranger.output


def test_a_queue_nobody_may_make_is_misconfigured(on_redis_project: Project) -> None:
    conf = {"CELERY_TASK_CREATE_MISSING_QUEUES": False}
    name = "celery.canary:emails"
    found = look(on_redis_project, name, SHOP_CELERY=json.dumps(conf)).checks[name]
    assert (found["status"], found["summary"]) == ("unknown", "no such queue")


def test_it_is_off_by_default_and_needs_the_broker(on_redis_project: Project, shop: ShopFactory) -> None:
    for pattern in ("celery", "celery.*", "*"):
        assert not any("canary" in name for name in on_redis_project.json(pattern, "host.memory").checks), pattern
    down = shop().json("celery.broker", NAME, env={"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"})
    assert down.checks[NAME]["blocked_by"] == "celery.broker"


@pytest.mark.parametrize(("away", "status"), [(20, "unknown"), (301, "unknown"), (901, "critical")])
def test_what_is_away_for_long_gets_worse(away: float, status: str) -> None:
    values: dict[str, Any] = {"outstanding": away}
    found = Canary().judge(Measurement(values=values, missing={"latency": "none"}))
    assert found.status.word == status and "queue celery" in found.message


def test_without_a_place_to_remember_none_is_sent(on_redis_project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"HEALTH_STATE_DIR": str(tmp_path / "file" / "none")}
    found = look(on_redis_project, **nowhere).checks[NAME]
    assert (found["status"], found["summary"]) == ("unknown", "can't remember"), found
    assert on_redis_project.json("celery.queue:orders").metrics("celery.queue:orders")["waiting"] == 0


def test_a_queue_that_rabbitmq_has_not_is_not_made(rabbitmq_place: Place, shop: ShopFactory) -> None:
    found = look(Project(shop, rabbitmq_place)).checks[NAME]
    assert (found["status"], found["summary"]) == ("unknown", "no such queue")
    assert look(Project(shop, rabbitmq_place)).checks[NAME]["summary"] == "no such queue"


def test_what_was_damaged_is_forgotten_and_what_others_leave_is_passed_over(
    on_redis_project: Project, worker: WorkerFactory
) -> None:
    odd = remembered({"away": {"a": "x", "b": 5.0, "c": 99.0, "d": 200.0}, "away_since": 300.0, "back": 3}, 100.0)
    assert (odd["away"], odd["away_since"], odd["back"]) == ({"b": 5.0, "c": 99.0}, 5.0, None)
    for at, latency in ((101.0, 1.0), ("x", 1.0), (float("nan"), 1.0), (50.0, "x"), (50.0, -1.0)):
        back = {"at": at, "latency": latency, "worker": "w"}
        assert remembered({"back": back}, 100.0)["back"] is None, "a clock was ahead, or it is damaged"
    assert remembered({"back": {"at": 50.0, "latency": None, "worker": "w"}}, 100.0)["back"]
    look(on_redis_project)
    memory = next(on_redis_project.shop(setting={"TIMEOUT": 10}).state.glob("record/**/memory/*.json"))
    answers = json.loads(memory.read_text())["answers"]
    with on_redis_project.place.server.client(db=5) as client:  # type: ignore[union-attr]
        stranger = {"body": "bm8=", "content-type": "text/plain", "content-encoding": "utf-8", "headers": {},
                    "properties": {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}}}  # fmt: skip
        client.lpush(answers, json.dumps(stranger))
    worker(on_redis_project.place.url)
    assert look(on_redis_project, limit=5).checks[NAME]["status"] == "healthy"


def test_one_that_was_lost_is_sent_anew(on_redis_project: Project, worker: WorkerFactory) -> None:
    with on_redis_project.place.server.client(db=5) as client:  # type: ignore[union-attr]
        look(on_redis_project)
        client.delete("orders")
    memory = next(on_redis_project.shop(setting={"TIMEOUT": 10}).state.glob("record/**/memory/*.json"))
    flight = json.loads(memory.read_text())
    old = time.time() - 100
    memory.write_text(json.dumps({**flight, "away": dict.fromkeys(flight["away"], old), "away_since": old}))
    one = worker(on_redis_project.place.url)
    assert look(on_redis_project, limit=5).checks[NAME]["status"] == "healthy"
    one.freeze()
    assert len(json.loads(memory.read_text())["away"]) == 0
    one.thaw()


def test_an_answer_that_came_hours_ago_is_found(on_redis_project: Project, worker: WorkerFactory) -> None:
    look(on_redis_project)
    memory = next(on_redis_project.shop(setting={"TIMEOUT": 10}).state.glob("record/**/memory/*.json"))
    one = worker(on_redis_project.place.url)
    wait_until(lambda: "health_cli.canary" in one.output and "succeeded" in one.output, "the canary's run")
    flight = json.loads(memory.read_text())
    old = time.time() - 3 * 3600
    memory.write_text(json.dumps({**flight, "away": dict.fromkeys(flight["away"], old), "away_since": old}))
    found = look(on_redis_project, limit=5)
    assert (found.checks[NAME]["status"], found.metrics(NAME)["outstanding"]) == ("healthy", None), found.out
