"""Fixtures: real servers, and the command line as a user would call it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import SHOP, CeleryWorker, RabbitMQ
from tests.forks import FORKS
from tests.servers import MariaDB, Memcached, PostgreSQL, Redis, Server

# The tests keep the machine busy: that is no news.
CALM = {"host.load/load15_per_cpu": {"warning": "~:", "critical": "~:"}}
HEALTH = str(Path(sys.executable).with_name("health"))

# Whoever started the tests in the background may have them ignore these; what they start must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(frozen=True)
class Run:
    """What one call of the command line gave."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """The report, where the format was json."""
        report: dict[str, Any] = json.loads(self.out)
        return report

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The checks of the report by name."""
        return {check["name"]: check for check in self.report["checks"]}

    def metrics(self, name: str) -> dict[str, Any]:
        """The values of a check's metrics by name."""
        return {metric["name"]: metric["value"] for metric in self.checks[name]["metrics"]}

    def reasons(self, name: str) -> dict[str, str]:
        """The reasons of a check's null metrics by name."""
        return {m["name"]: m["reason"] for m in self.checks[name]["metrics"] if m["value"] is None}


def health(
    *words: str, env: Mapping[str, str] | None = None, cwd: str | Path = "/", limit: float = 30, **how: Any
) -> Run:
    """Call `health` in an environment that has nothing but what is given."""
    began = time.monotonic()
    done = subprocess.run(
        [HEALTH, *words], env=_bare(env), cwd=cwd, capture_output=True, text=True, timeout=limit, check=False, **how
    )
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def forked(*words: str, env: Mapping[str, str] | None = None, cwd: str | Path = "/", limit: float = 30) -> Run:
    """Call `health` as above, in a process that is forked from one that has loaded the modules already."""
    began = time.monotonic()
    return Run(*FORKS.call({"words": words}, _bare(env), cwd, limit=limit), time.monotonic() - began)


def python(code: str, env: Mapping[str, str], given: str = "", cwd: str | Path = SHOP) -> str:
    """Run code in a project, forked as well; return what it prints."""
    code = f"import django\ndjango.setup()\n{code}"
    failed, out, err = FORKS.call({"code": code}, _bare(env), cwd, given, limit=60)
    assert not failed, err
    return out


def _bare(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return an environment of what is given, and what coverage needs to see subprocesses."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return {"PATH": "/usr/bin:/bin", **kept, **(env or {})}


@dataclass(frozen=True)
class Shop:
    """The example project, with servers of our choice."""

    state: Path
    databases: Mapping[str, Any]
    caches: Mapping[str, Any]
    setting: Mapping[str, Any]

    @property
    def env(self) -> dict[str, str]:
        """The environment that points the project to its servers."""
        return {
            "SHOP_STATE": str(self.state),
            "HEALTH_STATE_DIR": str(self.state / "record"),
            "SHOP_DATABASES": json.dumps(self.databases),
            "SHOP_CACHES": json.dumps(self.caches),
            "SHOP_HEALTH_CLI": json.dumps({"THRESHOLDS": CALM, **self.setting}),
        }

    def health(self, *words: str, env: Mapping[str, str] | None = None, limit: float = 30, fresh: bool = False) -> Run:
        """Call `health` for this project, from anywhere; in a fresh process where that could make a difference."""
        where = ("--settings", "shop.settings", "--chdir", str(SHOP))
        call = health if fresh else forked
        return call(*(words or ("run",)), *where, env={**self.env, **(env or {})}, limit=limit)

    def python(self, code: str, given: str = "") -> str:
        """Run code in the project; return what it prints."""
        return python(code, {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONPATH": str(SHOP), **self.env}, given)

    def json(self, *patterns: str, options: Sequence[str] = (), **how: Any) -> Run:
        """Run checks with the report as JSON."""
        return self.health("run", *patterns, "-f", "json", *options, **how)

    def manage(self, *words: str, env: Mapping[str, str] | None = None, **how: Any) -> Run:
        """Call the project's manage.py."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(SHOP / "manage.py"), *words],
            env={**_bare(env), **self.env}, capture_output=True, text=True, timeout=60, check=False, **how,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


class ShopFactory:
    """Makes example projects."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        databases: Mapping[str, Any] | None = None,
        caches: Mapping[str, Any] | None = None,
        setting: Mapping[str, Any] | None = None,
    ) -> Shop:
        return Shop(self._folder, databases or {}, caches or {}, setting or {})


@pytest.fixture
def shop(tmp_path: Path) -> ShopFactory:
    """Make an example project: `shop(databases, caches, setting)`; without servers it needs none."""
    return ShopFactory(tmp_path)


def serve(server: Server) -> Iterator[Any]:
    """Start a server, hand it out, and end it."""
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that all tests share; whoever freezes it thaws it."""
    yield from serve(MariaDB(tmp_path_factory.mktemp("mariadb")))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that all tests share."""
    yield from serve(Redis(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memcached]:
    """A Memcached that all tests share."""
    yield from serve(Memcached(tmp_path_factory.mktemp("memcached")))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL that all tests share.

    Its folder must be open to the user that it runs as; each session of pytest closes the one that is above them all.
    """
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        Path(folder).chmod(0o755)
        yield from serve(PostgreSQL(Path(folder) / "server"))


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ with its management API that all tests share; whoever freezes it thaws it."""
    often = "{collect_statistics_interval, 500}"  # milliseconds, where five seconds are usual
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), often, management=True)
    try:
        yield server.start()
    finally:
        server.kill()  # which spares us the five seconds that its management takes to end


class WorkerFactory:
    """Makes workers of the example project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: list[CeleryWorker] = []

    def __call__(self, broker_url: str, *options: str, wait: bool = True, **how: Any) -> CeleryWorker:
        worker = CeleryWorker(self._folder / f"worker-{len(self._workers)}", broker_url, *options, **how)
        self._workers.append(worker)
        return worker.start() if wait else worker.launch()

    def end(self) -> None:
        """End them all at the same time, with a few seconds for their tasks."""
        with contextlib.ExitStack() as ends:
            for worker in self._workers:
                ends.callback(worker.stop, limit=5)
                worker.terminate()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerFactory]:
    """Start workers: `worker(broker_url, pool="prefork", queues=["orders"], concurrency=2, name="w1")`."""
    factory = WorkerFactory(tmp_path)
    try:
        yield factory
    finally:
        factory.end()
