"""deploy.settings and what is on request: who asks gets it, and nobody else."""

from typing import Any

import pytest

from tests.checks.made import KEY, Project

LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def test_a_project_that_is_fit_is_healthy(project: Project) -> None:
    found = project.look("deploy.settings")
    assert (found["status"], found["summary"], found["metrics"]) == ("healthy", "fit for production", {"problems": 0})


@pytest.mark.parametrize(
    ("settings", "status", "setting", "said"),
    [
        ({"DEBUG": True}, "critical", "DEBUG", "errors show code, settings and queries to everybody"),
        ({"SECRET_KEY": f"django-insecure-{KEY}"}, "critical", "SECRET_KEY", "that startproject has made"),
        ({"SECRET_KEY": "short"}, "warning", "SECRET_KEY", "fewer than 50 characters"),
        ({"SECRET_KEY": "ab" * 40}, "warning", "SECRET_KEY", "few different"),
        ({"SECRET_KEY_FALLBACKS": [KEY, "old"]}, "warning", "SECRET_KEY_FALLBACKS", "1 of SECRET_KEY_FALLBACKS"),
        ({"ALLOWED_HOSTS": []}, "critical", "ALLOWED_HOSTS", "every request is answered with 400"),
        ({"ALLOWED_HOSTS": ["*"]}, "warning", "ALLOWED_HOSTS", "takes any host"),
        ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, "warning", "EMAIL_BACKEND",
         "which sends nothing"),
        ({"MAILERS": {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}}, "warning", "MAILERS",
         "MAILERS['default'] is"),
        ({"CELERY_TASK_ALWAYS_EAGER": True}, "warning", "CELERY_TASK_ALWAYS_EAGER", "within the requests"),
        ({"CORS_ALLOW_ALL_ORIGINS": True}, "warning", "CORS_ALLOW_ALL_ORIGINS", "scripts of every site"),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.cache", "CACHES": LOCMEM}, "warning", "SESSION_ENGINE",
         "which no two processes share"),
        ({"INSTALLED_APPS": ["debug_toolbar"]}, "warning", "INSTALLED_APPS", "debug_toolbar"),
    ],
)  # fmt: skip
def test_a_setting_that_must_not_reach_production_is_told(
    project: Project, settings: dict[str, Any], status: str, setting: str, said: str
) -> None:
    found = project.set(**settings).look("deploy.settings")
    assert (found["status"], found["summary"], found["kind"]) == (status, setting, "misconfigured")
    assert said in found["message"] and found["hint"]
    assert found["metrics"] == {"problems": 1}
    assert KEY[:20] not in found["message"]


def test_what_is_meant_as_it_is_can_be_left_out(project: Project) -> None:
    options = {"OPTIONS": {"deploy.settings": {"ignore": ["ALLOWED_HOSTS"]}}}
    assert project.set(ALLOWED_HOSTS=["*"], HEALTH_CLI=options).look("deploy.settings")["status"] == "healthy"


@pytest.mark.parametrize(
    ("patterns", "setting", "has"),
    [((), {}, False), (("*settings",), {}, False), (("deploy",), {}, True), (("deploy.*",), {}, True),
     (("host.memory",), {"ALSO": ["deploy"]}, False), ((), {"ALSO": ["deploy"]}, True)],
)  # fmt: skip
def test_a_check_on_request_runs_for_who_asks(
    project: Project, patterns: tuple[str, ...], setting: dict[str, Any], has: bool
) -> None:
    project.set(HEALTH_CLI=setting)
    listed = project.health("list", *patterns, "-f", "json")
    assert ('"deploy.settings"' in listed.out) is has, listed.out + listed.err


def test_the_list_names_what_is_on_request(project: Project) -> None:
    text = " ".join(project.health("list").out.split())
    assert "On request: host.time, deploy.settings, deploy.version, deploy.migrations, deploy.checks, email" in text


def test_also_must_mean_a_check(project: Project) -> None:
    run = project.set(HEALTH_CLI={"ALSO": ["deplyo"]}).health("run", "-f", "json")
    assert run.code == 3
    assert "HEALTH_CLI['ALSO']: no check matches 'deplyo'; nearest: deploy" in run.checks["health.setup"]["message"]
