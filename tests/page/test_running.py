"""Run now: by a Celery worker that answers, else in the request; and never by a broker that hangs."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WorkerFactory
from tests.page.conftest import Site
from tests.page.test_access import PRELUDE, RUN
from tests.servers import Redis, Silent, wait_until

CLICK = f"""
import time
began = time.monotonic()
r = client("root").post({RUN!r}, headers={{"accept": "application/json"}})
show([r.status_code, r.json(), time.monotonic() - began])
"""
TRIGGERS = (
    "from health_cli.models import *\nprint(json.dumps(list(HealthRun.objects.values_list('trigger', flat=True))))"
)


@dataclass(frozen=True)
class WithBroker(Site):
    """A site with a broker."""

    broker: str = "memory://"

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "CELERY_BROKER_URL": self.broker}


def clicked(site: Site) -> Any:
    return site.ask(PRELUDE + CLICK)


def test_a_worker_that_answers_runs_them(tmp_path: Path, redis_server: Redis, worker: WorkerFactory) -> None:
    site = WithBroker(tmp_path, {}, {}, {}, broker=redis_server.url(7)).ready()
    worker(redis_server.url(7), env=site.env)
    status, said, _ = clicked(site)
    assert (status, said["state"]) == (202, "queued")
    wait_until(lambda: site.ask(TRIGGERS) == ["page"], "the run of the worker", limit=30)
    status, said, _ = clicked(site)
    assert status == 429
    assert "have just been run: wait" in said["error"]


def test_without_a_worker_the_request_runs_them(tmp_path: Path, redis_server: Redis) -> None:
    site = WithBroker(tmp_path, {}, {}, {"SKIP": ["celery"]}, broker=redis_server.url(8)).ready()
    status, said, took = clicked(site)
    host = socket.gethostname()
    assert (status, said) == (200, {"state": "done", "message": f"The checks have run on {host}.", "host": host})
    assert site.ask(TRIGGERS) == ["page"]
    assert took < 10


@pytest.mark.parametrize("how", ["silent", "refused"])
def test_a_broker_that_is_no_help_holds_nobody(tmp_path: Path, how: str) -> None:
    silent = Silent()
    port = silent.port if how == "silent" else 1
    try:
        site = WithBroker(tmp_path, {}, {}, {"SKIP": ["celery"]}, broker=f"redis://127.0.0.1:{port}/0").ready()
        status, said, took = clicked(site)
        assert (status, said["state"]) == (200, "done")
        assert took < 10
    finally:
        silent.close()


def test_beside_another_run_it_waits_for_that(site: Site) -> None:
    code = (
        PRELUDE
        + f"""
import os
from health_cli.history.place import Lock, Place, Project
place = Place.of(Project(), os.environ)
place.make()
lock = Lock(place.folder / "run.lock")
assert lock.take()
{CLICK}"""
    )
    status, said, _ = site.ask(code)
    assert (status, said["state"]) == (200, "refused")
    assert said["message"].startswith("Another run is under way")
    assert site.ask(TRIGGERS) == []


def test_what_could_not_be_recorded_is_said(site: Site) -> None:
    (site.state / "record").write_text("no folder")
    files = {alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(site.state / name)}
             for alias, name in (("default", "db.sqlite3"), ("own", "none"))}  # fmt: skip
    broken = Site(site.state, files, {}, {"RECORD_DATABASE": "own"})
    status, said, _ = clicked(broken)
    assert (status, said["state"]) == (200, "done")
    assert "could not be kept anywhere" in said["message"]
