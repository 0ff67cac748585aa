"""Django's system checks of the setting HEALTH_CLI, so that `manage.py check` finds what a run would refuse."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from health_cli.config.builtin import FAMILIES
from health_cli.config.load import catalogue
from health_cli.config.page_url import is_hidden, page_url
from health_cli.config.request import Request
from health_cli.config.setting import validate
from health_cli.config.source import locate
from health_cli.config.verify import lost_alert_patterns
from health_cli.core.errors import ConfigError


def check_setting(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the setting (errors), and what it lacks to be able to run (warnings).

    E001 to E004 come from the setting alone; E005 is what only shows once the checks are known, such as
    a threshold for a metric that no check has, E006 an alias that DATABASES has not; W001 is a driver that is not
    installed, W002 a module that can't be imported, W003 a pattern about alerts that means no check of this host,
    W004 an admin without our page, or one whose own URLs hide it.
    """
    source = locate(None, None, None)
    setting, problems = validate(source.setting)
    if problems:
        return [Error(p.message, hint=p.hint or None, id=f"health_cli.{p.id}") for p in problems]
    if setting.RECORD_DATABASE not in source.databases:
        known = ", ".join(source.databases) or "none"
        text = f"HEALTH_CLI['RECORD_DATABASE'] is {setting.RECORD_DATABASE!r}, and DATABASES has {known}."
        return [Error(text, hint="Name one of these.", id="health_cli.E006")]
    try:
        return list(_what_is_missing())
    except ConfigError as error:
        return [Error(line, hint=error.hint, id="health_cli.E005") for line in error.message.splitlines()]


def _what_is_missing() -> Iterator[CheckMessage]:
    found = catalogue(Request())
    for result in found.results:
        yield Warning(result.message, hint=result.hint, id="health_cli.W002")
    for check in found.chosen:
        for requirement in check.requires:
            if find_spec(requirement.module) is None:
                yield Warning(
                    f"{check.name} can't be checked: the module '{requirement.module}' is not installed.",
                    hint=f"pip install 'health-cli[{requirement.extra}]'",
                    id="health_cli.W001",
                )
    yield from _what_hides_the_page()
    if not found.results:
        for line in lost_alert_patterns(found.setting, found.chosen, FAMILIES):
            yield Warning(line, hint="'health list' shows every check.", id="health_cli.W003")


def _what_hides_the_page() -> Iterator[CheckMessage]:
    if not apps.is_installed("django.contrib.admin") or not getattr(settings, "ROOT_URLCONF", None):
        return
    path = page_url()
    if path and not is_hidden(path):
        return
    yield Warning(
        f"The page's URL {path} is never reached: another one before it takes that path."
        if path
        else "The page has no URL, so the admin shows no last run.",
        hint='Put path("admin/health/", include("health_cli.urls")) before the admin\'s own path, or put '
        "'health_cli.W004' into SILENCED_SYSTEM_CHECKS.",
        id="health_cli.W004",
    )
