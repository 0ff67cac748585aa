"""Registry: the checks of this project by name, and which of them were asked for."""

from collections.abc import Collection, Sequence
from types import ModuleType

from health_cli.core.check import Check, Requirement
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.names import matches, nearest
from health_cli.core.result import subsystem_of
from health_cli.core.status import Status


def refuse_twice(checks: Sequence[Check]) -> None:
    """Raise ConfigError where two checks have one name, naming where both come from."""
    seen: dict[str, Check] = {}
    for check in checks:
        if check.name in seen:
            raise ConfigError(
                f"Two checks are named '{check.name}': {origin(seen[check.name])} and {origin(check)}.",
                hint="Rename one of them: everything is keyed by the name.",
            )
        seen[check.name] = check


def origin(check: Check) -> str:
    """Return the module and name of the code behind a check."""
    code = getattr(check, "function", None) or type(check)
    return f"{code.__module__}.{code.__qualname__}"


def select(
    checks: Sequence[Check], patterns: Sequence[str], skip: Sequence[str] = (), families: Sequence[str] = ()
) -> tuple[Check, ...]:
    """Return the checks that the patterns mean, all where there is none, less those to skip.

    ConfigError where a pattern means nothing, or nothing is left: neither may pass for success.
    `families` are further words that a mistyped pattern may have meant.
    """
    names = {check.name for check in checks}
    known = sorted({*names, *map(subsystem_of, names), *families})
    lost = [p for p in (*patterns, *skip) if not any(matches(check.name, p) for check in checks)]
    if lost:
        raise ConfigError.of(
            [f"No check matches '{pattern}'{_instead(pattern, names, known, families)}." for pattern in lost],
            hint="'health list' shows every check.",
        )
    chosen = tuple(
        check
        for check in checks
        if (not patterns or any(matches(check.name, pattern) for pattern in patterns))
        and not any(matches(check.name, pattern) for pattern in skip)
    )
    if not chosen:
        raise ConfigError("No check is selected.", hint="'health list' shows every check.")
    return chosen


def _instead(pattern: str, names: Collection[str], known: Sequence[str], families: Sequence[str]) -> str:
    """Say what a pattern may have meant; one that is right means something that is not here."""
    if pattern.partition(":")[0] in {*families, *map(subsystem_of, families)}:
        return f": there is no such check here{nearest(pattern, names)}"
    return nearest(pattern, known)


def load_client(path: str, requirement: Requirement) -> ModuleType:
    """Import the module that talks to a service; Failure names the extra when its driver is missing.

    Only the absence of the driver itself is explained: any other import error stays itself.
    """
    try:
        return load(path)
    except ModuleNotFoundError as error:
        if error.name != requirement.module:
            raise
        raise Failure(
            Kind.MISCONFIGURED,
            f"The Python package for it is not installed (no module '{requirement.module}').",
            hint=f"Install it: pip install 'health-cli[{requirement.extra}]'",
            summary="driver not installed",
            status=Status.UNKNOWN,
        ) from error
