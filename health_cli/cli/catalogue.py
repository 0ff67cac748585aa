"""`health list`: what would run, with every threshold, where each comes from, and what is missing for it."""

import json
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from textwrap import wrap
from typing import Any

import click

from health_cli.cli.failure import plain
from health_cli.cli.options import django_options, project_options, request_of, threshold_options
from health_cli.cli.output import write
from health_cli.cli.surroundings import Surroundings
from health_cli.config.load import Catalogue, catalogue
from health_cli.config.thresholds import DEFAULT
from health_cli.core.assembly import safe
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.metric import Metric
from health_cli.core.redaction import Redactor
from health_cli.core.registry import origin

WIDTH = 80


@click.command("list")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--skip", multiple=True, metavar="PATTERN", envvar="HEALTH_SKIP", help="Leave these checks out.")
@click.option("-f", "--format", "format_name", type=click.Choice(["table", "json"]), default="table")
@threshold_options
@click.option("-v", "--verbose", count=True, help="Metrics without a threshold too.")
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Show what would run: every check, its thresholds and where they come from.

    Nothing is contacted. A threshold that is not the default is followed by the
    place that it comes from: setting, the environment variable, or the option.
    """
    around.interrupt.release()
    try:
        found = catalogue(request_of(values))
    except ConfigError as error:
        raise plain(error) from None
    if values["format_name"] == "json":
        write(around.out, json.dumps([_row(check, found) for check in found.chosen], indent=2) + "\n")
    else:
        write(around.out, "\n".join(_table(found, verbose=bool(values["verbose"]))) + "\n")
    return 3 if found.results else 0


def missing_for(check: Check) -> str:
    """Say what has to be installed for a check, or nothing."""
    lacking = [r for r in check.requires if find_spec(r.module) is None]
    return f"pip install 'health-cli[{','.join(r.extra for r in lacking)}]'" if lacking else ""


def _row(check: Check, found: Catalogue) -> dict[str, Any]:
    return {
        "name": check.name,
        "origin": origin(check),
        "timeout": check.timeout,
        "needs": list(check.needs),
        "missing": missing_for(check) or None,
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                **{
                    which: {"range": str(threshold), "from": _place(found, check, metric, which)}
                    for which, threshold in (("warning", metric.warning), ("critical", metric.critical))
                    if threshold
                },
            }
            for metric in check.metrics
        ],
    }


def _place(found: Catalogue, check: Check, metric: Metric, which: str) -> str:
    return found.places.get((check.name, metric.name, which), DEFAULT)


def _table(found: Catalogue, *, verbose: bool) -> Iterator[str]:
    """Yield the lines: a table of checks and thresholds, then what is missing and what could not be loaded."""
    yield f"Settings: {found.source.name}"
    yield ""
    rows = [row for check in found.chosen for row in _lines(check, found, verbose=verbose)]
    tabulate = import_module("tabulate").tabulate
    table = tabulate(rows, ["check", "metric", "warning", "critical", "limit"], disable_numparse=True)
    yield from (line.rstrip() for line in table.splitlines())
    for check in found.chosen:
        if missing_for(check):
            yield from ("", f"{check.name}: the driver is not installed.", f"-> {missing_for(check)}")
    if found.on_request:
        yield from ("", *wrap(f"On request: {', '.join(found.on_request)}", WIDTH, break_long_words=False))
        yield "-> Name them, as in 'health run deploy', or put them into ALSO."
    redactor = Redactor(found.secrets)
    for result in (safe(result, redactor) for result in found.results):
        yield from ("", f"{result.name}: {result.message}", f"-> {result.hint}")


def _lines(check: Check, found: Catalogue, *, verbose: bool) -> Iterator[list[str]]:
    """Yield a row for each metric that has a threshold, the first with the check's name and limit."""
    shown = [m for m in check.metrics if verbose or m.warning or m.critical]
    name, limit = check.name, f"{check.timeout:g} s"
    for metric in shown:
        yield [name, metric.name, *(_cell(found, check, metric, which) for which in ("warning", "critical")), limit]
        name = limit = ""
    if not shown:
        yield [name, "", "", "", limit]


def _cell(found: Catalogue, check: Check, metric: Metric, which: str) -> str:
    threshold = metric.warning if which == "warning" else metric.critical
    if not threshold:
        return ""
    place = _place(found, check, metric, which)
    return threshold.shown(metric.unit) + ("" if place == DEFAULT else f" ({place})")
