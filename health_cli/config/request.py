"""Request: what the command line and the environment ask for, before any setting is read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Request(NamedTuple):
    """One call of ours. Patterns are names, subsystems or globs; thresholds are `NAME=RANGE` texts."""

    settings: str | None = None
    chdir: str | None = None
    pythonpath: str | None = None
    patterns: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()
    timeout: float | None = None
    environ: Mapping[str, str] = MappingProxyType({})
