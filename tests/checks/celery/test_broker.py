"""celery.broker: well, and broken in each way that it tells apart."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import ResponseError

from health_cli.checks.celery.broker import Broker, LocalBroker
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status
from tests.brokers import RabbitMQ
from tests.checks.celery.conftest import Place, Project
from tests.conftest import Run, ShopFactory, serve
from tests.servers import PASSWORD, Redis, Silent, free_port, wait_until

NAME = "celery.broker"
WRONG = "wrong-canary-77"
BLOCKED = {"celery.workers", "celery.queue:orders", "celery.queue:emails"}
FACTS = {"broker": "Redis at a:6379"}
DOWN = {"kind": "refused", "summary": "refused at b:6379", "message": "Redis at b:6379 refuses", "hint": "Start it."}


@pytest.mark.parametrize(
    ("values", "facts", "status", "summary"),
    [
        ({"roundtrip_time": 0.002}, FACTS, Status.HEALTHY, "Redis at a:6379, round trip 2 ms"),
        ({}, FACTS, Status.HEALTHY, "Redis at a:6379"),
        ({"roundtrip_time": 0.2}, FACTS, Status.WARNING, "roundtrip time 200 ms"),
        ({"roundtrip_time": 2.0}, FACTS, Status.CRITICAL, "roundtrip time 2 s"),
        (
            {"roundtrip_time": 0.002},
            {**FACTS, "failed": [DOWN]},
            Status.WARNING,
            "one of several is down: refused at b:6379",
        ),
        ({"roundtrip_time": 2.0}, {**FACTS, "failed": [DOWN]}, Status.CRITICAL, "roundtrip time 2 s"),
    ],
)
def test_judges(values: dict[str, float], facts: dict[str, Any], status: Status, summary: str) -> None:
    result = Broker().judge(Measurement(values=values, facts=facts))
    assert (result.status, result.summary) == (status, summary)
    if "failed" in facts:
        assert "another broker of the list is used meanwhile" in result.message
        assert result.kind in {Kind.REFUSED, Kind.THRESHOLD}


@pytest.mark.parametrize(
    ("conf", "summary"),
    [
        ({"task_always_eager": True, "broker_url": "redis://a"}, "none is used: tasks run where they are called"),
        ({"broker_url": "memory://"}, "in each process's own memory"),
    ],
)
def test_a_local_broker_is_said_to_be_one(conf: dict[str, Any], summary: str) -> None:
    check = LocalBroker(conf=conf)
    result = check.judge(check.gather())
    assert (result.status, result.summary) == (Status.HEALTHY, summary)


@pytest.mark.parametrize(
    "env", [{"CELERY_BROKER_URL": "memory://"}, {"SHOP_CELERY": '{"CELERY_TASK_ALWAYS_EAGER": true}'}]
)
def test_there_is_nothing_to_ask_of_a_local_broker(shop: ShopFactory, env: dict[str, str]) -> None:
    run = shop().json("celery", env=env)
    assert (run.code, set(run.checks)) == (0, {NAME}), run.out


def test_takes_a_message_through_the_broker(project: Project) -> None:
    run = project.json(NAME)
    values = run.metrics(NAME)
    assert run.code == 0, run.out
    assert 0 < values["connect_time"] < 1
    assert 0 < values["roundtrip_time"] < 1
    assert values["unacknowledged"] == (0 if project.place.is_redis else None)
    flavour = "Redis" if project.place.is_redis else "RabbitMQ"
    assert run.checks[NAME]["summary"].startswith(f"{flavour} at 127.0.0.1:{project.place.server.port}, round trip ")


def _fails(run: Run, kind: str, status: str = "critical") -> dict[str, Any]:
    """Return the check of a broker that can't be used; what needs it was skipped, and no password is told."""
    check: dict[str, Any] = run.checks[NAME]
    assert (check["status"], check["kind"]) == (status, kind), run.out
    assert {run.checks[name]["blocked_by"] for name in BLOCKED} == {NAME}
    assert {run.checks[name]["status"] for name in BLOCKED} == {"skipped"}
    assert check["hint"]
    assert run.seconds < 5, "a broker of one URL must not take a run longer"
    for secret in (PASSWORD, "canary"):
        assert secret not in run.out + run.err
    return check


def _ports(server: Redis | RabbitMQ, port: int) -> Callable[[str], str]:
    return lambda url: url.replace(f":{server.port}/", f":{port}/")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), "missing"),
        (lambda url: url.replace("canary-", "wrong-canary-77"), "auth"),
    ],
    ids=["host", "password"],
)
def test_a_wrong_url(project: Project, change: Callable[[str], str], kind: str) -> None:
    _fails(project.json(CELERY_BROKER_URL=change(project.place.url)), kind)


def test_nobody_listens(project: Project) -> None:
    port = free_port()
    check = _fails(project.json(CELERY_BROKER_URL=_ports(project.place.server, port)(project.place.url)), "refused")
    assert f"127.0.0.1:{port}" in check["summary"]


def test_a_port_that_says_nothing(project: Project) -> None:
    silent = Silent()
    url = _ports(project.place.server, silent.port)(project.place.url)
    _fails(project.json(CELERY_BROKER_URL=url), "timeout")
    silent.close()


def test_a_broker_that_hangs(project: Project) -> None:
    server = project.place.server
    server.freeze()
    try:
        run = project.json()
    finally:
        server.thaw()
        wait_until(server.ready, "an answer")
    _fails(run, "timeout")


def test_a_database_number_that_does_not_exist(on_redis_project: Project) -> None:
    url = on_redis_project.place.url.rpartition("/")[0] + "/99"
    _fails(on_redis_project.json(CELERY_BROKER_URL=url), "misconfigured")


