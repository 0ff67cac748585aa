"""Fixtures: a small API under a real gunicorn, with a Redis of its own, and a probe that looks at it."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import ROOT
from tests.conftest import Run, forked, python
from tests.servers import Redis, Server, wait_until

WSGI = "django.core.wsgi:get_wsgi_application()"
ASGI = "django.core.asgi:get_asgi_application()"


@dataclass(frozen=True)
class Project:
    """The API's settings, by the environment."""

    folder: Path
    caches: Mapping[str, Any]
    setting: Mapping[str, Any]
    apps: tuple[str, ...] = ()
    databases: Mapping[str, Any] = field(default_factory=dict)
    middleware: tuple[str, ...] = ("health_cli.middleware.ApiStatistics",)

    @property
    def env(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.checks.api.project",
            "PYTHONPATH": str(ROOT),
            "HEALTH_STATE_DIR": str(self.folder / "state"),
            "API_CACHES": json.dumps(self.caches),
            "API_HEALTH_CLI": json.dumps(self.setting),
            "API_APPS": json.dumps(self.apps),
            "API_DATABASES": json.dumps(self.databases),
            "API_MIDDLEWARE": json.dumps(self.middleware),
        }

    def python(self, code: str) -> str:
        """Run code in the project, and return what it prints."""
        return python(code, self.env)

    def probe(self, *words: str, env: Mapping[str, str] | None = None) -> Run:
        """Run the checks of the API, and return the report."""
        return forked("run", *(words or ("api",)), "-f", "json", env={**self.env, **(env or {})})


class Gunicorn(Server):
    """The API as it is served, by two processes."""

    def __init__(self, project: Project, *options: str, app: str = WSGI) -> None:
        super().__init__(project.folder / "gunicorn")
        self.project, self.options, self.app = project, options, app

    def command(self) -> list[str]:
        program = str(Path(sys.executable).with_name("gunicorn"))
        where = ["-b", f"127.0.0.1:{self.port}", "--no-control-socket"]
        return [program, "-w", "2", *where, *self.options, self.app]

    def how(self) -> dict[str, Any]:
        return {"env": {"PATH": os.environ["PATH"], **self.project.env}}

    def ready(self) -> object:
        return self.get("/status/204/") == 204

    def get(self, path: str, method: str = "GET", **headers: str) -> int:
        """Ask, and return the status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


Serve = Callable[..., Gunicorn]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that may be killed and frozen."""
    server = Redis(tmp_path / "redis")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve the API: `serve(caches, setting, apps=..., app=ASGI)`."""
    made: list[Gunicorn] = []

    def served(caches: Mapping[str, Any], setting: Mapping[str, Any] | None = None, **how: Any) -> Gunicorn:
        project = Project(tmp_path, caches, setting or {}, how.pop("apps", ()))
        made.append(Gunicorn(how.pop("project", project), *how.pop("options", ()), **how))
        return made[-1].start()

    yield served
    for server in made:
        server.stop()


def counted(project: Project, requests: int, limit: float = 15) -> Run:
    """Wait until so many requests have been counted, and return what the probe says then."""
    found: list[Run] = []

    def there() -> bool:
        time.sleep(0.2)  # what was asked is written once in a while
        found[:] = [project.probe()]
        value = found[0].metrics("api.traffic")["requests_24h"]
        assert (value or 0) <= requests, found[0].out
        return bool(value == requests)

    wait_until(there, f"{requests} requests in the statistics", limit)
    return found[0]


def now() -> float:
    return time.monotonic()
