"""One round of questions: what a worker said, and that nothing is left behind."""

from typing import Any

import pytest

from health_cli.checks.celery.survey import Node
from health_cli.checks.celery.survey_client import node_of
from tests.brokers import RabbitMQ, sender
from tests.checks.celery.conftest import Fleet, Project
from tests.conftest import ShopFactory
from tests.servers import Redis, wait_until

NOW = 1_000.0
POOLS = {
    "prefork": "celery.concurrency.prefork:TaskPool",
    "solo": "celery.concurrency.solo:TaskPool",
    "thread": "celery.concurrency.thread:TaskPool",
}


@pytest.mark.parametrize(
    ("said", "offset", "expected"),
    [
        ({}, None, {}),
        ({"stats": None, "active": None}, None, {}),
        ({"stats": {"error": "boom"}, "active": {"error": "boom"}, "active_queues": {"error": "boom"}}, None, {}),
        ({"active": [], "reserved": [], "scheduled": []}, None, {"active": 0, "reserved": 0, "scheduled": 0}),
        ({"active": [{"time_start": 990.0}, {"time_start": 970.0}]}, None, {"active": 2, "oldest_active": 30.0}),
        ({"active": [{"time_start": None}]}, None, {"active": 1}),
        # By the worker's clock, a minute ahead of ours, it began ten seconds ago.
        ({"active": [{"time_start": 1_050.0}]}, 60.0, {"active": 1, "oldest_active": 10.0, "clock_offset": 60.0}),
        ({"active": [{"time_start": 1_001.0}]}, None, {"active": 1, "oldest_active": 0.0}),
        ({"active_queues": [{"name": "b"}, {"name": "a"}]}, None, {"queues": ("a", "b")}),
        ({"active_queues": []}, None, {"queues": ()}),
        (
            {"stats": {"uptime": 5, "pool": {"implementation": POOLS["prefork"], "max-concurrency": 2,
                                             "processes": [1, 2]}}},
            None,
            {"pool": "prefork", "slots": 2, "processes": 2, "uptime": 5},
        ),
        (
            {"stats": {"pool": {"implementation": POOLS["thread"], "max-concurrency": 4, "threads": 0}}},
            None,
            {"pool": "thread", "slots": 4},
        ),
    ],
)  # fmt: skip
def test_a_worker_from_what_it_said(said: dict[str, Any], offset: float | None, expected: dict[str, Any]) -> None:
    assert node_of("w1@a", said, offset, NOW) == Node(name="w1@a", **expected)


def test_a_row_has_only_what_is_known() -> None:
    assert Node(name="a").to_json() == {"name": "a", "response_time": 0.0, "replies": 1, "autoscaled": False}
    row = Node(name="a", response_time=0.1234567, active=0, queues=(), children={"1": "dead"}).to_json()
    assert row == {
        "name": "a", "response_time": 0.123457, "replies": 1, "active": 0, "queues": (), "children": {"1": "dead"},
        "autoscaled": False,
    }  # fmt: skip


def _clients(server: Redis) -> set[str]:
    with server.client() as client:
        return {row["id"] for row in client.client_list() if row["addr"] != _own(client)}


def _own(client: Any) -> str:
    return str(client.client_info()["addr"])


def _keys(server: Redis) -> dict[str, Any]:
    """Return every key of every database but the zset that kombu uses to clean up after itself."""
    found = {}
    for db in range(16):
        with server.client(db=db) as client:
            found |= {f"{db}/{key.decode()}": client.type(key) for key in client.scan_iter()}
    return {name: kind for name, kind in found.items() if not name.endswith("/_kombu.binding_deadlines")}


def test_nothing_is_left_in_redis(fleet: Fleet, shop: ShopFactory, results: str) -> None:
    if not fleet.place.is_redis:
        return
    server = fleet.place.server
    assert isinstance(server, Redis)
    Project(shop, fleet.place).json()  # for their first answer the workers open connections of their own
    keys, clients = _keys(server), _clients(server)
    members = _members(server, keys)
    run = Project(shop, fleet.place).json(CELERY_RESULT_BACKEND=results)
    assert run.code == 0, run.out
    assert run.metrics("celery.results")["roundtrip_time"] > 0
    assert (_keys(server), _members(server, keys)) == (keys, members)
    wait_until(lambda: not _clients(server) - clients, "the end of our connections", limit=5)


def _members(server: Redis, keys: dict[str, Any]) -> dict[str, Any]:
    """Return who is bound to which exchange."""
    found = {}
    for name in keys:
        db, _, key = name.partition("/")
        if key.startswith("_kombu.binding."):
            with server.client(db=int(db)) as client:
                found[name] = client.smembers(key)
    return found


def test_nothing_is_left_in_rabbitmq(fleet: Fleet, shop: ShopFactory) -> None:
    if fleet.place.is_redis:
        return
    server, vhost = fleet.place.server, fleet.place.url.rpartition("/")[2]
    assert isinstance(server, RabbitMQ)

    def names(what: str) -> list[str]:
        return sorted(row["name"] for row in server.ask("GET", f"{what}/{vhost}?columns=name"))

    def connections() -> int:
        return int(server.ctl("eval", "length(rabbit_networking:local_connections()).").strip())

    Project(shop, fleet.place).json()  # for their first answer the workers declare exchanges of their own
    before = names("queues"), names("exchanges"), connections()
    assert Project(shop, fleet.place).json().code == 0
    assert (names("queues"), names("exchanges")) == before[:2]
    wait_until(lambda: connections() == before[2], "the end of our connections", limit=5)


def test_a_run_does_not_eat_the_replies_of_others(fleet: Fleet, shop: ShopFactory) -> None:
    assert Project(shop, fleet.place).json().code == 0
    with sender(fleet.place.url) as app:
        assert len(app.control.ping(timeout=5, limit=3)) == 3


def test_no_worker_complains_about_being_asked(fleet: Fleet, shop: ShopFactory) -> None:
    assert Project(shop, fleet.place).json().code == 0
    assert not [line for worker in fleet.workers.values() for line in worker.output.splitlines() if "ERROR" in line]
