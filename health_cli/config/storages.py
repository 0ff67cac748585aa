"""The checks of the storages: each alias of STORAGES but that of the static files, which are deployed."""

from collections.abc import Iterator

from health_cli.checks.storage import Storage
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.check import Check

STATIC = "staticfiles"


def storage(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield a check for each storage."""
    if source.name != EMBEDDED:
        for alias in source.everything.get("STORAGES") or {}:
            if alias != STATIC:
                yield Storage(name=f"storage:{alias}")
