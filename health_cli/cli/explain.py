"""`health explain NAME`: the manual page of a check, with its metrics, thresholds and options."""

import textwrap
from collections.abc import Iterator
from typing import Any

import click

from health_cli.cli.catalogue import missing_for
from health_cli.cli.failure import plain
from health_cli.cli.options import django_options, project_options, request_of
from health_cli.cli.output import write
from health_cli.cli.surroundings import Surroundings
from health_cli.config.kinds import KINDS, sample_of
from health_cli.config.load import catalogue
from health_cli.config.options import options_of
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.metric import Metric
from health_cli.core.redaction import Redactor
from health_cli.core.registry import origin

WIDTH = 80


@click.command("explain")
@click.argument("name")
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Explain a check: what it looks at, its metrics, thresholds, options and grants.

    NAME is a check's name as 'health list' shows it, or a pattern: the first match is explained. A word of the setting
    CHECKS, such as TLS, or the name that its checks have, is explained too where there is no such check.
    """
    around.interrupt.release()
    name = values.pop("name")
    try:
        found = catalogue(request_of({**values, "patterns": (name,)}))
        check, *others = found.chosen
        redactor = Redactor(found.secrets)
    except ConfigError as error:
        sample = sample_of(name)
        if sample is None:
            raise plain(error) from None
        check, others, redactor = sample, [], Redactor()
    lines = list(page(check, redactor, where_of(type(check))))
    others = [other for other in others if type(other) is type(check)]
    if others:
        lines += ["", "The same page serves " + ", ".join(other.name for other in others[:8]) + "."]
    write(around.out, "\n".join(lines) + "\n")
    return 0


def where_of(cls: type[Check]) -> str:
    """Return where the options of a class of check stand in the setting."""
    word = next((word for word, kind in KINDS.items() if kind.path == f"{cls.__module__}:{cls.__qualname__}"), "")
    return f"beside {word} in HEALTH_CLI['CHECKS']" if word else "HEALTH_CLI['OPTIONS']"


def page(check: Check, redactor: Redactor, where: str) -> Iterator[str]:
    """Yield the lines of a check's manual page, with `where` its options stand; none of these shows a secret."""
    yield f"{check.name}  ({origin(check)})"
    yield ""
    for paragraph in (check.manual or "It has no manual: its docstring would be shown here.").split("\n\n"):
        yield from textwrap.wrap(" ".join(paragraph.split()), WIDTH)
        yield ""
    yield f"Limit: {check.timeout:g} s" + (f"; needs {', '.join(check.needs)}" if check.needs else "")
    if missing_for(check):
        yield f"Missing: {missing_for(check)}"
    if check.metrics:
        yield from ("", "Metrics")
    for metric in check.metrics:
        yield from _metric(metric)
    if options_of(check):
        yield from ("", f"Options ({where})")
    for option, value in options_of(check).items():
        yield redactor.text(f"  {option} = {value!r}")


def _metric(metric: Metric) -> Iterator[str]:
    ranges = [
        f"{w} {t.shown(metric.unit)}" for w, t in (("warning", metric.warning), ("critical", metric.critical)) if t
    ]
    unit = f" [{metric.unit}]" if metric.unit else ""
    yield f"  {metric.name}{unit}" + (f"  {', '.join(ranges)}" if ranges else "")
    for text in (metric.help, f"-> {metric.hint}" if metric.hint else ""):
        yield from textwrap.wrap(text, WIDTH, initial_indent="      ", subsequent_indent="      ")
