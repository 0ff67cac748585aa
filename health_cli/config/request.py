"""Request: what the command line and the environment ask for, before any setting is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of ours. Patterns are names, subsystems or globs; thresholds are `NAME=RANGE` texts."""

    settings: str | None = None
    chdir: str | None = None
    pythonpath: str | None = None
    patterns: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
