"""Declared: the checks of the setting CHECKS, which need no code, and the thresholds that stand with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

from health_cli.config.builtin import SUBSYSTEMS, may_mean
from health_cli.config.kinds import KINDS, RANGES, class_of, kind_of
from health_cli.config.options import fits, word_of
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.config.thresholds import Override
from health_cli.core.check import Check, verify_name
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import nearest
from health_cli.core.result import subsystem_of

OURS = frozenset({"name", "metrics", "memory"})  # fields that the setting does not give
OF_TEXTS = ("list", "dict")
VALUE = "value"  # the metric whose unit it may give


def declared(source: Source, setting: HealthSetting, patterns: Sequence[str]) -> tuple[list[Check], list[Override]]:
    """Return the checks that the patterns can mean, all without any, and their thresholds; ConfigError lists faults."""
    problems: list[str] = []
    checks: list[Check] = []
    given: list[Override] = []
    for name, about in setting.CHECKS.items():
        if patterns and not any(may_mean(pattern, subsystem_of(name)) for pattern in patterns):
            continue
        made = attempt(lambda n=name, a=about: _made(n, a, source))  # type: ignore[misc]  # binds both
        if not isinstance(made, Crash):
            checks.append(made)
            given += _overrides(name, about, made)
        elif isinstance(made.error, ConfigError):
            problems += [f"HEALTH_CLI['CHECKS']['{name}']{line}" for line in made.text.splitlines()]
        else:
            raise made.error
    if problems:
        raise ConfigError.of(problems, hint="See the page on checks without code.")
    return checks, given


def _made(name: str, given: Mapping[str, Any], source: Source) -> Check:
    """Return a check; ConfigError with a line for each fault, which goes on where its place in the setting ends."""
    kind = KINDS[kind_of(given)]
    cls = class_of(kind)
    problems = list(_name_problems(name, kind_of(given)))
    values = {kind.field if key == kind_of(given) else key: value for key, value in given.items()}
    unit, ranges = values.pop("unit", None), [values.pop(which, None) for which in RANGES]
    check = cls(name=name)
    known = {item.name: getattr(check, item.name) for item in fields(check) if item.name not in OURS}
    ready = {key: _value(key, value, known, problems) for key, value in values.items()}
    check = replace(check, **{key: value for key, value in ready.items() if value is not None})
    main = getattr(check, "main", "")
    if not main and any(ranges):
        problems.append(f" takes no thresholds: give them to the {kind_of(given).lower()} itself.")
    if unit is not None and not (main == VALUE and isinstance(unit, str)):
        problems.append("['unit'] is for a check that gives a number, and a text.")
    if not problems:
        check = replace(check, metrics=_with_unit(check, unit or getattr(check, "implied_unit", None)))
        problems += _own_problems(check, source)
    if problems:
        raise ConfigError("\n".join(problems))
    return check


def _name_problems(name: str, word: str) -> Iterator[str]:
    """Yield what is wrong with a name: those that begin with a word of ours are for the checks of their family."""
    wrong = attempt(lambda: verify_name(name))
    if isinstance(wrong, Crash):
        yield f": {wrong.text}"
        return
    family = KINDS[word].family
    if subsystem_of(name) in SUBSYSTEMS and not (family and name.startswith(f"{family}:")):
        own = f" '{family}:NAME', or" if family else ""
        yield f" can't be the name of this check: take{own} one whose first word is not of health-cli."


def _value(key: str, value: Any, known: Mapping[str, Any], problems: list[str]) -> Any:
    if key not in known:
        allowed = ", ".join(sorted({*known, *RANGES, "unit"}))
        problems.append(f" has an unknown option {key!r}{nearest(key, known)} (options: {allowed}).")
        return None
    default = known[key]
    if isinstance(default, tuple) and isinstance(value, str) and key == "command":
        words = attempt(lambda: import_module("shlex").split(value))
        if isinstance(words, Crash):
            problems.append(f"['{key}'] can't be split into words: {words.text}.")
            return None
        value = words
    texts = value if isinstance(value, list | tuple) else ()
    if key == "status" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if key == "headers" and isinstance(value, Mapping):
        texts = list(value.values())
    if not fits(value, default) or not all(isinstance(text, str) for text in texts):
        of = " of texts" if word_of(default) in OF_TEXTS else ""
        problems.append(f"['{key}'] is of another type than it must be: a {word_of(default)}{of}.")
        return None
    return tuple(value) if isinstance(default, tuple) else value


def _with_unit(check: Check, unit: str | None) -> tuple[Any, ...]:
    if unit is None:
        return check.metrics
    found = attempt(lambda: tuple(replace(m, unit=unit) if m.name == VALUE else m for m in check.metrics))
    if isinstance(found, Crash):
        raise ConfigError(f"['unit']: {found.text}")
    return found


def _own_problems(check: Check, source: Source) -> Iterator[str]:
    """Yield what only the check itself can tell of its options."""
    verify = getattr(check, "verify", None)
    wrong = attempt(verify) if verify else None
    if isinstance(wrong, Crash):
        yield f": {wrong.text}"
    for option, setting, known in (("database", "DATABASES", source.databases), ("cache", "CACHES", source.caches)):
        alias = getattr(check, option, "")
        if alias and alias not in known:
            yield f"['{option}'] is {alias!r}, and {setting} has {', '.join(known) or 'none'}."


def _overrides(name: str, given: Mapping[str, Any], check: Check) -> Iterator[Override]:
    """Yield the thresholds that stand with a check: for its main metric, or for several by their names."""
    main = getattr(check, "main", "")
    implied = getattr(check, "implied", {})
    for which in RANGES:
        ranges = given.get(which) or implied.get(which, {})
        for metric, text in (ranges if isinstance(ranges, Mapping) else {main: ranges}).items():
            yield Override(target=f"{name}/{metric}", which=which, text=str(text), place="setting")
