"""Load: brings the settings, the built-in checks, the project's own and the overrides together."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, TypeVar

from health_cli.config.builtin import FAMILIES, SUBSYSTEMS, builtin_checks, is_glob
from health_cli.config.declared import declared
from health_cli.config.notify import channel_secrets
from health_cli.config.options import with_options
from health_cli.config.plugins import close_connections, plugin_checks
from health_cli.config.request import Request
from health_cli.config.setting import HealthSetting, validate
from health_cli.config.source import EMBEDDED, Source, environment_secrets, locate
from health_cli.config.thresholds import Override, Sources, apply, overrides, refuse_lost
from health_cli.config.verify import refuse_lost_needs, refuse_lost_patterns, refuse_one_label
from health_cli.core.check import Check, expand_needs
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches
from health_cli.core.plan import Plan
from health_cli.core.redaction import collect_secrets
from health_cli.core.registry import refuse_twice, select
from health_cli.core.report import FailOn
from health_cli.core.result import Result, subsystem_of

T = TypeVar("T")


class Catalogue(NamedTuple):
    """The checks that the selection can mean, ready to run, and where their thresholds come from.

    `chosen` are those selected; `secrets` are the values to mask; `results` tell of modules that could not be loaded;
    `on_request` are the names of those that nobody has asked for.
    """

    source: Source
    setting: HealthSetting
    chosen: tuple[Check, ...]
    places: Sources
    secrets: frozenset[str]
    results: Sequence[Result] = ()
    on_request: tuple[str, ...] = ()


def load_plan(request: Request, plugins: bool = True) -> Plan:
    """Return the plan of a run; ConfigError where what we were told makes no sense."""
    found = catalogue(request, plugins=plugins)
    return Plan(
        checks=found.chosen,
        needs=expand_needs(found.chosen, matches),
        results=found.results,
        secrets=found.secrets,
        timeout=found.setting.TIMEOUT,
        fail_on=FailOn(found.setting.FAIL_ON),
        after_check=close_connections,
        recording=recording_of(found.setting),
    )


def recording_of(setting: HealthSetting) -> dict[str, Any]:
    """Return what whoever records a run has to know of the settings."""
    return {
        "record": setting.RECORD,
        "host": setting.HOST,
        "every": setting.RECORD_EVERY,
        "after": dict(setting.ALERT_AFTER),
        "good": dict(setting.RESOLVE_AFTER),
        "tells": bool(setting.NOTIFY),
        "keep_days": setting.KEEP_DAYS,
        "fail_on": setting.FAIL_ON,
    }


def catalogue(request: Request, *, plugins: bool = True) -> Catalogue:
    """Return the checks of a request, with options and thresholds applied.

    ConfigError carries the secrets that were known when it was raised.
    """
    return _shielded(request, lambda source: _catalogue(request, source, plugins))


def heartbeats(request: Request) -> dict[str, Check]:
    """Return the checks of the setting that wait for a beat, by their names. ConfigError as of `catalogue`."""
    return _shielded(request, _heartbeats)


def _shielded(request: Request, use: Callable[[Source], T]) -> T:
    """Use the settings; a ConfigError carries the secrets that were known when it was raised."""
    secrets = environment_secrets(request.environ)
    source = attempt(lambda: locate(request.settings, request.chdir, request.pythonpath))
    if isinstance(source, Crash):
        raise _explained(source, secrets)
    found = attempt(lambda: use(source))
    if isinstance(found, Crash):
        raise _explained(found, secrets | source.secrets)
    return found


def _explained(crash: Crash, secrets: frozenset[str]) -> ConfigError:
    """Return the error with the secrets to keep out of it; what nobody foresaw becomes one too."""
    error = crash.error
    if not isinstance(error, ConfigError):
        text = f"The settings can't be understood: {crash.name}: {crash.text} (in {crash.place})"
        error = ConfigError(text, hint="Look at DATABASES, CACHES and HEALTH_CLI, and at the checks of your own.")
        error.unexpected = True
    error.secrets |= secrets
    return error


def _setting(source: Source) -> HealthSetting:
    """Return the setting; ConfigError lists what is wrong with it."""
    setting, problems = validate(source.setting)
    if problems:
        raise ConfigError.of(
            [f"{problem.message} {problem.hint}".strip() for problem in problems],
            hint="With health_cli in INSTALLED_APPS, 'manage.py check' finds them too.",
        )
    return setting


def _heartbeats(source: Source) -> dict[str, Check]:
    setting = _setting(source)
    if source.name == EMBEDDED:
        hint = "Name it: health beat NAME --chdir FOLDER, the folder of manage.py."
        raise ConfigError("No project was found here, whose CHECKS could wait for a beat.", hint=hint)
    checks, _ = declared(source, setting, ())
    return {check.name: check for check in checks if "HEARTBEAT" in setting.CHECKS[check.name]}


def _catalogue(request: Request, source: Source, plugins: bool) -> Catalogue:
    setting = _setting(source)
    setting = replace(setting, TIMEOUT=request.timeout or setting.TIMEOUT)
    of_setting, theirs = declared(source, setting, request.patterns)
    checks = builtin_checks(source, setting, request.patterns) + of_setting
    results: list[Result] = []
    own_known = False
    if plugins and _wants_plugins(request.patterns, setting):
        own, results = plugin_checks(source, setting)
        checks, own_known = checks + own, not results
    refuse_twice(checks)
    given = [*theirs, *overrides(request, setting.THRESHOLDS)]
    ready, places = apply(with_options(checks, setting), given)
    refuse_lost([o for o in given if _can_judge(o, request, own_known)], ready, FAMILIES)
    if own_known and not request.patterns:
        refuse_lost_patterns(setting, ready, FAMILIES)
        refuse_lost_needs(ready, FAMILIES)
    refuse_one_label(ready)
    wanted = wanted_of(ready, request.patterns, setting.ALSO)
    names = {check.name for check in wanted}
    chosen = _choose(wanted, request, source, setting, results)
    secrets = _secrets(source, setting, chosen, request)
    return Catalogue(
        source=source, setting=setting, chosen=chosen, places=places, secrets=secrets, results=results,
        on_request=tuple(check.name for check in ready if check.name not in names),
    )  # fmt: skip


def wanted_of(checks: Sequence[Check], patterns: Sequence[str], also: Sequence[str]) -> list[Check]:
    """Return the checks that may run: one on request only where it is named, or ALSO has it.

    The word of a subsystem names those on request only where it has no others: `deploy`, but not `celery`.
    """
    others = {subsystem_of(check.name) for check in checks if not check.on_request}

    def is_named(name: str, pattern: str) -> bool:
        family = pattern.partition(":")[0] == name.partition(":")[0]
        return matches(name, pattern) and not is_glob(pattern) and (family or subsystem_of(name) not in others)

    def is_wanted(name: str) -> bool:
        return any(matches(name, pattern) for pattern in also) or any(is_named(name, pattern) for pattern in patterns)

    return [check for check in checks if not check.on_request or is_wanted(check.name)]


def _choose(
    checks: Sequence[Check], request: Request, source: Source, setting: HealthSetting, results: Sequence[Result]
) -> tuple[Check, ...]:
    """Select; where a pattern means nothing, a module that could not be loaded may be the reason."""
    skip = tuple(p for p in setting.SKIP if any(matches(check.name, p) for check in checks))
    try:
        return select(checks, request.patterns, (*skip, *request.skip), FAMILIES)
    except ConfigError as error:
        reasons = [result.message for result in results]
        hint = error.hint
        if source.name == EMBEDDED:
            hint = f"No project was found here: name it with --chdir or --settings. {hint}"
        raise ConfigError.of([error.message, *reasons], hint=hint) from error


def _wants_plugins(patterns: Sequence[str], setting: HealthSetting) -> bool:
    """Tell whether a pattern can mean a check of the project's own: its apps are loaded for these."""
    others = [pattern for pattern in patterns if pattern not in setting.CHECKS]
    return not patterns or any(is_glob(p) or subsystem_of(p) not in SUBSYSTEMS for p in others)


