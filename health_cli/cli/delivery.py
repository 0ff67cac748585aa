"""Delivery: how a report gets to whoever asked for it, and what of that makes no sense."""

import os
from typing import Any

import click

from health_cli.cli.output import PATIENCE, Undelivered, is_terminal, terminal_width, write, write_file
from health_cli.cli.surroundings import Surroundings
from health_cli.core.errors import ConfigError
from health_cli.core.guard import attempt
from health_cli.core.report import Report, tally
from health_cli.core.status import Status
from health_cli.formatters import BUILT_IN, Formatter, Style, load


def check_usage(values: dict[str, Any]) -> None:
    """Refuse what makes no sense together; click reports it."""
    if values["quiet"] and values["format_name"] == "nagios":
        raise click.UsageError("--quiet does not go with --format nagios: a plugin always prints its line.")
    values["output"] = output = None if values["output"] == "-" else values["output"]
    if output and not os.path.isdir(os.path.dirname(output) or "."):
        raise click.UsageError(f"--output {output}: there is no folder '{os.path.dirname(output)}'.")
    try:
        if values["format_name"] not in BUILT_IN:
            load(values["format_name"])
    except ConfigError as error:
        raise click.UsageError(f"{error.message} {error.hint}") from None


def deliver(
    around: Surroundings, report: Report, formatter: Formatter, values: dict[str, Any], *, patience: float = PATIENCE
) -> int:
    """Write the report to where it belongs and return the exit code; what can't be delivered is no success.

    A slow reader has `patience` seconds: what is left of the run's deadline.
    """
    output = values["output"]
    style = style_of(around, values, to_file=bool(output))
    text = formatter(report, style)
    around.printed = len(text.encode(errors="replace"))
    try:
        if output:
            write_file(output, text)
            _tell(around, report, values)
        elif not (values["quiet"] and report.status is Status.HEALTHY):
            write(around.out, text, patience)
    except Undelivered as error:
        if values["format_name"] != "nagios":
            _say(around, f"Error: {error.strerror}")
        return report.exit_code or 3
    except OSError as error:
        raise click.ClickException(f"--output {output} can't be written: {error.strerror}.") from None
    return report.exit_code


def _tell(around: Surroundings, report: Report, values: dict[str, Any]) -> None:
    """Say on standard error that the report is in the file; Nagios and cron --quiet want silence."""
    if values["format_name"] != "nagios" and not values["quiet"]:
        what = f"{report.status.word} ({tally(report.counts)})"
        _say(around, f"health: {what}, report in {values['output']}")


def _say(around: Surroundings, text: str) -> None:
    """Say something beside the report; where nobody listens, the report and the exit code still count."""
    attempt(lambda: write(around.err, f"{text}\n"))


def style_of(around: Surroundings, values: dict[str, Any], *, to_file: bool) -> Style:
    """Return the style that the terminal, the environment and the options make."""
    terminal = is_terminal(around.out) and not to_file
    return Style(
        width=max(80, terminal_width()) if terminal else 80,
        color=wants_color(terminal, values),
        verbosity=max(values["verbose"], (values["verbosity"] or 1) - 1),
        max_bytes=values["max_bytes"],
    )


def wants_color(terminal: bool, values: dict[str, Any]) -> bool:
    """NO_COLOR wins over FORCE_COLOR, both over what the terminal is; an empty value counts as unset."""
    if values["no_color"] or os.environ.get("NO_COLOR"):
        return False
    if values["force_color"] or os.environ.get("FORCE_COLOR"):
        return True
    return terminal and os.environ.get("TERM") != "dumb"
