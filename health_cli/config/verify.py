"""Verify: what only shows once all checks are known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from health_cli.config.setting import HealthSetting
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.names import matches, nearest
from health_cli.core.result import SETUP
from health_cli.formatters.nagios import label


def refuse_lost_patterns(setting: HealthSetting, checks: Sequence[Check], families: Sequence[str]) -> None:
    """Raise ConfigError for patterns in the setting that can't mean any check, once all are known.

    An instance that this host happens not to have is no error where its family is known.
    """
    keyed = {"TIMEOUTS": setting.TIMEOUTS, "OPTIONS": setting.OPTIONS, "SKIP": setting.SKIP, "ALSO": setting.ALSO}
    if problems := list(_lost(keyed, checks, families)):
        raise ConfigError.of(problems, hint="'health list' shows every check.")


def lost_alert_patterns(setting: HealthSetting, checks: Sequence[Check], families: Sequence[str]) -> list[str]:
    """Return a line on each pattern about alerts that means no check: nobody would miss what it is for.

    No run is refused for that: of an alert that is not told there is still the exit code.
    """
    keyed: dict[str, Iterable[str]] = {"ALERT_AFTER": setting.ALERT_AFTER, "RESOLVE_AFTER": setting.RESOLVE_AFTER}
    keyed |= {f"NOTIFY'][{n}]['checks": channel.get("checks", ()) for n, channel in enumerate(setting.NOTIFY)}
    return list(_lost(keyed, checks, families))


def _lost(keyed: Mapping[str, Iterable[str]], checks: Sequence[Check], families: Sequence[str]) -> Iterator[str]:
    """Yield a line on each pattern that means neither a check nor a family."""
    known = sorted({*(check.name for check in checks), *families})
    for key, patterns in keyed.items():
        for pattern in patterns:
            means_check = any(matches(name, pattern) for name in (*(check.name for check in checks), SETUP))
            if not means_check and not any(matches(family, pattern.partition(":")[0]) for family in families):
                yield f"HEALTH_CLI['{key}']: no check matches '{pattern}'{nearest(pattern, known)}."


def refuse_lost_needs(checks: Sequence[Check], families: Sequence[str]) -> None:
    """Raise ConfigError for a need that can't mean any check: it would be ignored for ever."""
    known = sorted({*(check.name for check in checks), *families})
    problems = [
        f"{check.name} needs '{need}', which no check matches{nearest(need, known)}."
        for check in checks
        for need in check.needs
        if not any(matches(other.name, need) for other in checks)
        and not any(matches(family, need.partition(":")[0]) for family in families)
    ]
    if problems:
        raise ConfigError.of(problems, hint="'health list' shows every check.")


def refuse_one_label(checks: Sequence[Check]) -> None:
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
