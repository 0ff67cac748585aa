"""Reads a project's settings through Django. Loaded only when there is a project."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from health_cli.config.setting import HealthSetting, validate
from health_cli.config.source import Source
from health_cli.core.redaction import collect_secrets


def read(name: str) -> Source:
    """Return what health-cli needs of the settings; raises whatever the settings module raises."""
    everything = {key: _value(key) for key in dir(settings) if key.isupper()}
    return Source(
        name=name,
        databases=everything["DATABASES"],
        caches=everything["CACHES"],
        apps=tuple(everything["INSTALLED_APPS"]),
        setting=everything.get("HEALTH_CLI", {}),
        secrets=frozenset(collect_secrets({**everything, "HEALTH_CLI": _without_cache_keys(everything)})),
        everything=everything,
    )


def _without_cache_keys(everything: Mapping[str, Any]) -> Any:
    """Return HEALTH_CLI without its CACHE_KEYs: each names a key of a cache, and is no secret."""
    setting = everything.get("HEALTH_CLI")
    if not isinstance(setting, Mapping) or not isinstance(setting.get("CHECKS"), Mapping):
        return setting
    return {**setting, "CHECKS": {name: _without_cache_key(about) for name, about in setting["CHECKS"].items()}}


def _without_cache_key(about: Any) -> Any:
    return {key: about[key] for key in about if key != "CACHE_KEY"} if isinstance(about, Mapping) else about


def _value(key: str) -> Any:
    """Return a setting; the two that Django completes with the path of the site are taken as they are written.

    To complete them it would load its URLs, forms and templates, which takes as long as all the rest of a run.
    """
    return getattr(settings._wrapped if key in {"MEDIA_URL", "STATIC_URL"} else settings, key)


def health_setting() -> HealthSetting:
    """Return HEALTH_CLI alone, for who is in Django already; a bad key has its default: 'manage.py check' tells it."""
    setting, _ = validate(getattr(settings, "HEALTH_CLI", {}))
    return setting
