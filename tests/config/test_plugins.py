"""The project's own checks: found, loaded, and, where one is broken, reported without losing the others."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

# Loads the plan of a project and runs it in threads; prints the results by name, or the error.
RUN = """
import json, sys, time
from health_cli.config.load import load_plan
from health_cli.config.request import Request
from health_cli.core.errors import ConfigError
from health_cli.core.runner import run_here
try:
    plan = load_plan(Request(settings="settings", patterns=tuple(sys.argv[1:])))
    out = {r.name: r.to_json() for r in run_here(plan, until=time.monotonic() + 10, stop=lambda: False)}
except ConfigError as error:
    out = {"error": error.message, "hint": error.hint}
print(json.dumps(out))
"""
GOOD = 'from health_cli import check\n@check("{name}", warning="5")\ndef value():\n    """A number."""\n    return 3\n'


def good(name: str) -> str:
    """A module with one healthy check."""
    return GOOD.format(name=name)


def run(folder: Path, files: Mapping[str, str], *patterns: str, apps: tuple[str, ...] = (), **setting: Any) -> Any:
    """Write a project with these files, run its checks, and return what came out."""
    folder.joinpath("settings.py").write_text(
        f"SECRET_KEY = 'x'\nINSTALLED_APPS = {list(apps)!r}\nHEALTH_CLI = {setting!r}\n"
    )
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", RUN, *patterns],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def statuses(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The status of each result that is not of the host."""
    assert "error" not in results, results
    return {name: result["status"] for name, result in results.items() if not name.startswith("host.")}


APP = {"shop/__init__.py": "", "shop/health.py": good("shop.backlog")}


def test_the_health_module_of_an_app_is_found(tmp_path: Path) -> None:
    results = run(tmp_path, APP, "shop", apps=("shop",))
    assert statuses(results) == {"shop.backlog": "healthy"}
    (value,) = results["shop.backlog"]["metrics"]
    assert (value["name"], value["value"], value["warning"]) == ("value", 3, "5")


