"""`health last`: the last recorded run, in any format, running nothing."""

import os
from dataclasses import replace
from importlib import import_module
from typing import Any

import click

from health_cli import __version__
from health_cli.cli.delivery import check_usage, deliver
from health_cli.cli.options import Duration, Plain, django_options, format_options, project_options, verdict_options
from health_cli.cli.surroundings import Surroundings
from health_cli.core.assembly import machine
from health_cli.core.guard import Crash, attempt
from health_cli.core.report import FailOn, Report
from health_cli.core.result import Result
from health_cli.formatters import load
from health_cli.history.last import Last, aged, last_here, missing, selected
from health_cli.history.place import NothingYet, Place, Project


@click.command("last", epilog="Exit codes: as the run's; 3 too where there is no run, or none that is young enough.")
@click.argument("patterns", type=Plain(), nargs=-1, metavar="[PATTERN]...")
@format_options
@click.option("--max-age", type=Duration(), envvar="HEALTH_MAX_AGE", help="An older run is unknown: 90s, 10m, 2h.")
@click.option("--host", type=Plain(), metavar="NAME", help="The run of another host, from the database.")
@verdict_options
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Show the last recorded run, and exit with its verdict.

    It comes from the state folder of this user, without loading the project, so it is there while the
    database is down; from the database where there is none, or for another host.
    """
    around.interrupt.release()
    check_usage(values)
    return deliver(around, last_report(values), load(values["format_name"]), values)


def last_report(values: dict[str, Any]) -> Report:
    """Return the report on the last run, or on there being none; click.ClickException where a pattern means nothing."""
    last = find(values)
    if isinstance(last, Result):
        stamp = import_module("health_cli.core.assembly").Stamp(__version__)
        report: Report = stamp.finish([last])
        return report
    chosen, lost = selected(last, values["patterns"])
    if lost or not chosen.report.checks:
        names = ", ".join(result.name for result in last.report.checks)
        raise click.ClickException(f"The last run has no check that '{(lost or ['*'])[0]}' means. It has {names}.")
    return replace(aged(chosen, values["max_age"]), fail_on=FailOn(values["fail_on"] or last.fail_on))


def find(values: dict[str, Any]) -> Last | Result:
    """Return the last run of the host that is asked for, or the verdict where there is none."""
    project = Project(values["settings"], values["chdir"], values["pythonpath"])
    if project.chdir and not os.path.isdir(project.chdir):
        raise click.ClickException(f"--chdir {project.chdir}: no such folder.")
    place = attempt(lambda: Place.of(project, os.environ))
    if isinstance(place, Crash):
        raise click.ClickException(place.text)
    last = attempt(lambda: last_here(place))
    if isinstance(last, Crash):
        reason = getattr(last.error, "strerror", last.text)
        raise click.ClickException(f"The last run in {place.last} can't be read: {reason}.")
    last = None if last and values["host"] not in {None, "", last.report.host} else last
    if last and os.access(place.folder, os.W_OK):
        return last
    found = attempt(lambda: in_database(values["host"], project, place))
    if last:  # runs go straight to the record where the folder can't be written to
        return newest(last, None if isinstance(found, Crash) else found[0])
    host = values["host"] or machine()
    if not isinstance(found, Crash):
        return found[0] or missing(found[1], found[2])
    if isinstance(found.error, NothingYet):
        return missing(host)
    redactor = import_module("health_cli.core.redaction").Redactor
    said = f"{found.text} {getattr(found.error, 'hint', '')}".rstrip()
    reason = redactor(getattr(found.error, "secrets", ())).text(said)
    raise click.ClickException(
        f"There is no last run of {host} in {place.folder}, and the database was of no help: {reason}"
    )


def newest(here: Last, there: Last | None) -> Last:
    """Return the newer one of what this host's folder has, and the record."""
    return there if there and max(there.times.values()) > max(here.times.values()) else here


def in_database(host: str | None, project: Project, place: Place) -> tuple[Last | None, str, list[str]]:
    """Ask the record for a host, or for this one; return the name of the host too, and the hosts that there are.

    Django is loaded only here.
    """
    record = import_module("health_cli.history.opening").open_record(project, place)
    name = host or record.host
    last, known = import_module("health_cli.history.elsewhere").last_of(name, record)
    return last, name, known
