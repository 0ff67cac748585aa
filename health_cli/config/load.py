"""Load: brings the settings, the built-in checks, the project's own and the overrides together."""

from collections.abc import Sequence
from dataclasses import dataclass

from health_cli.config.builtin import FAMILIES, SUBSYSTEMS, builtin_checks, is_glob
from health_cli.config.options import with_options
from health_cli.config.plugins import plugin_checks
from health_cli.config.request import Request
from health_cli.config.setting import HealthSetting, validate
from health_cli.config.source import Source, environment_secrets, locate
from health_cli.config.thresholds import Sources, apply, overrides, refuse_lost
from health_cli.core.check import Check, expand_needs
from health_cli.core.errors import ConfigError
from health_cli.core.plan import Plan
from health_cli.core.redaction import collect_secrets
from health_cli.core.registry import matches, nearest, refuse_twice, select
from health_cli.core.report import FailOn
from health_cli.core.result import Result, subsystem_of
from health_cli.formatters.nagios import label


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every check that the selection can mean, ready to run, and where its thresholds come from."""

    source: Source
    setting: HealthSetting
    checks: Sequence[Check]
    places: Sources
    results: Sequence[Result] = ()


def load_plan(request: Request, plugins: bool = True) -> Plan:
    """Return the plan of a run; ConfigError where what we were told makes no sense."""
    found = catalogue(request, plugins=plugins)
    skip = tuple(p for p in found.setting.SKIP if any(matches(c.name, p) for c in found.checks))
    try:
        chosen = select(found.checks, request.patterns, (*skip, *request.skip), FAMILIES)
    except ConfigError as error:
        if not found.results or not plugins:
            raise
        reasons = "\n".join(result.message for result in found.results)
        raise ConfigError(f"{error.message}\n{reasons}", hint=error.hint) from error
    return Plan(
        checks=chosen,
        needs=expand_needs(chosen, matches),
        results=found.results,
        secrets=_secrets(found.source, found.setting, request),
        timeout=found.setting.TIMEOUT,
        fail_on=FailOn(found.setting.FAIL_ON),
    )


def catalogue(request: Request, *, plugins: bool = True) -> Catalogue:
    """Return the checks that the request's patterns can mean, with options and thresholds applied."""
    source = locate(request.settings, request.chdir, request.pythonpath)
    setting, problems = validate(source.setting)
    if problems:
        raise ConfigError.of(
            [f"{problem.message} {problem.hint}".strip() for problem in problems],
            hint="'manage.py check' shows the same problems.",
        )
    checks = builtin_checks(source, setting, request.patterns)
    results: list[Result] = []
    complete = False
    if plugins and _wants_plugins(request.patterns):
        own, results = plugin_checks(source, setting)
        checks, complete = checks + own, not results
    refuse_twice(checks)
    given = overrides(request, setting.THRESHOLDS)
    ready, places = apply(with_options(checks, setting), given)
    refuse_lost([o for o in given if complete or _loaded(o.pattern, request)], ready, FAMILIES)
    _refuse_lost_patterns(setting, ready, complete and not request.patterns)
    _refuse_one_label(ready)
    return Catalogue(source=source, setting=setting, checks=ready, places=places, results=results)


def _wants_plugins(patterns: Sequence[str]) -> bool:
    """Tell whether a pattern can mean a check of the project's own."""
    return not patterns or any(is_glob(p) or subsystem_of(p) not in SUBSYSTEMS for p in patterns)


def _loaded(pattern: str, request: Request) -> bool:
    """Tell whether the checks that a threshold's pattern means have been loaded, so that it can be judged."""
    if is_glob(pattern):
        return False
    subsystem = subsystem_of(pattern)
    if subsystem not in SUBSYSTEMS:
        return False
    return not request.patterns or any(is_glob(p) or subsystem_of(p) == subsystem for p in request.patterns)


def _refuse_lost_patterns(setting: HealthSetting, checks: Sequence[Check], everything: bool) -> None:
    """Raise ConfigError for keys of the setting that can't mean any check, once all are known."""
    if not everything:
        return
    known = sorted({check.name for check in checks} | set(FAMILIES))
    keyed = {"TIMEOUTS": setting.TIMEOUTS, "OPTIONS": setting.OPTIONS, "SKIP": setting.SKIP}
    problems = [
        f"HEALTH_CLI['{key}']: no check matches '{pattern}'{nearest(pattern, known)}."
        for key, patterns in keyed.items()
        for pattern in patterns
        if not any(matches(check.name, pattern) for check in checks)
        and not any(matches(family, pattern.partition(":")[0]) for family in FAMILIES)
    ]
    if problems:
        raise ConfigError.of(problems, hint="'health list' shows every check.")


def _refuse_one_label(checks: Sequence[Check]) -> None:
    """Raise ConfigError where two metrics would have the same label in performance data."""
    seen: dict[str, str] = {}
    for check in checks:
        for metric in check.metrics:
            name, text = f"{check.name}/{metric.name}", label(check.name, metric.name)
            if text in seen:
                raise ConfigError(
                    f"{seen[text]} and {name} have the same performance data label '{text}'.",
                    hint="Rename one of them; for mount points, name those to watch in MOUNTS.",
                )
            seen[text] = name


def _secrets(source: Source, setting: HealthSetting, request: Request) -> frozenset[str]:
    """Return every value to mask: of the settings, the environment, and the names that SECRETS adds."""
    given = {**request.environ, **source.everything}
    named = frozenset(str(given[name]) for name in setting.SECRETS if given.get(name))
    urls = frozenset(collect_secrets([*source.databases.values(), *source.caches.values()]))
    return source.secrets | environment_secrets(request.environ) | named | urls
