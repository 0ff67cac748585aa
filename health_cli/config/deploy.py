"""The checks of what was deployed: those of a project, none without one."""

from collections.abc import Iterator

from health_cli.checks.deploy.migrations import Migrations
from health_cli.checks.deploy.settings import KEYS, Settings
from health_cli.checks.deploy.static import Static
from health_cli.checks.deploy.system_checks import SystemChecks
from health_cli.checks.deploy.version import COMMITS, VERSIONS, Version
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.check import Check


def deploy(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield the checks of the project's deployment."""
    if source.name == EMBEDDED:
        return
    everything = source.everything
    yield Settings(settings={key: everything[key] for key in KEYS if key in everything})
    yield Version(settings={key: everything[key] for key in (*VERSIONS, *COMMITS) if key in everything})
    if source.has_app("django.contrib.staticfiles"):
        yield Static()
    if source.databases:
        yield Migrations(needs=tuple(f"database:{alias}" for alias in source.databases))
    yield SystemChecks()
