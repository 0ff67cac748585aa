"""The checks of this host."""

from collections.abc import Iterator

from health_cli.checks.host.cpu import Cpu
from health_cli.checks.host.disk import disk
from health_cli.checks.host.load import Load
from health_cli.checks.host.memory import Memory
from health_cli.checks.host.mounts import watched
from health_cli.checks.host.processes import Processes
from health_cli.checks.host.swap import Swap
from health_cli.checks.host.time import Time
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.check import Check

CLOCKS = ("mysql", "postgresql", "postgis")


def host(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield the host's checks, one for each mount point that is watched."""
    yield from (Memory(), Swap(), Load(), Cpu(), Processes())
    for mount in setting.MOUNTS or watched():
        yield disk(mount)
    yield Time(servers=tuple(_servers(source)))


def _servers(source: Source) -> Iterator[str]:
    """Yield the databases that have a clock of their own, and that Django can ask."""
    for alias, settings in source.databases.items():
        engine = str(settings.get("ENGINE") or "").rpartition(".")[2]
        if source.name != EMBEDDED and engine in CLOCKS:
            yield alias
