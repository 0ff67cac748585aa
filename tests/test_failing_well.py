"""The first five ways in which a stack fails, on real servers, in every format."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Run, Shop, ShopFactory
from tests.servers import PASSWORD, MariaDB, Redis, Server, wait_until

WRONG = "wrong-canary-77"
LIMIT = 10 + 0.3


@dataclass
class Stack:
    """A MariaDB and a Redis of this module's own."""

    mariadb: MariaDB
    redis: Redis


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both servers, to be stopped and frozen."""
    servers = Stack(MariaDB(tmp_path_factory.mktemp("mariadb")), Redis(tmp_path_factory.mktemp("redis")))
    try:
        servers.mariadb.start()
        servers.redis.start()
        yield servers
    finally:
        servers.mariadb.stop()
        servers.redis.stop()


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server is down."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server is there and does nothing."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()
        wait_until(server.ready, "an answer")


@contextmanager
def untouched() -> Iterator[None]:
    """All is well."""
    yield


@dataclass(frozen=True)
class Case:
    """What is done to the stack, and what must be said of it."""

    trouble: Callable[[Stack], AbstractContextManager[None]]
    check: str
    kind: str
    hint: str
    within: float
    password: str = PASSWORD


CASES = {
    "mariadb-stopped": Case(lambda s: stopped(s.mariadb), "database:default", "refused", "server running", 2.0),
    "mariadb-frozen": Case(lambda s: frozen(s.mariadb), "database:default", "timeout", "", 5.5),
    "mariadb-password": Case(lambda s: untouched(), "database:default", "auth", "PASSWORD", 2.0, WRONG),
    "redis-stopped": Case(lambda s: stopped(s.redis), "cache:default", "refused", "running there", 2.0),
    "redis-frozen": Case(lambda s: frozen(s.redis), "cache:default", "timeout", "hangs", 5.5),
}


def shop_of(stack: Stack, shop: ShopFactory, case: Case) -> Shop:
    """The example project on these servers."""
    return shop(
        {"default": stack.mariadb.settings(PASSWORD=case.password)},
        {"default": stack.redis.settings()},
        {"SKIP": ["shop"], "TIMEOUT": 10},
    )


@pytest.mark.parametrize("name", CASES)
def test_says_what_fails_in_every_format(stack: Stack, shop: ShopFactory, name: str) -> None:
    case = CASES[name]
    project = shop_of(stack, shop, case)
    with case.trouble(stack):
        runs = {form: project.health("run", "-f", form, "-vv") for form in ("table", "json", "nagios")}
    for run in runs.values():
        assert run.code == 2, run.out + run.err
        assert run.seconds < min(LIMIT, case.within + 1.0), "its own limit and Python's start"
        assert run.err == ""
        no_secret(run)
    judge_json(runs["json"], case)
    judge_table(runs["table"], case)
    judge_nagios(runs["nagios"], case)
    assert probe_keys(stack) == set()
    wait_until(lambda: connections(stack) == 0, "no connection left behind", limit=5)


def judge_json(run: Run, case: Case) -> None:
    """The kind, the hint, and every other check healthy."""
    report = json.loads(run.out)
    bad = [check for check in report["checks"] if check["status"] != "healthy"]
    assert [check["name"] for check in bad] == [case.check]
    assert (bad[0]["status"], bad[0]["kind"]) == ("critical", case.kind)
    assert case.hint in bad[0]["hint"] and bad[0]["hint"]
    assert bad[0]["message"] and bad[0]["summary"]
    assert all(metric["value"] is None and metric["reason"] for metric in bad[0]["metrics"])


def judge_table(run: Run, case: Case) -> None:
    """The failing check comes first, with its hint below."""
    assert run.out.startswith("CRITICAL  1 critical, ")
    rows = run.out.splitlines()[2:]
    assert rows[0].startswith(f"critical  {case.check}")
    assert any(row.strip().startswith("-> ") for row in rows)


def judge_nagios(run: Run, case: Case) -> None:
    """One status line with the failing check, and the other checks' performance data."""
    first, *rest = run.out.splitlines()
    assert re.match(rf"HEALTH CRITICAL - {case.check} .* \(1 critical, \d healthy\) \| ", first)
    assert "host_memory_used_percent=" in first
    assert rest[0].startswith(f"[CRITICAL] {case.check}: ")
    assert all("|" not in line for line in rest)


def no_secret(run: Run) -> None:
    """No part of a password in any form."""
    for secret in (PASSWORD, WRONG, "canary"):
        assert secret not in run.out + run.err


def probe_keys(stack: Stack) -> set[Any]:
    """The probe's keys that are still in Redis."""
    with stack.redis.client(db=1) as client:
        return set(client.scan_iter("health-cli*"))


def connections(stack: Stack) -> int:
    """The connections of the application's account."""
    count: int = stack.mariadb.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'")[0][0]
    return count


@pytest.mark.parametrize("name", CASES)
def test_no_traceback_unless_asked_for(stack: Stack, shop: ShopFactory, name: str) -> None:
    case = CASES[name]
    with case.trouble(stack):
        run = shop_of(stack, shop, case).health("run", case.check, "-f", "table", "-v")
    assert "Traceback" not in run.out and 'File "' not in run.out
    assert run.code == 2


def test_both_frozen_take_no_longer_than_one(stack: Stack, shop: ShopFactory) -> None:
    project = shop_of(stack, shop, CASES["mariadb-frozen"])
    with frozen(stack.mariadb), frozen(stack.redis):
        began = time.monotonic()
        run = project.json("database", "cache")
        took = time.monotonic() - began
    assert {check["kind"] for check in run.checks.values()} == {"timeout"}
    assert took < 5.5 + 1


def test_the_run_deadline_cuts_frozen_servers_off(stack: Stack, shop: ShopFactory) -> None:
    project = shop_of(stack, shop, CASES["mariadb-frozen"])
    with frozen(stack.mariadb), frozen(stack.redis):
        run = project.json(options=("-t", "1.5"))
    kinds = {name: check["kind"] for name, check in run.checks.items() if check["status"] != "healthy"}
    assert kinds == {"database:default": "unfinished", "cache:default": "unfinished"}, run.out
    assert run.code == 3
    assert run.seconds < 1.5 + 0.3 + 0.3, "the last part is for Python's start"
