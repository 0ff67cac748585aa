"""Options of checks: the fields of a check's class that the setting OPTIONS and TIMEOUTS may change."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from health_cli.config.setting import HealthSetting
from health_cli.core.check import DEFAULT_TIMEOUT, Check
from health_cli.core.errors import ConfigError
from health_cli.core.names import matches, nearest

_WORDS = {tuple: "list", dict: "dict", str: "text", bool: "True or False", float: "number", int: "number"}
_OURS = {"name", "metrics", "timeout", "needs", "function"}


def options_of(check: Check) -> dict[str, Any]:
    """Return the options of a check with their values; a field that is hidden from repr is none."""
    return {f.name: getattr(check, f.name) for f in fields(check) if f.repr and f.name not in _OURS}


def with_options(checks: Sequence[Check], setting: HealthSetting) -> list[Check]:
    """Return the checks with the limits and options of the setting; ConfigError lists what is wrong."""
    problems: list[str] = []
    ready = [_with(check, setting, problems) for check in checks]
    if problems:
        raise ConfigError.of(list(dict.fromkeys(problems)), hint="'health explain NAME' shows its options.")
    return ready


def _with(check: Check, setting: HealthSetting, problems: list[str]) -> Check:
    """Return one check with what the setting says of it; a later pattern wins over an earlier one."""
    timeout = check.timeout if check.timeout is not DEFAULT_TIMEOUT else setting.CHECK_TIMEOUT
    for pattern, seconds in setting.TIMEOUTS.items():
        if matches(check.name, pattern):
            timeout = seconds
    known, values = options_of(check), {}
    for pattern, options in setting.OPTIONS.items():
        if matches(check.name, pattern):
            values.update(_accepted(pattern, options, known, problems))
    return replace(check, timeout=timeout, **values)


def _accepted(
    pattern: str, options: Mapping[str, Any], known: Mapping[str, Any], problems: list[str]
) -> dict[str, Any]:
    accepted = {}
    for key, value in options.items():
        where = f"HEALTH_CLI['OPTIONS']['{pattern}']['{key}']"
        if key not in known:
            allowed = ", ".join(sorted(known)) or "none"
            problems.append(f"{where}: there is no such option{nearest(key, known)} (options: {allowed}).")
        elif not fits(value, known[key]):
            problems.append(f"{where} is {value!r}: it must be a {word_of(known[key])}, as the default {known[key]!r}.")
        else:
            accepted[key] = tuple(value) if isinstance(known[key], tuple) else value
    return accepted


def word_of(default: object) -> str:
    """Return what a value of the kind of a default is called."""
    return _WORDS.get(type(default), type(default).__name__)


def fits(value: object, default: object) -> bool:
    """Tell whether a value is of the kind of the default; no default says nothing."""
    if default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    if isinstance(default, tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))
