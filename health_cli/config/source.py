"""Source: where the settings come from, and the few of them that matter here.

`--settings`, else DJANGO_SETTINGS_MODULE, else the `manage.py` in this or a parent folder; with none of
them the embedded default: this host, and what DATABASE_URL, CACHE_URL or
REDIS_URL, and CELERY_BROKER_URL point to.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import TracebackType
from typing import Any

from health_cli.config.urls import cache_from_url, database_from_url
from health_cli.config.where import configured, where
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.redaction import collect_secrets

EMBEDDED = "embedded default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The settings that health-cli reads. `secrets` are values to mask; `name` says where from."""

    name: str
    databases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    apps: tuple[str, ...] = ()
    setting: Any = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    everything: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def has_app(self, name: str) -> bool:
        """Tell whether an app is installed, by its name or by its configuration's."""
        return any(app == name or app.startswith(f"{name}.apps.") for app in self.apps)


def locate(settings: str | None, chdir: str | None, pythonpath: str | None) -> Source:
    """Find and load the settings; ConfigError where they can't be loaded, with the reason."""
    _enter(chdir)
    module, folders = where(settings, None, pythonpath)
    sys.path[:0] = [path for path in reversed(dict.fromkeys(folders)) if path not in sys.path]
    if settings is None and configured():
        return _django(module)
    if not module:
        return embedded(os.environ)
    os.environ["DJANGO_SETTINGS_MODULE"] = module
    return _django(module)


def _enter(chdir: str | None) -> None:
    """Go where the project is."""
    if chdir is not None:
        try:
            os.chdir(chdir)
        except OSError as error:
            raise ConfigError(
                f"--chdir {chdir}: {error.strerror}.", hint="Name the folder that holds manage.py."
            ) from None


def _django(name: str) -> Source:
    source = attempt(lambda: import_module("health_cli.config.django_source").read(name))
    if isinstance(source, Crash):
        raise SettingsError.of_crash(name, source)
    found: Source = source
    return found


class SettingsError(ConfigError):
    """The settings module can't be loaded. Carries what must be masked in its own text."""

    @classmethod
    def of_crash(cls, name: str, crash: Crash) -> "SettingsError":
        """Say which module failed, how and where; name the usual cause for a missing module."""
        hint = f"Load it by hand to see more: python -m django check --settings {name}"
        if isinstance(crash.error, ModuleNotFoundError):
            hint = "Is it installed in this environment, and is --chdir the folder of manage.py?"
        error = cls(f"The settings '{name}' can't be loaded: {crash.name}: {crash.text} (in {crash.place})", hint=hint)
        error.secrets = frozenset(_secrets_in_frames(crash.error.__traceback__))
        return error


def _secrets_in_frames(trace: TracebackType | None) -> set[str]:
    """Return the secrets that a settings module had defined before it failed."""
    secrets: set[str] = set()
    while trace:
        names = {**trace.tb_frame.f_globals, **trace.tb_frame.f_locals}
        plain = {k: v for k, v in names.items() if not k.startswith("__")}
        secrets |= collect_secrets(plain)
        trace = trace.tb_next
    return secrets


def environment_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the environment that must not be shown."""
    folders = {"PWD", "OLDPWD"}  # the working folder: the one "pwd" that is no password
    return frozenset(collect_secrets({name: value for name, value in environ.items() if name not in folders}))


def embedded(environ: Mapping[str, str]) -> Source:
    """Return the default without a project: the services that the usual variables point to."""
    databases, caches = {}, {}
    if environ.get("DATABASE_URL"):
        databases["default"] = database_from_url(environ["DATABASE_URL"], "DATABASE_URL")
    for variable in ("CACHE_URL", "REDIS_URL"):
        if environ.get(variable) and "default" not in caches:
            caches["default"] = cache_from_url(environ[variable], variable)
    celery = {name: environ[name] for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND") if environ.get(name)}
    return Source(name=EMBEDDED, databases=databases, caches=caches, everything=celery)
