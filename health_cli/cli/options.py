"""Options that several commands share, and the types of option values."""

import os
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import click

from health_cli.config.request import Request
from health_cli.core.report import FailOn
from health_cli.core.status import Status
from health_cli.formatters import BUILT_IN

F = TypeVar("F", bound=Callable[..., Any])


def project_options(command: F) -> F:
    """Add what tells where the project is."""
    for option in reversed(
        (
            click.option("--settings", metavar="MODULE", help="The settings module, such as shop.settings."),
            click.option("--chdir", metavar="DIR", help="Go there first: the folder of manage.py."),
            click.option("--pythonpath", metavar="DIR", help="Another folder to import from."),
        )
    ):
        command = option(command)
    return command


def threshold_options(command: F) -> F:
    """Add the thresholds that override all others."""
    for option in reversed(
        (
            click.option("-w", "--warning", multiple=True, metavar="NAME=RANGE", help="Warn outside this range."),
            click.option("-c", "--critical", multiple=True, metavar="NAME=RANGE", help="Critical outside this range."),
        )
    ):
        command = option(command)
    return command


def format_options(command: F) -> F:
    """Add what chooses the format, and where the report goes."""
    for option in reversed(
        (
            click.option(
                "-f", "--format", "format_name", default="table", envvar="HEALTH_FORMAT", metavar="NAME",
                help=f"{', '.join(BUILT_IN)}.", show_default=True,
            ),
            click.option("-o", "--output", metavar="FILE", help="Write the report to a file (-: standard output)."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def verdict_options(command: F) -> F:
    """Add what chooses the exit code, and how much is said."""
    for option in reversed(
        (
            click.option(
                "--fail-on", type=click.Choice([str(word) for word in FailOn]), envvar="HEALTH_FAIL_ON",
                help="The least state that fails the exit code.",
            ),
            click.option("-q", "--quiet", is_flag=True, help="Print nothing when healthy."),
            click.option("-v", "--verbose", count=True, help="Metrics; -vv: tracebacks and what checks printed."),
            click.option("--max-bytes", type=click.IntRange(80), default=4096, help="Size of nagios output.  [4096]"),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def django_options(command: F) -> F:
    """Accept, and hide, the options that every management command has."""
    for option in (
        click.option("--verbosity", type=click.IntRange(0, 3), hidden=True),
        click.option("--no-color", is_flag=True, hidden=True),
        click.option("--force-color", is_flag=True, hidden=True),
        click.option("--traceback", is_flag=True, hidden=True),
        click.option("--skip-checks", is_flag=True, hidden=True),
    ):
        command = option(command)
    return command


class Deadline(click.ParamType):  # type: ignore[type-arg]  # generic in click's stubs, not at run time
    """SECONDS or SECONDS:STATE, as in `10:critical`: what a check is that the deadline cuts off."""

    name = "deadline"

    def __init__(self, *, with_state: bool = True) -> None:
        """Take SECONDS alone unless it is `with_state`."""
        self._with_state = with_state

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, Status]:
        """Return the seconds and the state."""
        if isinstance(value, tuple):
            return value
        text, colon, word = str(value).partition(":")
        try:
            seconds = float(text if self._with_state else str(value))
            state = Status.parse(word) if colon else Status.UNKNOWN
        except ValueError:
            allowed = (
                "SECONDS or SECONDS:STATE, such as 10 or 10:critical" if self._with_state else "a number of seconds"
            )
            self.fail(f"'{value}' is not {allowed}", param, ctx)
        if not 0 < seconds <= 86_400:
            self.fail(f"{text} seconds is out of range: above 0, at most 86400", param, ctx)
        if state not in {Status.WARNING, Status.UNKNOWN, Status.CRITICAL}:
            self.fail(f"'{word}' is no state for it: use warning, unknown or critical", param, ctx)
        return seconds, state


class Plain(click.ParamType):  # type: ignore[type-arg]  # generic in click's stubs, not at run time
    """A text that can be stored and shown: UTF-8, in one line, of a length."""

    name = "text"

    def __init__(self, most: int = 10_000, *, least: int = 0) -> None:
        """Take texts of at least and at most that many characters, blanks around them aside."""
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is none."""
        text = str(value)
        if not text.isprintable():
            self.fail(f"{text!a} has characters that can't be shown: give one line of UTF-8", param, ctx)
        if len(text.strip()) < self._least:
            self.fail("it is empty", param, ctx)
        if len(text) > self._most:
            self.fail(f"it has {len(text)} characters: at most {self._most} are kept", param, ctx)
        return text


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in click's stubs, not at run time
    """A number of seconds, or with a unit: `90`, `90s`, `10m`, `2h`, `7d`, `1w`; ten years at the most."""

    name = "duration"
    UNITS: ClassVar[dict[str, int]] = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    MOST_DAYS = 3650

    def __init__(self, *, bare: bool = True) -> None:
        """Take numbers without a unit only where they are `bare`: not where people would think of minutes."""
        self._bare = bare

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        text = str(value)
        number, unit = (text[:-1], text[-1:]) if text[-1:].isalpha() else (text, "")
        try:
            seconds = float(number) * self.UNITS[unit]
        except (ValueError, KeyError):
            seconds = -1.0
        if not seconds > 0 or not (unit or self._bare):
            self.fail(f"'{text}' is no time: use a number with s, m, h, d or w, such as 10m", param, ctx)
        if seconds > self.MOST_DAYS * self.UNITS["d"]:
            self.fail(f"'{text}' is too long: at most {self.MOST_DAYS}d, ten years", param, ctx)
        return seconds


def request_of(values: dict[str, Any]) -> Request:
    """Make the request out of a command's values."""
    return Request(
        settings=values.get("settings"),
        chdir=values.get("chdir"),
        pythonpath=values.get("pythonpath"),
        patterns=tuple(values.get("patterns", ())),
        skip=tuple(values.get("skip", ())),
        warning=tuple(values.get("warning", ())),
        critical=tuple(values.get("critical", ())),
        timeout=(values.get("timeout") or (None,))[0],
        environ=dict(os.environ),
    )
