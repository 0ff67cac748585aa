"""Runs Django's system checks. Loaded only when that is asked."""

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

from health_cli.checks.project import load_project
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone
from health_cli.core.measurement import Measurement

MOST = 100  # messages that are kept
LEVELS = ((checks.CRITICAL, "critical"), (checks.ERROR, "error"), (checks.WARNING, "warning"), (checks.INFO, "info"))


def gather() -> Measurement:
    """Run them all; Failure where the project can't be loaded, or one of them raises."""
    load_project()
    found = attempt(lambda: alone(lambda: checks.run_checks(include_deployment_checks=True)))  # loads the URLs, too
    if isinstance(found, Crash):
        raise Failure(
            Kind.MISCONFIGURED, f"The system checks can't be run: {found.name}: {found.text} (in {found.place})",
            summary="system checks can't be run", hint="See more: manage.py check --deploy",
        )  # fmt: skip
    told = sorted((each for each in found if not each.is_silenced()), key=_order)
    levels = [level_of(each) for each in told]
    values = {
        "errors": levels.count("error") + levels.count("critical"),
        "warnings": levels.count("warning"),
        "silenced": len(found) - len(told),
    }
    return Measurement(values=values, facts={"messages": [_row(each) for each in told[:MOST]]})


def _order(message: CheckMessage) -> tuple[int, bool, str]:
    """The worst first, and ours after those of others."""
    name = str(message.id or "")
    return -message.level, name.startswith("health_cli"), name


def level_of(message: CheckMessage) -> str:
    """Return the word of a message's level; a level of its own counts as the next one below."""
    return next((word for level, word in LEVELS if message.level >= level), "debug")


def _row(message: CheckMessage) -> dict[str, Any]:
    about = message.obj
    label = getattr(getattr(about, "_meta", None), "label", None) or (str(about) if about is not None else "")
    return {
        "id": message.id or "", "level": level_of(message), "message": str(message.msg),
        "hint": str(message.hint or ""), "object": label,
    }  # fmt: skip
