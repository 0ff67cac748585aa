"""The checks of security."""

from collections.abc import Iterator

from health_cli.checks.security.packages import Packages
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import Check


def security(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield them: they are of the environment that health-cli is installed in, whatever the project."""
    yield Packages()
