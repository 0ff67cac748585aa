"""From a project to the checks of its Celery: the app, found without importing its tasks, and its queues."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Queue

from health_cli.config.celery import _routed, celery, find_app, packages_of, problem_of, queues_of
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.status import Status
from tests.conftest import Run, health

URL = "redis://127.0.0.1:1/0"  # where nobody is


@pytest.mark.parametrize(
    ("conf", "queues"),
    [
        ({}, ["celery"]),
        ({"task_default_queue": "main"}, ["main"]),
        ({"task_queues": [Queue("a"), "b"]}, ["celery", "a", "b"]),
        ({"task_queues": {"a": {"exchange": "a"}}}, ["celery", "a"]),
        ({"task_routes": {"x": {"queue": "a"}, "y": "b", "z": {"routing_key": "k"}}}, ["celery", "a", "b"]),
        ({"beat_schedule": {"x": {"task": "t", "options": {"queue": "a", "expires": 5}}}}, ["celery", "a"]),
        ({"beat_schedule": {"x": {"task": "t"}, "y": {"task": "t", "options": {"expires": 5}}}}, ["celery"]),
        ({"beat_schedule": None, "task_routes": None, "task_queues": None}, ["celery"]),
        ({"beat_schedule": "none of ours", "task_routes": "a.b.Router"}, ["celery"]),
    ],
)
def test_queues_of_a_configuration(conf: dict[str, Any], queues: list[str]) -> None:
    assert list(queues_of(conf)) == queues


@pytest.mark.parametrize(
    ("routes", "queues"),
    [
        (None, []),
        ("a.b.Router", []),
        (lambda name, *_: {"queue": name}, []),
        ({}, []),
        ({"x": {"queue": Queue("a")}}, ["a"]),
        ([{"x": {"queue": "a"}}, {"y": "b"}], ["a", "b"]),
        ([("x", {"queue": "a"}), ("y", "b")], ["a", "b"]),
        (([("x.*", {"queue": "a", "routing_key": "k"})],), ["a"]),
        ([(re.compile("x"), {"queue": "a", "routing_key": "k", "priority": 5})], ["a"]),
        ({re.compile("x"): {"queue": "a", "routing_key": "k"}}, ["a"]),
        (["a.b.Router", lambda name, *_: None, {"x": {"queue": "a"}}], ["a"]),
    ],
)
def test_queues_of_routes(routes: Any, queues: list[str]) -> None:
    assert list(_routed(routes)) == queues


@pytest.mark.parametrize(
    ("name", "everything", "packages"),
    [
        ("shop.settings", {}, ["shop"]),
        ("shop.settings.production", {"ROOT_URLCONF": "shop.urls"}, ["shop"]),
        ("settings", {"ROOT_URLCONF": "shop.urls", "WSGI_APPLICATION": "web.wsgi.application"}, ["shop", "web"]),
        ("conf.settings", {"ROOT_URLCONF": "urls", "WSGI_APPLICATION": None}, ["conf"]),
        (EMBEDDED, {}, []),
        ("settings.configure()", {}, ["settings"]),
    ],
)
def test_packages_in_which_an_app_may_be(name: str, everything: dict[str, Any], packages: list[str]) -> None:
    assert packages_of(Source(name=name, everything=everything)) == packages


# Small projects, written for the occasion.

APP = "from celery import Celery\n\n{name} = Celery('{package}', set_as_current=False)\n"


class Packages:
    """Writes packages that can be imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, **files: str) -> None:
        """Write `package__module="text"`, with an empty __init__ where there is none."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/", 1) + ".py" if "__" in name else f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            if path.parent != self.folder and not (path.parent / "__init__.py").exists():
                (path.parent / "__init__.py").write_text("")
            path.write_text(text)

    def init(self, package: str, text: str) -> None:
        """Write the __init__ of a package."""
        (self.folder / package).mkdir(exist_ok=True)
        (self.folder / package / "__init__.py").write_text(text)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Packages that are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Packages(tmp_path)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


SOURCE = Source(name="pkg.settings")


def test_celery_app_of_the_package_comes_first(packages: Packages) -> None:
    packages(pkg__main=APP.format(name="app", package="right"), pkg__celery=APP.format(name="app", package="wrong"))
    packages.init("pkg", "from pkg.main import app as celery_app")
    assert find_app(SOURCE).main == "right"


@pytest.mark.parametrize("module", ["celery", "celery_app", "celeryapp"])
@pytest.mark.parametrize("name", ["app", "celery"])
def test_the_module_of_an_app_by_custom(packages: Packages, module: str, name: str) -> None:
    packages(**{f"pkg__{module}": APP.format(name=name, package="right")})
    assert find_app(SOURCE).main == "right"


def test_a_module_named_celery_app_is_no_app(packages: Packages) -> None:
    packages(pkg__celery_app=APP.format(name="app", package="right"))
    packages.init("pkg", "from pkg import celery_app")
    assert find_app(SOURCE).main == "right"


def test_a_top_level_settings_module_leads_to_the_package_of_the_urls(packages: Packages) -> None:
    packages(settings_of_it="", pkg__celery=APP.format(name="app", package="right"))
    assert find_app(Source(name="settings_of_it", everything={"ROOT_URLCONF": "pkg.urls"})).main == "right"


@pytest.mark.parametrize("given", ["other.apps:jobs", "other:jobs", "other.apps.jobs"])
def test_the_setting_names_it(packages: Packages, given: str) -> None:
    packages(other__apps=APP.format(name="jobs", package="right"), pkg__celery=APP.format(name="app", package="wrong"))
    packages.init("other", "from other.apps import jobs")
    assert find_app(SOURCE, given).main == "right"


def test_the_setting_names_the_package(packages: Packages) -> None:
    packages(other__celery=APP.format(name="app", package="right"))
    assert find_app(SOURCE, "other").main == "right"


@pytest.mark.parametrize("given", ["nowhere", "pkg.celery:nothing", "pkg:nothing"])
def test_the_setting_names_nothing(packages: Packages, given: str) -> None:
    packages(pkg__celery=APP.format(name="app", package="pkg"))
    crash = attempt(lambda: find_app(SOURCE, given))
    assert isinstance(crash, Crash)
    failure = problem_of(crash)
    assert (failure.kind, failure.status) == (Kind.MISCONFIGURED, Status.UNKNOWN)


def test_without_a_trace_of_celery_there_is_no_check(packages: Packages) -> None:
    packages(pkg__settings="")
    assert find_app(SOURCE) is None
    assert list(celery(SOURCE, HealthSetting())) == []
    assert list(celery(Source(name=EMBEDDED), HealthSetting())) == []


def test_an_app_of_our_own_where_there_is_a_broker_alone() -> None:
    source = Source(name=EMBEDDED, everything={"CELERY_BROKER_URL": URL, "CELERY_RESULT_BACKEND": "rpc://"})
    app = find_app(source)
    assert (app.conf.broker_url, app.conf.result_backend) == (URL, "rpc://")
    names = [check.name for check in celery(source, HealthSetting())]
    assert names == [
        "celery.broker", "celery.workers", "celery.queue:celery", "celery.canary:celery", "celery.failures",
        "celery.results",
    ]  # fmt: skip


def test_celery_that_is_not_installed_is_told_from_a_broken_app(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages(pkg__celery=APP.format(name="app", package="pkg"), lacks__celery="import nothing_like_this")
    lacking = attempt(lambda: find_app(Source(name="lacks.settings")))
    monkeypatch.setitem(sys.modules, "celery", None)
    absent = attempt(lambda: find_app(SOURCE))
    assert isinstance(lacking, Crash)
    assert isinstance(absent, Crash)
    assert problem_of(absent).summary == "celery not installed"
    assert "health-cli[celery]" in problem_of(absent).hint
    assert problem_of(lacking).summary == "app not loaded: ModuleNotFoundError"
    assert "nothing_like_this" in problem_of(lacking).message


# The same through the command line: a broken app must not stop anything else.

SETTINGS = f"""
SECRET_KEY = "no secret"
ROOT_URLCONF = "pkg.urls"
INSTALLED_APPS = ["pkg"]
CACHES = {{"default": {{"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}}
CELERY_BROKER_URL = "{URL}"
"""
CELERY = """
from celery import Celery

app = Celery("pkg")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""


def _run(folder: Path, *words: str, settings: str = "pkg.settings") -> Run:
    env = {"PYTHONPATH": str(folder)}
    return health("run", *words, "-f", "json", "--settings", settings, env=env, cwd=folder)


def test_tasks_are_never_imported(packages: Packages, tmp_path: Path) -> None:
    trace = tmp_path / "imported"
    packages(pkg__settings=SETTINGS, pkg__celery=CELERY, pkg__tasks=f"open({str(trace)!r}, 'w')\nraise SystemExit(7)")
    run = _run(tmp_path, "celery", "cache")
    assert run.checks["celery.broker"]["kind"] == "refused", run.out
    assert run.checks["cache:default"]["status"] == "healthy"
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise RuntimeError('no such colour')", "RuntimeError: no such colour"),
        ("import nothing_like_this", "nothing_like_this"),
        ("raise SystemExit(7)", "SystemExit"),
        ("1 +", "SyntaxError"),
        (f"{CELERY}app.config_from_object('pkg.nothing')", "'nothing'"),
        ("app = 5", "app"),
    ],
    ids=["raises", "import", "exit", "syntax", "configuration", "no-app"],
)
@pytest.mark.parametrize("where", ["module", "package"])
def test_an_app_that_can_not_be_loaded(packages: Packages, tmp_path: Path, text: str, words: str, where: str) -> None:
    packages(settings_of_it=SETTINGS.replace('["pkg"]', "[]"), pkg__celery=text)
    if where == "package":
        packages.init("pkg", "from pkg.celery import app as celery_app")
    run = _run(tmp_path, "celery", "cache", settings="settings_of_it")
    check = run.checks["celery.broker"]
    assert run.checks["cache:default"]["status"] == "healthy", run.out
    assert (run.code, check["status"], check["kind"]) == (3, "unknown", "misconfigured"), run.out
    assert words in check["message"]
    assert run.checks["celery.workers"]["blocked_by"] == "celery.broker"


def test_a_package_that_can_not_be_imported_is_said_even_where_no_setting_names_a_broker(
    packages: Packages, tmp_path: Path
) -> None:
    packages(settings_of_it=SETTINGS.replace('["pkg"]', "[]").replace("CELERY_BROKER_URL", "NOTHING"))
    packages(pkg__celery="import nothing_like_this")
    packages.init("pkg", "from pkg.celery import app as celery_app")
    run = _run(tmp_path, "celery", "cache", settings="settings_of_it")
    assert run.checks["cache:default"]["status"] == "healthy", run.out
    assert "nothing_like_this" in run.checks["celery.broker"]["message"], run.out


def test_an_app_that_never_ends_to_load(packages: Packages, tmp_path: Path) -> None:
    packages(pkg__celery="import time\ntime.sleep(60)", pkg__settings=f"{SETTINGS}HEALTH_CLI = {{'TIMEOUT': 4}}")
    run = _run(tmp_path, "celery", "cache")
    check = run.checks["celery.broker"]
    assert run.checks["cache:default"]["status"] == "healthy", run.out
    assert (run.code, check["status"], check["kind"]) == (3, "unknown", "misconfigured"), run.out
    assert "not imported within 1 s" in check["message"]
    assert run.seconds < 4
