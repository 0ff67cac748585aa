"""CACHE_KEY and HEARTBEAT: what an application and a job leave."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.checks.made import Project, with_check
from tests.conftest import health
from tests.servers import Redis


@pytest.fixture
def files(project: Project, tmp_path: Path) -> dict[str, Any]:
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    return {"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "cache"), "KEY_PREFIX": "shop"}}


def leave(project: Project, value: str, key: str = "backlog") -> None:
    project.manage(
        "shell", "-c", f"from django.core.cache import cache; import time; cache.set({key!r}, {value}, None)"
    )


def test_a_number_in_a_cache_is_judged(project: Project, files: dict[str, Any]) -> None:
    about = {"CACHE_KEY": "backlog", "unit": "orders", "critical": "500"}
    project.set(CACHES=files, HEALTH_CLI={"CHECKS": {"shop.backlog": about}})
    missing = project.look("shop.backlog")
    assert (missing["status"], missing["kind"], missing["summary"]) == ("unknown", "missing", "no number")
    leave(project, "501")
    found = project.look("shop.backlog")
    assert (found["status"], found["message"]) == ("critical", "value is 501 orders (critical above 500 orders)")
    leave(project, "'many'")
    lost = project.look("shop.backlog")["message"]
    assert lost == "The key 'backlog' in the cache 'default' is str, no number.", "a key is no secret"
    leave(project, "float('nan')")
    assert "is nan, no number" in project.look("shop.backlog")["message"]


def test_a_time_in_a_cache_is_an_age(project: Project, files: dict[str, Any]) -> None:
    about = {"CACHE_KEY": "seen", "timestamp": True, "critical": "1h"}
    project.set(CACHES=files, HEALTH_CLI={"CHECKS": {"shop.seen": about}})
    leave(project, "time.time() - 7200", "seen")
    found = project.look("shop.seen")
    assert found["status"] == "critical" and found["metrics"]["value"] == pytest.approx(7_200, abs=30)
    leave(project, "time.time() * 1000", "seen")
    assert (found := project.look("shop.seen"))["status"] == "unknown" and "of a time to come" in found["message"]


def test_a_cache_that_is_down_is_critical(project: Project, tmp_path: Path) -> None:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    project.set(CACHES={"default": cache}, HEALTH_CLI={"CHECKS": {"shop.x": {"CACHE_KEY": "x"}}})
    found = project.look("shop.x")
    assert (found["status"], found["summary"]) == ("critical", "cache not usable")


def test_a_job_that_beats_is_healthy_until_it_is_late(project: Project) -> None:
    with_check(project, "jobs.nightly", HEARTBEAT="26h")
    never = project.look("jobs.nightly")
    assert (never["status"], never["summary"]) == ("critical", "no beat")
    assert "beat%20jobs.nightly.json" in never["message"] and "health beat jobs.nightly" in never["hint"]
    assert "26 h (setting)" in project.health("list", "jobs").out or "26h" in project.health("list", "jobs").out
    done = project.health("beat", "jobs.nightly")
    assert (done.code, done.out, done.err) == (0, "", "")
    found = project.look("jobs.nightly")
    assert (found["status"], found["metrics"]["age"] < 30) == ("healthy", True)
    (kept,) = (project.folder / "state").glob("*/memory/*.json")
    kept.write_text(f'{{"at": {time.time() - 27 * 3_600}}}')
    assert project.look("jobs.nightly")["status"] == "critical"
    with_check(project, "jobs.nightly", HEARTBEAT="26h", warning="24h", critical="48h")
    assert project.look("jobs.nightly")["status"] == "warning"


def test_a_beat_in_a_cache_is_for_all_hosts_and_an_application_may_leave_it(project: Project, tmp_path: Path) -> None:
    redis = Redis(tmp_path / "redis").start()
    try:
        checks = {"CHECKS": {"jobs.nightly": {"HEARTBEAT": "26h", "cache": "default"}}}
        project.set(CACHES={"default": redis.settings()}, HEALTH_CLI=checks)
        assert project.look("jobs.nightly")["summary"] == "no beat"
        assert project.health("beat", "jobs.nightly", env={"HEALTH_STATE_DIR": str(tmp_path / "other")}).code == 0
        assert project.look("jobs.nightly")["status"] == "healthy"
        leave(project, "time.time() - 27 * 3600", "health-cli:beat:jobs.nightly")
        assert project.look("jobs.nightly")["status"] == "critical"
        for value in ("time.time() * 1000", "float('nan')", "float('inf')", "'yesterday'"):
            leave(project, value, "health-cli:beat:jobs.nightly")
            assert project.look("jobs.nightly")["status"] == "unknown", value
    finally:
        redis.stop()
    done = project.health("beat", "jobs.nightly")
    assert (done.code, "can't be used" in done.err) == (3, True)


def test_a_beat_that_nobody_waits_for_is_refused(project: Project) -> None:
    with_check(project, "jobs.nightly", HEARTBEAT="26h")
    done = project.health("beat", "jobs.nihgtly")
    assert done.code == 3
    assert "There is no HEARTBEAT 'jobs.nihgtly'; nearest: jobs.nightly. Those of CHECKS: jobs.nightly." in done.err


def test_a_beat_without_a_project_says_what_is_missing() -> None:
    done = health("beat", "jobs.nightly")
    assert (done.code, "--chdir" in done.err) == (3, True), done.err


def test_a_beat_that_can_not_be_kept_says_so(project: Project, tmp_path: Path) -> None:
    with_check(project, "jobs.nightly", HEARTBEAT="26h")
    (tmp_path / "file").write_text("")
    done = project.health("beat", "jobs.nightly", env={"HEALTH_STATE_DIR": str(tmp_path / "file")})
    assert (done.code, "The beat can't be kept" in done.err) == (3, True)
