"""Brokers that a test has to itself, and workers that read from them."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.brokers import CeleryWorker, RabbitMQ
from tests.conftest import Run, ShopFactory, WorkerFactory
from tests.servers import Redis

BROKER_DB, RESULTS_DB, FLEET_DB = 5, 6, 7
BROKERS = ("redis", "rabbitmq")
VHOSTS = map("vhost-{}".format, itertools.count())  # never the same again: kombu keeps connections by their URL


@dataclass(frozen=True)
class Place:
    """A part of a broker that nobody else uses: a database of Redis, or a vhost of RabbitMQ."""

    kind: str
    url: str
    server: Redis | RabbitMQ
    setting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_redis(self) -> bool:
        return self.kind == "redis"


@dataclass(frozen=True)
class Project:
    """The example project with a broker: what its checks of Celery say."""

    shop: ShopFactory
    place: Place

    def json(self, *patterns: str, setting: Mapping[str, Any] | None = None, **env: str) -> Run:
        """Run checks of Celery; `env` goes to the project."""
        project = self.shop(setting={**self.place.setting, **(setting or {})} or {"TIMEOUT": 10})
        return project.json(*(patterns or ("celery",)), env={"CELERY_BROKER_URL": self.place.url, **env})


@contextlib.contextmanager
def on_redis(server: Redis, db: int) -> Iterator[Place]:
    """An empty database."""
    with server.client(db=db) as client:
        client.flushdb()
    yield Place("redis", server.url(db), server)


@contextlib.contextmanager
def on_rabbitmq(server: RabbitMQ) -> Iterator[Place]:
    """A vhost of its own, which is gone afterwards."""
    vhost = next(VHOSTS)
    server.ask("PUT", f"vhosts/{vhost}")
    server.ask("PUT", f"permissions/{vhost}/app", {"configure": ".*", "write": ".*", "read": ".*"})
    url = server.url.removesuffix("shop") + vhost
    try:
        yield Place("rabbitmq", url, server, {"RABBITMQ_MANAGEMENT": server.management})
    finally:
        server.ask("DELETE", f"vhosts/{vhost}")


@pytest.fixture
def redis_place(redis_server: Redis) -> Iterator[Place]:
    """A Redis broker of the test's own."""
    with on_redis(redis_server, BROKER_DB) as place:
        yield place


@pytest.fixture
def rabbitmq_place(rabbitmq: RabbitMQ) -> Iterator[Place]:
    """A RabbitMQ broker of the test's own."""
    with on_rabbitmq(rabbitmq) as place:
        yield place


@pytest.fixture(params=BROKERS)
def place(request: pytest.FixtureRequest) -> Place:
    """A broker of the test's own: the test is done on Redis and on RabbitMQ."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def project(shop: ShopFactory, place: Place) -> Project:
    """The example project with that broker."""
    return Project(shop, place)


@pytest.fixture
def on_redis_project(shop: ShopFactory, redis_place: Place) -> Project:
    """The example project with a broker on Redis."""
    return Project(shop, redis_place)


@pytest.fixture
def results(redis_server: Redis) -> str:
    """The URL of an empty result backend on Redis."""
    with redis_server.client(db=RESULTS_DB) as client:
        client.flushdb()
    return redis_server.url(RESULTS_DB)


@dataclass(frozen=True)
class Fleet:
    """Three workers of different pools, which all read `orders`, and one of them `emails` too."""

    place: Place
    workers: Mapping[str, CeleryWorker]

    def thaw(self) -> None:
        for worker in self.workers.values():
            worker.thaw()


@pytest.fixture(scope="session", params=BROKERS)
def shared_fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Workers that all tests share, since each takes a second to start."""
    redis = request.param == "redis"
    server = request.getfixturevalue("redis_server" if redis else "rabbitmq")
    factory = WorkerFactory(tmp_path_factory.mktemp("fleet"))
    with on_redis(server, FLEET_DB) if redis else on_rabbitmq(server) as place:
        try:
            workers = {
                pool: factory(place.url, pool=pool, concurrency=2, name=pool, queues=queues, wait=False)
                for pool, queues in (("prefork", ["orders", "emails"]), ("threads", ["orders"]), ("solo", ["orders"]))
            }
            for worker in workers.values():
                worker.wait()
            yield Fleet(place, workers)
        finally:
            factory.end()


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Iterator[Fleet]:
    """The shared workers; whoever freezes some, they are thawed afterwards."""
    try:
        yield shared_fleet
    finally:
        shared_fleet.thaw()
