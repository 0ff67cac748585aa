"""What our logging handler counts, in several processes, and what happens without its Redis."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checks.api.conftest import Project
from tests.servers import Redis, wait_until

LOGGING = {
    "version": 1,
    "handlers": {"health": {"class": "health_cli.log_handler.CountingHandler", "log": "app"}},
    "root": {"handlers": ["health"], "level": "INFO"},
}


class Logger(Project):
    """A project that logs to our handler."""

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "API_LOGGING": json.dumps(LOGGING)}

    def log(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code in a process of the project."""
        head = "import django, logging, os, time; django.setup(); log = logging.getLogger('shop')"
        words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", f"{head}\n{code}"]  # of forks with threads
        env = {"PATH": "/usr/bin:/bin", **self.env}
        return subprocess.run(words, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "redis")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def app(tmp_path: Path, redis: Redis) -> Logger:
    return Logger(tmp_path, {"default": redis.settings()}, {})


def test_what_several_processes_log_is_counted(app: Logger) -> None:
    code = """
for number in range(3):
    log.error("order %d failed for %s", number, "password=hunter2")
log.warning("slow"); log.info("fine"); log.debug("no")
try:
    {}["paid"]
except KeyError:
    log.critical("it broke", exc_info=True)
if os.fork():
    os.wait()
else:
    log.error("in a child")
"""
    for _ in range(2):
        assert app.log(code).stderr == ""
    run = app.probe("logs")
    found = run.checks["logs:app"]
    assert (found["status"], found["summary"]) == ("healthy", "2 critical, 8 errors in 60 s")
    assert run.metrics("logs:app")["warnings"] == 2
    first, second, *_ = found["data"]["messages"]
    assert (first["count"], first["logger"], first["message"]) == (2, "shop", "it broke\nKeyError: 'paid'")
    assert (second["count"], second["message"]) == (6, "order 2 failed for password=***")
    assert "hunter2" not in run.out


def test_a_process_that_lives_writes_by_itself(app: Logger) -> None:
    code = "log.error('x')\nfor _ in range(100): time.sleep(0.1)"
    with subprocess.Popen(
        [sys.executable, "-c", f"import django, logging, time; django.setup(); log = logging.getLogger('a')\n{code}"],
        env={"PATH": "/usr/bin:/bin", **app.env},
    ) as process:
        wait_until(lambda: app.probe("logs").metrics("logs:app")["errors"] == 1, "what it has logged", 20)
        process.kill()


@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_logging_waits_for_no_redis(app: Logger, redis: Redis, how: str) -> None:
    getattr(redis, how)()
    began = time.monotonic()
    done = app.log("began = time.monotonic()\nfor _ in range(1000): log.error('x')\nprint(time.monotonic() - began)")
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) < 1
    assert time.monotonic() - began < 8
    run = app.probe("logs")
    assert run.checks["logs:app"]["status"] == "critical"


def test_nothing_counted_so_far_is_no_good_news(app: Logger) -> None:
    run = app.probe("logs")
    found = run.checks["logs:app"]
    assert (run.code, found["status"], found["summary"]) == (3, "skipped", "nothing counted so far")


def test_new_messages_are_named_however_many_old_ones_there_were(app: Logger, redis: Redis) -> None:
    old = "import logging as l\nfor n in range(600): log.handle(l.LogRecord('a', 40, '', 1, 'x' * n, (), None))"
    app.log(f"{old}\nimport health_cli.checks.flushing as f")
    with redis.client(db=1) as client:
        (key,) = client.keys("health-cli:logs:*:texts:*")
        assert client.hlen(key) <= 500
        (minute, *_) = (key for key in client.keys("health-cli:logs:*") if key.rpartition(b":")[2].isdigit())
        assert client.hlen(minute) <= 502, "no field of a message that is not there"
        hour = int(key.rpartition(b":")[2])
        client.rename(key, key.replace(str(hour).encode(), str(hour - 1).encode()))  # as if that had been an hour ago
    app.log("for _ in range(50): log.critical('DATABASE IS CORRUPT')")
    run = app.probe("logs")
    assert run.metrics("logs:app")["critical"] == 50
    assert run.checks["logs:app"]["data"]["messages"][0]["message"] == "DATABASE IS CORRUPT"


def test_the_settings_secrets_are_masked_in_what_is_kept(app: Logger, redis: Redis) -> None:
    app.log("log.error('it says: %s', __import__('django.conf').conf.settings.SECRET_KEY)")
    with redis.client(db=1) as client:
        (key,) = client.keys("health-cli:logs:*:texts:*")
        (text,) = client.hvals(key)
    assert b"it says: ***" in text


def test_without_a_redis_the_check_says_so_and_logging_goes_on(tmp_path: Path) -> None:
    app = Logger(tmp_path, {}, {})
    assert app.log("log.error('x')").stderr == ""
    found: dict[str, Any] = app.probe("logs").checks["logs:app"]
    assert (found["status"], found["summary"]) == ("unknown", "no Redis to count in")


def test_many_messages_take_little_room(app: Logger, redis: Redis) -> None:
    words = "'abcdefghijklmnopqrstuvwxyz'"
    code = f"import itertools\nfor a, b in itertools.product({words}, repeat=2): log.error('m%s %s', a, b)"
    for _ in range(3):
        app.log(code)
    assert app.probe("logs").metrics("logs:app")["errors"] == 3 * 26**2
    with redis.client(db=1) as client:
        keys = client.keys("health-cli:logs:*")
        assert all(0 < client.ttl(key) <= 90_000 for key in keys)
        assert max(client.hlen(key) for key in keys if b":texts:" in key) <= 700