def _can_judge(override: Override, request: Request, own_known: bool) -> bool:
    """Tell whether all checks that a threshold may mean are known, so that one that means none is an error.

    What an option names must be part of this very run.
    """
    if override.place.startswith("--"):
        return True
    if is_glob(override.pattern):
        return own_known and not request.patterns
    subsystem = subsystem_of(override.pattern)
    if subsystem not in SUBSYSTEMS:
        return own_known
    return not request.patterns or any(is_glob(p) or subsystem_of(p) == subsystem for p in request.patterns)


def _secrets(source: Source, setting: HealthSetting, checks: Sequence[Check], request: Request) -> frozenset[str]:
    """Return every value to mask: of the settings, the environment, checks and channels, and what SECRETS names."""
    given = {**request.environ, **source.everything}
    named = frozenset(str(given[name]) for name in setting.SECRETS if given.get(name))
    hidden = [getattr(check, f.name) for check in checks for f in fields(check) if not f.repr]
    texts = frozenset(value for value in hidden if isinstance(value, str))
    nested = frozenset(collect_secrets([value for value in hidden if not isinstance(value, str)]))
    told = frozenset(secret for check in checks for secret in getattr(check, "secrets", ()))
    channels = frozenset(secret for channel in setting.NOTIFY for secret in channel_secrets(channel))
    return source.secrets | environment_secrets(request.environ) | named | texts | nested | told | channels
