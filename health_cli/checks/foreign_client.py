"""Runs a check class of django-health-check. Loaded only when one is asked for."""

import inspect
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from health_cli.checks.project import load_project
from health_cli.core import aio
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone
from health_cli.core.status import Status

VERDICTS = "HealthCheckException"  # what its verdicts are derived from
WARNING = "ServiceWarning"


def run(path: str, options: Mapping[str, Any]) -> tuple[str, str, Mapping[str, str]]:
    """Return the verdict (nothing where it is well), what it says, and what tells it from others; Failure."""
    load_project()
    made = attempt(lambda: alone(lambda: import_string(path)(**options)))
    if isinstance(made, Crash):
        lost = isinstance(made.error, ModuleNotFoundError) and str(made.error.name or "").partition(".")[0]
        package = "django-health-check" if lost == "health_check" else lost
        hint = f"Install what it needs: pip install {package}" if lost else ""
        raise _unusable(f"{path} can't be made: {made.name}: {made.text}", hint)
    if not callable(getattr(made, "run", None)):
        raise _unusable(f"{path} has no run(): it is no check of django-health-check 4", "Is it one of version 3?")
    labels = attempt(lambda: {key: str(value) for key, value in dict(getattr(made, "labels", {}) or {}).items()})
    labels = {} if isinstance(labels, Crash) else labels  # they only tell it from others
    outcome = attempt(lambda: _awaited(made.run()))
    if isinstance(outcome, Crash):
        names = [each.__name__ for each in type(outcome.error).__mro__]
        if VERDICTS not in names:
            raise outcome.error
        return (WARNING if WARNING in names else names[0]), str(getattr(outcome.error, "message", outcome.text)), labels
    return "", str(getattr(made, "pretty_status", lambda: "OK")()), labels


def _awaited(outcome: Any) -> Any:
    """Return what a call gives in the end: an async one may be hidden behind a decorator."""
    return aio.run(outcome) if inspect.isawaitable(outcome) else outcome


def _unusable(text: str, hint: str) -> Failure:
    return Failure(
        Kind.MISCONFIGURED, f"{text}.", summary="can't be made", hint=hint or "Correct it in HEALTH_CLI['CHECKS'].",
        status=Status.UNKNOWN,
    )  # fmt: skip
