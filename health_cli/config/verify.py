"""Verify: what only shows once all checks are known."""

from collections.abc import Sequence

from health_cli.config.setting import HealthSetting
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.names import matches, nearest
from health_cli.formatters.nagios import label


def refuse_lost_patterns(setting: HealthSetting, checks: Sequence[Check], families: Sequence[str]) -> None:
    """Raise ConfigError for patterns in the setting that can't mean any check, once all are known.

    An instance that this host happens not to have is no error where its family is known.
    """
    known = sorted({*(check.name for check in checks), *families})
    keyed = {"TIMEOUTS": setting.TIMEOUTS, "OPTIONS": setting.OPTIONS, "SKIP": setting.SKIP}
    problems = [
        f"HEALTH_CLI['{key}']: no check matches '{pattern}'{nearest(pattern, known)}."
        for key, patterns in keyed.items()
        for pattern in patterns
        if not any(matches(check.name, pattern) for check in checks)
        and not any(matches(family, pattern.partition(":")[0]) for family in families)
    ]
    if problems:
        raise ConfigError.of(problems, hint="'health list' shows every check.")


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