def test_a_vhost_that_does_not_exist(rabbitmq: RabbitMQ, shop: ShopFactory) -> None:
    url = rabbitmq.url.rpartition("/")[0] + "/nowhere"
    check = _fails(Project(shop, Place("rabbitmq", url, rabbitmq)).json(), "missing")
    assert "no such vhost" in check["summary"]


def test_a_scheme_that_nobody_knows(on_redis_project: Project) -> None:
    url = on_redis_project.place.url.replace("redis://", "nonsense://")
    run = on_redis_project.json(CELERY_BROKER_URL=url)
    check = _fails(run, "misconfigured", "unknown")
    assert run.code == 3
    assert "nonsense" in check["message"]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of the test's own, to be ill-treated."""
    yield from serve(Redis(tmp_path / "redis"))


def test_a_redis_that_takes_no_message(own_redis: Redis, shop: ShopFactory) -> None:
    project = Project(shop, Place("redis", own_redis.url(), own_redis))
    with own_redis.client() as client:
        client.set("big", "x" * 100_000)
        client.config_set("maxmemory", "1mb")
        with contextlib.suppress(ResponseError):
            for i in range(1000):
                client.set(f"key{i}", "x" * 1000)
        full = project.json()
        client.config_set("maxmemory", "0")
        client.replicaof("127.0.0.1", free_port())
        read_only = project.json()
    _fails(full, "full")
    _fails(read_only, "read-only")


@contextlib.contextmanager
def _alarm(server: RabbitMQ) -> Iterator[None]:
    """RabbitMQ thinks that its memory is used up."""
    server.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        yield
    finally:
        server.ctl("set_vm_memory_high_watermark", "0.4")


def test_a_rabbitmq_that_blocks_publishers(rabbitmq_place: Place, shop: ShopFactory) -> None:
    assert isinstance(rabbitmq_place.server, RabbitMQ)
    with _alarm(rabbitmq_place.server):
        run = Project(shop, rabbitmq_place).json()
    check = _fails(run, "full")
    assert "alarms" in check["hint"]
    assert Project(shop, rabbitmq_place).json(NAME).code == 0


def test_a_rabbitmq_account_that_may_not_configure(rabbitmq_place: Place, shop: ShopFactory) -> None:
    server, vhost = rabbitmq_place.server, rabbitmq_place.url.rpartition("/")[2]
    assert isinstance(server, RabbitMQ)
    server.ask("PUT", f"permissions/{vhost}/app", {"configure": "^celery.*", "write": ".*", "read": ".*"})
    run = Project(shop, rabbitmq_place).json(NAME)
    assert run.code == 0, run.out
    assert run.reasons(NAME)["roundtrip_time"].startswith("needs rights on health-cli.* and amq.default")


def test_one_of_several_is_down(project: Project) -> None:
    dead = _ports(project.place.server, free_port())(project.place.url)
    url = project.place.url
    for urls in (f"{dead};{url}", f"{url};{dead}"):
        run = project.json(CELERY_BROKER_URL=urls)
        check = run.checks[NAME]
        assert (check["status"], check["kind"]) == ("warning", "refused"), run.out
        assert check["summary"].startswith("one of several is down: refused at ")
        assert run.metrics(NAME)["roundtrip_time"] > 0
        assert run.checks["celery.workers"]["summary"] == "no worker online", "what needs it is run all the same"
        assert "canary" not in run.out


def test_all_of_several_are_down(on_redis_project: Project) -> None:
    silent = Silent()
    place = on_redis_project.place
    urls = [_ports(place.server, port)(place.url) for port in (silent.port, free_port())]
    _fails(on_redis_project.json(CELERY_BROKER_URL=";".join(urls)), "timeout")
    silent.close()


@pytest.mark.parametrize("words", [("-f", "table", "-vv"), ("-f", "json", "-vv"), ("-f", "nagios", "-vv")])
def test_no_format_tells_a_password(
    shop: ShopFactory, redis_server: Redis, rabbitmq: RabbitMQ, words: tuple[str, ...]
) -> None:
    redis = redis_server.url(5).replace("canary-", "wrong-canary-")
    amqp = rabbitmq.url.replace("canary-", "wrong-canary-")
    for url in (f"nonsense{redis.removeprefix('redis')}", f"{amqp};{redis}"):
        env = {"CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": redis}
        run = shop().health("run", "celery", *words, env=env)
        assert run.code in {2, 3}, run.out
        for secret in ("canary", "ss%2Fw0rd", "ss/w0rd"):
            assert secret not in run.out + run.err


def _package(folder: Path, text: str) -> None:
    (folder / "inside").mkdir()
    (folder / "inside" / "__init__.py").write_text("")
    (folder / "inside" / "celery.py").write_text(f"from celery import Celery\n\napp = Celery('inside')\n{text}\n")


@pytest.mark.parametrize("words", [("-f", "table", "-vv"), ("-f", "json", "-vv"), ("-f", "nagios", "-vv")])
def test_a_password_that_is_only_in_the_app_is_not_told(
    redis_server: Redis, shop: ShopFactory, tmp_path: Path, words: tuple[str, ...]
) -> None:
    url = redis_server.url(5).replace("canary-", "wrong-canary-")
    _package(tmp_path, f"app.conf.broker_url = {url!r}\napp.conf.result_backend = {url!r}")
    project = shop(setting={"CELERY_APP": "inside"})
    run = project.health("run", "celery", *words, env={"PYTHONPATH": str(tmp_path)})
    assert run.code == 2, run.out
    for secret in ("canary", "ss%2Fw0rd", "ss/w0rd"):
        assert secret not in run.out + run.err
