"""Reads a project's settings through Django. Loaded only when there is a project."""

from django.conf import settings

from health_cli.config.source import Source
from health_cli.core.redaction import collect_secrets


def read(name: str) -> Source:
    """Return what health-cli needs of the settings; raises whatever the settings module raises."""
    everything = {key: getattr(settings, key) for key in dir(settings) if key.isupper()}
    return Source(
        name=name,
        databases=everything["DATABASES"],
        caches=everything["CACHES"],
        apps=tuple(everything["INSTALLED_APPS"]),
        setting=everything.get("HEALTH_CLI", {}),
        secrets=frozenset(collect_secrets(everything)),
        everything=everything,
    )
