"""`health run`: run the selected checks once, print the report, exit with the verdict."""

import os
from importlib import import_module
from typing import Any

import click

from health_cli import __version__
from health_cli.cli.options import (
    Deadline,
    django_options,
    project_options,
    request_of,
    threshold_options,
)
from health_cli.cli.output import PATIENCE, StatusLine, Undelivered, is_terminal, terminal_width, write, write_file
from health_cli.cli.surroundings import Surroundings
from health_cli.config.request import Request
from health_cli.core.assembly import Stamp
from health_cli.core.errors import ConfigError
from health_cli.core.guard import attempt
from health_cli.core.plan import Plan
from health_cli.core.report import FailOn, Report, tally
from health_cli.core.run import Limits, run
from health_cli.core.status import Status
from health_cli.core.supervisor import DEFAULT_DEADLINE
from health_cli.formatters import BUILT_IN, Formatter, Style, load


@click.command(
    "run",
    epilog="Ranges: 80, 10:, ~:5, 10:20, @10:20; with 500ms, 10GiB, 90% too. Exit codes: "
    "0 healthy, 1 warning, 2 critical, 3 unknown or bad usage.",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--skip", multiple=True, metavar="PATTERN", envvar="HEALTH_SKIP", help="Leave these checks out.")
@click.option(
    "-f",
    "--format",
    "format_name",
    default="table",
    envvar="HEALTH_FORMAT",
    metavar="NAME",
    help=f"{', '.join(BUILT_IN)}.",
    show_default=True,
)
@click.option("-o", "--output", metavar="FILE", help="Write the report to a file (-: standard output).")
@click.option(
    "-t",
    "--timeout",
    type=Deadline(),
    envvar="HEALTH_TIMEOUT",
    metavar="SECONDS[:STATE]",
    help="Deadline of the run; STATE is what it cuts off.  [default: 10:unknown]",
)
@threshold_options
@click.option(
    "--fail-on",
    type=click.Choice([str(word) for word in FailOn]),
    envvar="HEALTH_FAIL_ON",
    help="The least state that fails the exit code.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing when healthy.")
@click.option("-v", "--verbose", count=True, help="Metrics; -vv: tracebacks and what checks printed.")
@click.option("--max-bytes", type=click.IntRange(80), default=4096, help="Size of the nagios output.  [4096]")
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Run the checks once and exit with the verdict.

    PATTERN is a name (database:default), a subsystem (host) or a glob (*:default).
    """  # fmt: skip
    check_usage(values)
    report, formatter, deadline = observe(around, Stamp(__version__), values)
    return deliver(around, report, formatter, values, patience=max(PATIENCE, deadline - report.duration))


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


def load_plan(request: Request, plugins: bool) -> Plan:
    """Load the plan; what that takes is imported only here, in the worker process."""
    plan: Plan = import_module("health_cli.config.load").load_plan(request, plugins)
    return plan


def observe(around: Surroundings, stamp: Stamp, values: dict[str, Any]) -> tuple[Report, Formatter, float]:
    """Run, and return the report, the formatter, which is loaded while the worker works, and the deadline."""
    request = request_of(values)
    timeout, cut_status = values["timeout"] or (None, Status.UNKNOWN)
    line = StatusLine(is_terminal(around.out) and is_terminal(around.err), terminal_width())
    formatters: list[Formatter] = []
    outcome, isolation = run(
        lambda plugins: load_plan(request, plugins),
        Limits(timeout=timeout, cut_status=cut_status),
        stop=lambda: around.interrupt.signal is not None,
        watch=line.update,
        meanwhile=lambda: formatters.append(load(values["format_name"])),
    )
    line.clear()
    fail_on = FailOn(values["fail_on"]) if values["fail_on"] else outcome.fail_on
    report = stamp.finish(
        outcome.in_order(),
        secrets=outcome.secrets,
        fail_on=fail_on or FailOn.WARNING,
        isolation=isolation,
        interrupted=around.interrupt.signal,
        noise=outcome.noise,
    )
    return report, formatters[0], timeout or outcome.timeout or DEFAULT_DEADLINE


def deliver(
    around: Surroundings, report: Report, formatter: Formatter, values: dict[str, Any], *, patience: float
) -> int:
    """Write the report to where it belongs and return the exit code; what can't be delivered is no success.

    A slow reader has `patience` seconds: what is left of the run's deadline.
    """
    output = values["output"]
    style = style_of(around, values, to_file=bool(output))
    text = formatter(report, style)
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
