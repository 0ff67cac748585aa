"""A report about a run that could not begin: what was asked for makes no sense."""

import os

import click

from health_cli import __version__
from health_cli.cli.output import write, write_file
from health_cli.cli.surroundings import Surroundings
from health_cli.config.source import environment_secrets
from health_cli.core.assembly import Stamp, safe_text
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.redaction import Redactor
from health_cli.core.report import Report
from health_cli.core.result import SETUP, failed
from health_cli.formatters import Style, load


def report(error: ConfigError) -> Report:
    """Return a report of one unknown result that says what is wrong."""
    secrets = error.secrets | environment_secrets(os.environ)
    return Stamp(__version__).finish([failed(SETUP, error)], secrets=secrets)


def show(message: str, hint: str, format_name: str, output: str, around: Surroundings) -> int:
    """Give such a report in a format, to a file where one was asked for; return the exit code.

    Where the format or the file is what is wrong, it is said in plain text.
    """
    failure = report(ConfigError(message, hint=hint))
    text = attempt(lambda: load(format_name)(failure, Style()))
    if isinstance(text, Crash):
        write(around.err, f"Error: {message}\n{hint}".rstrip() + "\n")
    elif not output or isinstance(attempt(lambda: write_file(output, text)), Crash):
        write(around.err if format_name == "table" else around.out, text)
    elif format_name != "nagios":
        write(around.err, f"Error: {message}\n{hint}".rstrip() + "\n")
    return failure.exit_code


def plain(error: ConfigError) -> click.ClickException:
    """Return what click says about wrong settings, with every secret masked."""
    redactor = Redactor(error.secrets | environment_secrets(os.environ))
    return click.ClickException(safe_text(f"{error.message}\n{error.hint}".rstrip(), redactor))
