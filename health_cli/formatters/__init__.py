"""Formatters: a pure function a format, from a report and a style to text.

A format is a row in BUILT_IN, or an entry point of the group `health_cli.formatters` in a package
that is installed beside this one. A formatter prints nothing and chooses no exit code.
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from health_cli.core.errors import ConfigError
from health_cli.core.names import nearest
from health_cli.core.report import Report

BUILT_IN = {
    "table": "health_cli.formatters.table",
    "json": "health_cli.formatters.json",
    "nagios": "health_cli.formatters.nagios",
}


class Style(NamedTuple):
    """What the surroundings allow: columns, colour, how much to say, and how many bytes at most."""

    width: int = 80
    color: bool = False
    verbosity: int = 0
    max_bytes: int = 4096


Formatter = Callable[[Report, Style], str]


def load(name: str) -> Formatter:
    """Return the formatter of this name; ConfigError names the ones there are."""
    if name in BUILT_IN:
        formatter: Formatter = import_module(BUILT_IN[name]).render
        return formatter
    points = import_module("importlib.metadata").entry_points(group="health_cli.formatters")
    others = {point.name: point for point in points}
    if name not in others:
        known = [*BUILT_IN, *others]
        raise ConfigError(f"There is no format '{name}'{nearest(name, known)}.", hint=f"Formats: {', '.join(known)}.")
    loaded: Formatter = others[name].load()
    return loaded
