"""`health run`: run the selected checks once, print the report, exit with the verdict."""

from importlib import import_module
from typing import Any

import click

from health_cli import __version__
from health_cli.cli.delivery import check_usage, deliver
from health_cli.cli.keeping import Keeping
from health_cli.cli.options import (
    Deadline,
    django_options,
    format_options,
    project_options,
    request_of,
    threshold_options,
    verdict_options,
)
from health_cli.cli.output import PATIENCE, StatusLine, is_terminal, terminal_width
from health_cli.cli.surroundings import Surroundings
from health_cli.config.request import Request
from health_cli.core.assembly import Stamp
from health_cli.core.guard import Crash, attempt
from health_cli.core.plan import Plan
from health_cli.core.report import FailOn, Report
from health_cli.core.run import Limits, run
from health_cli.core.status import Status
from health_cli.core.supervisor import DEFAULT_DEADLINE, Outcome
from health_cli.formatters import Formatter, load


@click.command(
    "run",
    epilog="Ranges: 80, 10:, ~:5, 10:20, @10:20; with 500ms, 10GiB, 90% too. Exit codes: "
    "0 healthy, 1 warning, 2 critical, 3 unknown or bad usage.",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--skip", multiple=True, metavar="PATTERN", envvar="HEALTH_SKIP", help="Leave these checks out.")
@format_options
@click.option(
    "-t",
    "--timeout",
    type=Deadline(),
    envvar="HEALTH_TIMEOUT",
    metavar="SECONDS[:STATE]",
    help="Deadline of the run; STATE is what it cuts off.  [default: 10:unknown]",
)
@threshold_options
@click.option("--record/--no-record", default=None, help="Keep the run: see 'health last'.  [HEALTH_CLI['RECORD']]")
@click.option(
    "--on-overlap",
    type=click.Choice(["run", "skip", "wait"]),
    envvar="HEALTH_ON_OVERLAP",
    help="While another recording run is on: run beside it, exit with 3, or wait.",
)
@verdict_options
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Run the checks once and exit with the verdict.

    PATTERN is a name (database:default), a subsystem (host) or a glob (*:default).
    """  # fmt: skip
    check_usage(values)
    keeping = Keeping(around, values)
    keeping.begin()
    try:
        report, formatter, outcome = observe(around, Stamp(__version__), values)
        deadline = (values["timeout"] or (None,))[0] or outcome.timeout or DEFAULT_DEADLINE
        try:
            return deliver(around, report, formatter, values, patience=max(PATIENCE, deadline - report.duration))
        finally:
            keeping.end(report, outcome)
    finally:
        keeping.release()


def load_plan(request: Request, plugins: bool) -> Plan:
    """Load the plan; what that takes is imported only here, in the worker process."""
    plan: Plan = import_module("health_cli.config.load").load_plan(request, plugins)
    if any(m.foretells for check in plan.checks for m in check.metrics):
        plan = import_module("health_cli.history.forewarning").forewarned(plan, _place(request))
    if any(hasattr(check, "memory") for check in plan.checks):
        plan = import_module("health_cli.history.remembering").remembering(plan, _place(request))
    return plan


def _place(request: Request) -> Any:
    """Return the folder of the project, None where there can be none."""
    place = import_module("health_cli.history.place")
    project = place.Project(request.settings, None, request.pythonpath)  # loading the settings went to --chdir
    found = attempt(lambda: place.Place.of(project, request.environ))
    return None if isinstance(found, Crash) else found


def observe(around: Surroundings, stamp: Stamp, values: dict[str, Any]) -> tuple[Report, Formatter, Outcome]:
    """Run, and return the report, the formatter, which is loaded while the worker works, and what came out."""
    request = request_of(values)
    timeout, cut_status = values["timeout"] or (None, Status.UNKNOWN)
    line = StatusLine(is_terminal(around.out) and is_terminal(around.err), terminal_width())
    formatters: list[Formatter] = []
    outcome, isolation = run(
        lambda plugins: load_plan(request, plugins),
        Limits(timeout=timeout, cut_status=cut_status),
        stop=lambda: around.interrupt.signal is not None,
        watch=line.update,
        forks=around.forks,
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
        host=outcome.recording.get("host", ""),
    )
    return report, formatters[0], outcome