@pytest.mark.parametrize("patterns", [(), ("shop",), ("shop.backlog",), ("*.backlog",), ("host.memory", "shop")])
def test_the_patterns_that_can_mean_ones_own_checks(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    assert run(tmp_path, APP, *patterns, apps=("shop",))["shop.backlog"]["status"] == "healthy"


def test_an_app_named_by_its_config_is_found(tmp_path: Path) -> None:
    config = "from django.apps import AppConfig\nclass ShopConfig(AppConfig):\n    name = 'shop'\n"
    results = run(tmp_path, {**APP, "shop/apps.py": config}, "shop", apps=("shop.apps.ShopConfig",))
    assert statuses(results) == {"shop.backlog": "healthy"}


def test_an_app_within_a_package_is_found(tmp_path: Path) -> None:
    files = {"site_/__init__.py": "", "site_/shop/__init__.py": "", "site_/shop/health.py": good("shop.backlog")}
    assert statuses(run(tmp_path, files, "shop", apps=("site_.shop",))) == {"shop.backlog": "healthy"}


def test_apps_with_models_are_loaded_before_their_checks(tmp_path: Path) -> None:
    health = "from django.apps import apps\nassert apps.ready\n" + good("shop.backlog")
    assert statuses(run(tmp_path, {**APP, "shop/health.py": health}, "shop", apps=("shop",))) == {
        "shop.backlog": "healthy"
    }


def test_apps_without_a_health_module_are_left_alone(tmp_path: Path) -> None:
    files = {**APP, "plain/__init__.py": "", "health_app/__init__.py": ""}
    results = run(tmp_path, files, "shop", apps=("django.contrib.contenttypes", "plain", "shop", "health_cli"))
    assert statuses(results) == {"shop.backlog": "healthy"}


def test_the_project_is_not_loaded_for_a_built_in_check(tmp_path: Path) -> None:
    results = run(tmp_path, {**APP, "shop/health.py": "1 / 0"}, "host.memory", apps=("shop",))
    assert list(results) == ["host.memory"]


def test_modules_that_plugins_names_are_loaded(tmp_path: Path) -> None:
    files = {"one.py": good("own.one"), "deep/__init__.py": "", "deep/two.py": good("own.two")}
    results = run(tmp_path, files, "own", PLUGINS=["one", "deep.two"])
    assert statuses(results) == {"own.one": "healthy", "own.two": "healthy"}


BROKEN = {
    "exception": ("1 / 0", "ZeroDivisionError"),
    "missing module": ("import no_such_package", "ModuleNotFoundError"),
    "syntax": ("def (", "SyntaxError"),
    "exit": ("raise SystemExit(0)", "SystemExit"),
    "bad name": ("from health_cli import check\n@check('Bad Name')\ndef f(): pass", "ConfigError"),
    "bad range": ("from health_cli import check\n@check('shop.a', warning='10k')\ndef f(): pass", "ConfigError"),
}


@pytest.mark.parametrize(("text", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_module_is_one_unknown_and_the_others_run(tmp_path: Path, text: str, error: str) -> None:
    files = {**APP, "bad/__init__.py": "", "bad/health.py": text, "own.py": good("own.a")}
    results = run(tmp_path, files, "shop", "own", apps=("bad", "shop"), PLUGINS=["own"])
    assert statuses(results) == {
        "health.plugins:bad.health": "unknown", "shop.backlog": "healthy", "own.a": "healthy",
    }  # fmt: skip
    broken = results["health.plugins:bad.health"]
    assert (broken["kind"], broken["summary"]) == ("crashed", f"not loaded: {error}")
    assert "The checks of bad.health can't be loaded" in broken["message"]
    assert broken["hint"]


def test_a_plugin_that_is_not_there_is_one_unknown(tmp_path: Path) -> None:
    results = run(tmp_path, {**APP, "own.py": good("own.a")}, "own", PLUGINS=["no_such", "own"])
    assert statuses(results) == {"health.plugins:no_such": "unknown", "own.a": "healthy"}


@pytest.mark.parametrize(
    "files",
    [{"bad/__init__.py": "1 / 0"}, {"bad/__init__.py": "", "bad/models.py": "1 / 0", "bad/health.py": ""}],
    ids=["package", "models"],
)
def test_an_app_that_can_not_be_loaded_leaves_the_plugins_alone(tmp_path: Path, files: dict[str, str]) -> None:
    results = run(tmp_path, {**files, "own.py": good("own.a")}, "own", apps=("bad",), PLUGINS=["own"])
    assert statuses(results) == {"health.plugins:apps": "unknown", "own.a": "healthy"}


def test_with_nothing_but_broken_modules_the_reason_is_told(tmp_path: Path) -> None:
    results = run(tmp_path, {"bad.py": "1 / 0"}, "shop", PLUGINS=["bad"])
    assert "No check matches 'shop'" in results["error"]
    assert "ZeroDivisionError" in results["error"]


@pytest.mark.parametrize(
    "name",
    ["host.mine", "database:mine", "cache.mine", "celery.mine", "health.mine", "api"],
)
def test_the_subsystems_of_health_cli_are_reserved(tmp_path: Path, name: str) -> None:
    results = run(tmp_path, {"own.py": good(name)}, PLUGINS=["own"])
    word = name.replace(":", ".").split(".")[0]
    assert f"'{name}', but '{word}' is a subsystem of health-cli's own" in results["error"]
    assert "own.value" in results["error"] or "FunctionCheck" in results["error"]
    assert f"shop.{word}" in results["hint"]


def test_a_name_used_twice_is_refused_and_both_modules_named(tmp_path: Path) -> None:
    results = run(tmp_path, {"one.py": good("own.a"), "two.py": good("own.a")}, PLUGINS=["one", "two"])
    assert results["error"] == "Two checks are named 'own.a': one.value and two.value."


def test_the_setting_reaches_ones_own_checks(tmp_path: Path) -> None:
    thresholds = {"own.a/value": {"warning": "1", "critical": "2"}}
    results = run(tmp_path, {"own.py": good("own.a")}, "own", PLUGINS=["own"], THRESHOLDS=thresholds)
    assert statuses(results) == {"own.a": "critical"}
