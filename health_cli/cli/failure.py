"""A report about a run that could not begin: what was asked for makes no sense."""

import sys

from health_cli import __version__
from health_cli.cli.output import write
from health_cli.core.assembly import Stamp
from health_cli.core.errors import ConfigError
from health_cli.core.report import Report
from health_cli.core.result import SETUP, failed
from health_cli.formatters import Style, load


def report(error: ConfigError) -> Report:
    """Return a report of one unknown result that says what is wrong."""
    return Stamp(__version__).finish([failed(SETUP, error)])


def show(message: str, hint: str, format_name: str) -> int:
    """Print such a report in a format, an unknown one as plain text; return the exit code."""
    failure = report(ConfigError(message, hint=hint))
    try:
        text = load(format_name)(failure, Style())
    except ConfigError:  # the format itself is what is wrong
        write(sys.stderr, f"Error: {message}\n{hint}\n")
    else:
        write(sys.stdout, text)
    return failure.exit_code
