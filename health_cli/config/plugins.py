"""The project's own checks: `health.py` of the installed apps, and the modules that PLUGINS names."""

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec

from health_cli.config.builtin import SUBSYSTEMS
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core import check as check_module
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.registry import origin
from health_cli.core.result import Result, subsystem_of
from health_cli.core.status import Status


def plugin_checks(source: Source, setting: HealthSetting) -> tuple[list[Check], list[Result]]:
    """Import the project's modules; return their checks, and a result for each that can't be imported."""
    results: list[Result] = []
    found = attempt(lambda: list(_app_modules(source.apps)))
    if isinstance(found, Crash):
        results.append(_unloadable("apps", found))
        found = []
    if found or setting.PLUGINS:
        ready = attempt(lambda: import_module("django").setup())
        if isinstance(ready, Crash):
            results.append(_unloadable("apps", ready))
            found = []
    for module in [*found, *setting.PLUGINS]:
        loaded = attempt(lambda name=module: import_module(name))  # type: ignore[misc]  # binds the name
        if isinstance(loaded, Crash):
            results.append(_unloadable(module, loaded))
    checks = list(check_module.declared)
    _refuse_ours(checks)
    return checks, results


def close_connections() -> None:
    """Close what a check has opened through Django, in the thread that opened it."""
    if "django.db" in sys.modules:
        sys.modules["django.db"].connections.close_all()


def _app_modules(apps: Sequence[str]) -> Iterator[str]:
    """Yield the name of each app's health.py, found without loading the app itself."""
    for app in apps:
        package = app
        while package and not _is_package(package):
            package = package.rpartition(".")[0]  # an AppConfig's path: shop.apps.ShopConfig
        if package and package != "health_cli" and find_spec(f"{package}.health"):
            yield f"{package}.health"


def _is_package(name: str) -> bool:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return False
    return bool(spec and spec.submodule_search_locations is not None)


def _refuse_ours(checks: Sequence[Check]) -> None:
    taken = [check for check in checks if subsystem_of(check.name) in SUBSYSTEMS]
    if taken:
        word = subsystem_of(taken[0].name)
        raise ConfigError(
            f"{origin(taken[0])} is named '{taken[0].name}', but '{word}' is a subsystem of health-cli's own.",
            hint=f"Begin the name with a word of the project's, such as shop.{word}.",
        )


def _unloadable(module: str, crash: Crash) -> Result:
    """Return the result for checks that could not be loaded: they are missing, which is not healthy."""
    return Result(
        name=f"health.plugins:{module}",
        status=Status.UNKNOWN,
        summary=f"not loaded: {crash.name}",
        message=f"The checks of {module} can't be loaded: {crash.name}: {crash.text} (in {crash.place})",
        hint=f"Import it by hand to see more: python manage.py shell -c 'import {module}'",
        kind=Kind.CRASHED,
        detail=crash.trace,
    )
