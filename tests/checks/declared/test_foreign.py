"""DJANGO_HEALTH_CHECK in CHECKS: real classes of django-health-check, and classes derived from its base."""

from typing import Any

import pytest

from tests.checks.made import Project

OWN = """
from dataclasses import dataclass
from functools import wraps
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

@dataclass
class Sync(HealthCheck):
    how: str = "well"
    def run(self):
        match self.how:
            case "warn": raise ServiceWarning("rather slow")
            case "down": raise ServiceUnavailable("the service is away")
            case "crash": return 1 / 0

@dataclass
class Async(Sync):
    async def run(self):
        Sync.run(self)

def wrapped(method):
    @wraps(method)
    def call(*words):
        return method(*words)
    return call

@dataclass
class Wrapped(Sync):
    @wrapped
    async def run(self):
        Sync.run(self)

class Old:
    def check_status(self): pass
"""


@pytest.fixture
def site(project: Project) -> Project:
    return project.write("own.py", OWN)


def look(project: Project, path: str, caches: Any = None, **options: Any) -> dict[str, Any]:
    checks = {"CHECKS": {"old.x": {"DJANGO_HEALTH_CHECK": path, "options": options}}}
    more = {"CACHES": caches} if caches else {}
    return project.set(HEALTH_CLI=checks, **more).look("old.x")


@pytest.mark.parametrize("kind", ["Sync", "Async", "Wrapped"])
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [("well", "healthy", "OK"), ("warn", "warning", "ServiceWarning: rather slow"),
     ("down", "critical", "ServiceUnavailable: the service is away"), ("crash", "unknown", "ZeroDivisionError")],
)  # fmt: skip
def test_its_verdicts_are_ours(site: Project, kind: str, how: str, status: str, said: str) -> None:
    found = look(site, f"own.{kind}", how=how)
    assert (found["status"], said in found["message"]) == (status, True), found["message"]
    assert how == "crash" or found["data"]["labels"]["how"] == how


def test_its_own_checks_run(site: Project) -> None:
    site.folder.joinpath("site.sqlite3").touch()
    assert look(site, "health_check.Database")["status"] == "healthy"
    down = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}
    assert look(site, "health_check.Cache", down)["status"] == "critical"
    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert look(site, "health_check.Cache", memory)["status"] == "healthy"


@pytest.mark.parametrize(
    ("path", "said"),
    [("health_check.NoSuchCheck", "can't be made: ImportError"), ("own.Old", "has no run()"),
     ("own.Sync.nothing", "can't be made")],
)  # fmt: skip
def test_what_is_no_check_says_so(site: Project, path: str, said: str) -> None:
    found = look(site, path)
    assert (found["status"], found["kind"], said in found["message"]) == ("unknown", "misconfigured", True), found
    assert found["hint"]
