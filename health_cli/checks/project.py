"""Project: loads the project's apps for the checks that need them."""

from collections.abc import Callable
from typing import TypeVar

import django
from django.apps import apps
from django.core.exceptions import AppRegistryNotReady

from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone

T = TypeVar("T")


def loaded(call: Callable[[], T]) -> T | Crash:
    """Return what a call gives or raises; where it needs the project's models, these are loaded first."""
    found = attempt(lambda: alone(call))
    if not (isinstance(found, Crash) and isinstance(found.error, AppRegistryNotReady)):
        return found
    load_project()
    return attempt(lambda: alone(call))


def set_up() -> None:
    """Load the project's apps and models, once; raises whatever they raise."""
    if not apps.ready:
        alone(django.setup)


def load_project() -> None:
    """Load the project's apps and models, once; Failure where they can't be: nothing of the project would run."""
    crash = attempt(set_up)
    if isinstance(crash, Crash):
        raise Failure(
            Kind.MISCONFIGURED,
            f"The project can't be loaded: {crash.name}: {crash.text} (in {crash.place})",
            summary="the project can't be loaded",
            hint="Load it by hand to see more: manage.py check",
        )
