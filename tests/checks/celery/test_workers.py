"""celery.workers: tables for what is judged, and real workers of every pool on both brokers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.celery.survey import Node, Survey
from health_cli.checks.celery.workers import Workers, _absent, _certain, _silence, measure, trouble
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status
from tests.brokers import CeleryWorker, sender
from tests.checks.celery.conftest import Fleet, Place, Project
from tests.conftest import ShopFactory, WorkerFactory
from tests.servers import library, wait_until

NAME = "celery.workers"
AT_ONCE = 0.9  # seconds; below the one second that a silent worker is waited for
WELL = Node(
    name="w1@a", response_time=0.01, pool="prefork", slots=2, processes=2, active=0, reserved=0, scheduled=0,
    clock_offset=0.001, queues=("orders",), uptime=9.0,
)  # fmt: skip
OTHER = replace(
    WELL, name="w2@b", response_time=0.03, slots=4, processes=4, active=3, reserved=1, scheduled=5, oldest_active=7.0
)


# What is judged, as tables.


@pytest.mark.parametrize(
    ("nodes", "values", "missing"),
    [
        ((), {"workers": 0, "silent": 0}, {"slots": "no worker answered", "busy_percent": "no worker answered"}),
        (
            (WELL,),
            {"workers": 1, "slots": 2, "active": 0, "busy_percent": 0, "response_time": 0.01, "clock_offset": 0.001},
            {"oldest_active": "no task runs"},
        ),
        (
            (WELL, OTHER),
            {"slots": 6, "active": 3, "reserved": 1, "scheduled": 5, "busy_percent": 50, "response_time": 0.03},
            {},
        ),
        ((WELL, replace(WELL, clock_offset=-40.0)), {"clock_offset": 40}, {}),
        ((replace(OTHER, oldest_active=9.0), OTHER), {"oldest_active": 9}, {}),
        ((replace(WELL, clock_offset=None),), {}, {"clock_offset": "no worker sent a heartbeat event"}),
        ((replace(WELL, slots=None),), {}, {"slots": "no worker told", "busy_percent": "no worker told"}),
        ((replace(WELL, slots=0),), {"slots": 0}, {"busy_percent": "no worker told"}),
        ((replace(WELL, active=None),), {"slots": 2}, {"active": "no worker told", "busy_percent": "no worker told"}),
    ],
)
def test_measure_adds_up_what_the_workers_told(
    nodes: tuple[Node, ...], values: dict[str, float], missing: dict[str, str]
) -> None:
    found, why = measure(Survey(how="counted", nodes=nodes))
    assert values.items() <= found.items()
    assert all(why[name].startswith(reason) for name, reason in missing.items()), why
    assert not set(found) & set(why)


@pytest.mark.parametrize(
    ("answered", "silent", "suspects", "expected"),
    [
        (3, 0, (), None),
        (0, 0, (), (Status.CRITICAL, Kind.MISSING, "no worker online", "is connected to the broker: tasks")),
        (0, 0, ("w1@a",), (Status.CRITICAL, Kind.MISSING, "no worker online", "(it knew w1@a)")),
        (2, 1, (), (Status.WARNING, Kind.TIMEOUT, "1 of 3 workers silent", "do not answer")),
        (2, 1, ("w3@a",), (Status.WARNING, Kind.TIMEOUT, "1 of 3 workers silent: w3@a", "do not answer: w3@a")),
        (2, 1, ("a", "b"), (Status.WARNING, Kind.TIMEOUT, "1 of 3 workers silent: one of a, b", "one of a, b")),
        (1, 1, (), (Status.WARNING, Kind.TIMEOUT, "1 of 2 workers silent", "")),
        (1, 2, (), (Status.CRITICAL, Kind.TIMEOUT, "2 of 3 workers silent", "")),
        (0, 1, ("a",), (Status.CRITICAL, Kind.TIMEOUT, "1 of 1 workers silent: a", "")),
    ],
)
def test_silence(
    answered: int, silent: int, suspects: tuple[str, ...], expected: tuple[Status, Kind, str, str] | None
) -> None:
    found = list(_silence(answered, silent, suspects))
    assert [_gist(finding) for finding in found] == ([expected[:3]] if expected else [])
    assert all(expected and expected[3] in finding.message and finding.hint for finding in found)


@pytest.mark.parametrize(
    ("expected", "names", "suspects", "gist"),
    [
        ((), ["a"], (), None),
        (("a",), ["a"], (), None),
        (("a", "b"), ["a"], ("b",), None),  # silence is reported already
        (("a", "b"), ["a"], (), (Status.WARNING, Kind.MISSING, "b missing")),
        (("a", "b"), [], (), (Status.CRITICAL, Kind.MISSING, "a, b missing")),
    ],
)
def test_absence(expected: Any, names: list[str], suspects: Any, gist: Any) -> None:
    assert [_gist(finding) for finding in _absent(expected, names, suspects)] == ([gist] if gist else [])


def test_only_who_must_be_silent_is_not_missed() -> None:
    assert _certain(("a",), 1) == ("a",)
    assert _certain(("a", "long-gone"), 1) == ()


_BUSY = {"slots": 2, "active": 2, "oldest_active": 901.0}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, []),
        (_BUSY, [(Status.WARNING, Kind.FULL, "w1@a stuck for 15 min")]),
        ({**_BUSY, "reserved": 3}, [(Status.WARNING, Kind.FULL, "w1@a stuck for 15 min")]),
        ({**_BUSY, "time_limit": 1000}, []),
        ({"processes": 1, "autoscaled": True}, []),
        ({**_BUSY, "oldest_active": 900.0}, []),
        ({**_BUSY, "active": 1}, []),
        ({**_BUSY, "slots": None}, []),
        ({"queues": ()}, [(Status.WARNING, Kind.MISCONFIGURED, "w1@a reads no queue")]),
        ({"queues": None}, []),
        ({"replies": 2}, [(Status.WARNING, Kind.MISCONFIGURED, "2 workers named w1@a")]),
        ({"children": {"7": "stopped"}}, [(Status.WARNING, Kind.MISSING, "1 of 2 pool processes of w1@a not working")]),
        (
            {"children": {"7": "dead", "8": "stopped"}},
            [(Status.CRITICAL, Kind.MISSING, "2 of 2 pool processes of w1@a not working")],
        ),
        ({"processes": 1}, [(Status.WARNING, Kind.MISSING, "w1@a has 1 of 2 processes")]),
        ({"processes": 1, "pool": "solo"}, []),
        ({"processes": None, "pool": "thread"}, []),
        (
            {"queues": (), "replies": 2},
            [
                (Status.WARNING, Kind.MISCONFIGURED, "w1@a reads no queue"),
                (Status.WARNING, Kind.MISCONFIGURED, "2 workers named w1@a"),
            ],
        ),
    ],
)
def test_trouble_of_a_worker_that_answers(row: dict[str, Any], expected: list[Any]) -> None:
    found = list(trouble(replace(WELL, **row).to_json(), 900.0))
    assert [_gist(finding) for finding in found] == expected
    assert all(finding.hint and "w1@a" in finding.message for finding in found)


def _gist(finding: Finding) -> tuple[Status, Kind, str]:
    return finding.status, finding.kind, finding.summary


@pytest.mark.parametrize(
    ("nodes", "silent", "status", "summary"),
    [
        ((WELL,), 0, Status.HEALTHY, "1 worker, slowest answer 10 ms, 0 of 2 slots busy"),
        ((WELL, OTHER), 0, Status.HEALTHY, "2 workers, slowest answer 30 ms, 3 of 6 slots busy"),
        ((Node(name="w1@a", response_time=0.01),), 0, Status.HEALTHY, "1 worker, slowest answer 10 ms"),
        ((), 0, Status.CRITICAL, "no worker online"),
        ((WELL,), 1, Status.WARNING, "1 of 2 workers silent"),
        ((replace(WELL, clock_offset=-2.5),), 0, Status.WARNING, "clock offset 2.5 s"),
        ((replace(WELL, clock_offset=31.0),), 0, Status.CRITICAL, "clock offset 31 s"),
        ((replace(WELL, clock_offset=31.0),), 1, Status.CRITICAL, "clock offset 31 s"),
        ((replace(WELL, queues=()),), 2, Status.CRITICAL, "2 of 3 workers silent"),
    ],
)
def test_the_worst_leads(nodes: tuple[Node, ...], silent: int, status: Status, summary: str) -> None:
    values, missing = measure(Survey(how="counted", nodes=nodes, silent=silent))
    facts = {"workers": [node.to_json() for node in nodes], "suspects": [], "all_known_by": "counted"}
    result = Workers().judge(Measurement(values=values, missing=missing, facts=facts))
    assert (result.status, result.summary) == (status, summary)
    assert bool(result.hint) == (status is not Status.HEALTHY)


# Real workers.


def test_all_is_well(fleet: Fleet, shop: ShopFactory) -> None:
    run = Project(shop, fleet.place).json()
    check = run.checks[NAME]
    rows = {row["name"]: row for row in check["data"]["workers"]}
    assert run.code == 0, run.out
    expected = {"workers": 3, "silent": 0, "slots": 5, "busy_percent": 0, "active": 0, "reserved": 0, "scheduled": 0}
    assert expected.items() <= run.metrics(NAME).items()
    assert run.reasons(NAME) == {"oldest_active": "no task runs"}
    assert {name: (row["pool"], row["slots"], row["queues"]) for name, row in rows.items()} == {
        "prefork@shop": ("prefork", 2, ["emails", "orders"]),
        "threads@shop": ("thread", 2, ["orders"]),
        "solo@shop": ("solo", 1, ["orders"]),
    }
    assert all(0 < row["response_time"] < 1 and row["uptime"] >= 0 for row in rows.values())
    assert run.metrics(NAME)["response_time"] == max(row["response_time"] for row in rows.values())
    assert run.metrics(NAME)["clock_offset"] < 1
    assert check["data"]["all_known_by"] == ("counted" if fleet.place.is_redis else "consumers")
    assert check["data"]["suspects"] == []
    assert run.metrics("celery.queue:orders")["consumers"] == 3
    assert run.metrics("celery.queue:emails")["consumers"] == 1
    assert check["duration"] < AT_ONCE, "somebody was waited for"


def test_a_frozen_worker_is_silent_and_named(fleet: Fleet, shop: ShopFactory) -> None:
    fleet.workers["threads"].freeze()
    options = {"OPTIONS": {NAME: {"expected": ["threads@shop", "solo@shop"]}}}
    run = Project(shop, fleet.place).json(setting=options)
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (1, "warning", "timeout"), run.out
    assert check["summary"] == "1 of 3 workers silent: threads@shop"
    assert check["message"].count("threads@shop") == 1, "it is said once, not as missing too"
    assert (run.metrics(NAME)["workers"], run.metrics(NAME)["silent"]) == (2, 1)
    # RabbitMQ knows who reads a queue; on Redis only those can tell who answer.
    assert run.metrics("celery.queue:orders")["consumers"] == (2 if fleet.place.is_redis else 3)
    assert run.checks["celery.queue:emails"]["status"] == "healthy"
    assert run.seconds < 5


def test_without_its_management_rabbitmq_does_not_tell_who_is_silent(fleet: Fleet, shop: ShopFactory) -> None:
    if fleet.place.is_redis:
        return
    fleet.workers["threads"].freeze()
    run = Project(shop, replace(fleet.place, setting={})).json(NAME, "celery.broker")
    assert run.checks[NAME]["summary"] == "1 of 3 workers silent", run.out


def test_when_more_are_silent_than_answer_it_is_critical(fleet: Fleet, shop: ShopFactory) -> None:
    for worker in fleet.workers.values():
        worker.freeze()
    run = Project(shop, fleet.place).json()
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", "timeout"), run.out
    assert check["summary"] == "3 of 3 workers silent: prefork@shop, solo@shop, threads@shop"
    assert (run.metrics(NAME)["workers"], run.metrics(NAME)["silent"]) == (0, 3)
    assert run.reasons(NAME)["slots"] == "no worker answered"
    queue = run.checks["celery.queue:emails"]
    assert queue["status"] == "healthy"
    if fleet.place.is_redis:
        assert run.reasons("celery.queue:emails")["consumers"] == "3 silent workers may read it"
        assert queue["summary"] == "0 waiting, its workers do not say"
    assert run.seconds < 5


def test_a_worker_that_was_killed_is_not_waited_for(fleet: Fleet, shop: ShopFactory, worker: WorkerFactory) -> None:
    fourth = worker(fleet.place.url, name="fourth")
    assert Project(shop, fleet.place).json(NAME).metrics(NAME)["workers"] == 4
    fourth.kill()
    options = {"OPTIONS": {NAME: {"expected": ["fourth@shop"]}}}
    run = Project(shop, fleet.place).json(NAME, setting=options)
    check = run.checks[NAME]
    assert (run.metrics(NAME)["workers"], run.metrics(NAME)["silent"]) == (3, 0), run.out
    assert check["duration"] < AT_ONCE
    assert (run.code, check["kind"], check["summary"]) == (2, "missing", "fourth@shop missing")


def test_a_worker_whose_consumers_were_cancelled_reads_no_queue(fleet: Fleet, shop: ShopFactory) -> None:
    who = {"destination": ["threads@shop"], "reply": True, "timeout": 5, "limit": 1}
    with sender(fleet.place.url) as app:
        assert app.control.cancel_consumer("orders", **who)
        try:
            run = Project(shop, fleet.place).json()
        finally:
            assert app.control.add_consumer("orders", **who)
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (1, "warning", "misconfigured"), run.out
    assert check["summary"] == "threads@shop reads no queue"
    assert "add_consumer" in check["hint"]
    assert run.metrics("celery.queue:orders")["consumers"] == 2


def test_nobody_is_online(project: Project) -> None:
    run = project.json()
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", "missing"), run.out
    assert check["summary"] == "no worker online"
    assert run.metrics(NAME)["workers"] == 0
    if project.place.is_redis:  # on RabbitMQ nothing tells that there is nobody to wait for
        assert check["duration"] < AT_ONCE
    queue = run.checks["celery.queue:orders"]
    assert (queue["status"], queue["kind"], queue["summary"]) == ("warning", "missing", "0 waiting, no worker reads it")


def test_busy_workers(project: Project, worker: WorkerFactory) -> None:
    place = project.place
    prefork = worker(place.url, pool="prefork", concurrency=2, name="prefork", wait=False)
    solo = worker(place.url, queues=["emails"], name="solo", wait=False)
    prefork.wait()
    solo.wait()
    with sender(place.url) as app:
        app.send_task("tests.nap", (0,), queue="orders", countdown=3600)
        for _ in range(5):
            app.send_task("tests.nap", (60,), queue="orders")
        app.send_task("tests.nap", (60,), queue="emails")
    wait_until(lambda: prefork.output.count("received") == 6 and solo.output.count("received") == 1, "the tasks")
    began = time.monotonic()
    calm = project.json()
    wait_until(lambda: time.monotonic() - began > 1.5, "stuck tasks")
    stuck = project.json(NAME, "celery.broker", setting={"OPTIONS": {NAME: {"stuck_after": 1.0}}})
    prefork.kill()  # who would do its tasks first
    solo.kill()
    values = calm.metrics(NAME)
    expected = {"workers": 1, "silent": 1, "active": 2, "reserved": 3, "scheduled": 1, "busy_percent": 100}
    assert expected.items() <= values.items(), calm.out
    assert 0 <= values["oldest_active"] < 30
    assert calm.checks[NAME]["summary"] == "1 of 2 workers silent: solo@shop"
    assert "solo worker is silent while it runs a task" in calm.checks[NAME]["hint"]
    check = stuck.checks[NAME]
    assert (stuck.code, check["status"]) == (1, "warning"), stuck.out
    assert "All 2 slots" in check["message"]
    assert "and 3 more wait in it" in check["message"]
    assert stuck.metrics(NAME)["oldest_active"] > 1
    if place.is_redis:  # a task is acknowledged when it begins
        assert 3 + 1 <= stuck.metrics("celery.broker")["unacknowledged"] <= 3 + 1 + 3


HERE = f"pool@{socket.gethostname()}"


@pytest.fixture
def pool(redis_place: Place, worker: WorkerFactory) -> CeleryWorker:
    """A prefork worker that is known to be on this host."""
    return worker(redis_place.url, pool="prefork", concurrency=2, name=HERE, queues=["orders", "emails"])


def test_processes_of_the_pool_that_are_stopped(on_redis_project: Project, pool: CeleryWorker) -> None:
    first, second = pool.children()
    os.kill(first, signal.SIGSTOP)
    one = on_redis_project.json(NAME)
    os.kill(second, signal.SIGSTOP)
    both = on_redis_project.json(NAME)
    for child in (first, second):
        os.kill(child, signal.SIGCONT)
    well = on_redis_project.json(NAME)
    check = one.checks[NAME]
    assert (one.code, check["status"], check["kind"]) == (1, "warning", "missing"), one.out
    assert check["summary"] == f"1 of 2 pool processes of {HERE} not working"
    assert f"{first} stopped" in check["message"]
    check = both.checks[NAME]
    assert (both.code, check["status"], check["kind"]) == (2, "critical", "missing"), both.out
    assert {str(first), str(second)} == set(check["data"]["workers"][0]["children"])
    assert well.code == 0, well.out


def test_two_workers_with_one_name(on_redis_project: Project, worker: WorkerFactory) -> None:
    url = on_redis_project.place.url
    first, second = worker(url, wait=False), worker(url, wait=False)
    first.wait()
    second.wait()
    run = on_redis_project.json(NAME)
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (1, "warning", "misconfigured"), run.out
    assert check["summary"] == "2 workers named w1@shop"
    assert run.metrics(NAME)["silent"] == 0
    assert check["duration"] < AT_ONCE


def test_workers_that_can_not_be_asked(project: Project) -> None:
    run = project.json("celery", SHOP_CELERY='{"CELERY_WORKER_ENABLE_REMOTE_CONTROL": false}')
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (3, "unknown", "misconfigured"), run.out
    assert check["summary"] == "remote control is off"
    assert run.metrics("celery.queue:orders")["waiting"] == 0


@pytest.mark.parametrize(("shift", "sign"), [("+60s", 1), ("-60s", -1)])
def test_a_worker_in_another_time(project: Project, worker: WorkerFactory, shift: str, sign: int) -> None:
    clock = {"LD_PRELOAD": library("faketime/libfaketime.so.1", "libfaketime"), "FAKETIME": shift}
    other = worker(project.place.url, env={**clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    run = project.json(NAME)
    other.kill()  # who takes long to end when asked to
    check = run.checks[NAME]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", "threshold"), run.out
    assert 58 < run.metrics(NAME)["clock_offset"] < 62
    assert 58 < sign * check["data"]["workers"][0]["clock_offset"] < 62
    assert "NTP" in check["hint"]


def test_a_silent_worker_does_not_hide_a_queue_that_rabbitmq_knows_nobody_reads(
    rabbitmq_place: Place, shop: ShopFactory, worker: WorkerFactory
) -> None:
    frozen = worker(rabbitmq_place.url, queues=["orders"])
    with sender(rabbitmq_place.url) as app:
        app.send_task("tests.nap", (0,), queue="emails")
    frozen.freeze()
    run = Project(shop, rabbitmq_place).json("celery")
    frozen.thaw()
    check = run.checks["celery.queue:emails"]
    assert (check["status"], check["kind"]) == ("critical", "missing"), run.out
    assert run.metrics("celery.queue:emails")["consumers"] == 0


def test_a_broker_with_a_prefix_before_its_keys(on_redis_project: Project, worker: WorkerFactory) -> None:
    prefix = {"CELERY_BROKER_TRANSPORT_OPTIONS": {"global_keyprefix": "shop-a:"}}
    worker(on_redis_project.place.url, celery=prefix)
    run = on_redis_project.json("celery", SHOP_CELERY=json.dumps(prefix))
    assert run.metrics(NAME)["workers"] == 1, run.out
    assert run.metrics("celery.queue:orders")["consumers"] == 1
    assert run.checks[NAME]["data"]["all_known_by"] == "counted"


def test_a_pool_that_replaces_its_processes_is_well(on_redis_project: Project, worker: WorkerFactory) -> None:
    url = on_redis_project.place.url
    worker(url, "--max-tasks-per-child=1", pool="prefork", name=f"w1@{socket.gethostname()}")
    with sender(url) as app:
        for _ in range(200):
            app.send_task("tests.add", (1, 2), queue="orders")
        for _ in range(4):
            run = on_redis_project.json(NAME)
            assert run.code == 0, run.out


def test_a_pool_that_may_grow_is_not_full(on_redis_project: Project, worker: WorkerFactory) -> None:
    url = on_redis_project.place.url
    growing = worker(url, "--autoscale=6,2", pool="prefork")
    with sender(url) as app:
        for _ in range(4):
            app.send_task("tests.nap", (60,), queue="orders")
    wait_until(lambda: growing.output.count("received") == 4, "the tasks")
    run = on_redis_project.json(NAME, setting={"OPTIONS": {NAME: {"stuck_after": 0.1}}})
    growing.kill()
    assert (run.code, run.metrics(NAME)["slots"]) == (0, 6), run.out


def test_a_scheduler_that_answers_is_no_worker(on_redis_project: Project, tmp_path: Path) -> None:
    url = on_redis_project.place.url
    beat = [sys.executable, "-m", "celery", "-b", url, "beat", "-s", str(tmp_path / "schedule"), "--pidfile", ""]
    conf = tmp_path / "celeryconfig.py"
    conf.write_text("beat_enable_remote_control = True\nworker_hijack_root_logger = False\n")
    with subprocess.Popen(beat, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            with sender(url) as app:
                wait_until(lambda: app.control.ping(timeout=0.7), "the scheduler's answer")
            run = on_redis_project.json(NAME)
        finally:
            process.kill()
    check = run.checks[NAME]
    assert (run.code, check["status"], check["summary"]) == (2, "critical", "no worker online"), run.out
