"""`health history METRIC`: how a metric went, as a plot with its trends, or exported."""

import os
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from math import isfinite
from typing import Any, TextIO

import click

from health_cli.cli.delivery import wants_color
from health_cli.cli.export import EXPORTS, Head
from health_cli.cli.failure import plain
from health_cli.cli.moments import Moment, seconds_since_epoch
from health_cli.cli.options import Plain, django_options, project_options
from health_cli.cli.output import is_terminal, terminal_width, write, write_file
from health_cli.cli.record import found
from health_cli.cli.surroundings import Surroundings
from health_cli.config.source import environment_secrets
from health_cli.core.errors import ConfigError
from health_cli.core.names import matches, nearest
from health_cli.core.threshold import Threshold
from health_cli.history.trend_words import as_json, said
from health_cli.history.trends import Trends, trends

SHOWN = 20  # names in a message
DAY = 86_400.0
PATIENCE = 3_600.0  # seconds that a reader may take, all in all: a pager is one


@click.command("history")
@click.argument("metric", type=Plain())
@click.option("--since", type=Moment(), metavar="TIME", help="From when: 30m, 7d, 2026-11-23.  [a day before --until]")
@click.option("--until", type=Moment(), metavar="TIME", help="Up to when.  [default: now]")
@click.option("--host", type=Plain(), metavar="NAME", help="Whose numbers.  [default: this host's]")
@click.option(
    "-f",
    "--format",
    "format_name",
    type=click.Choice(["table", *EXPORTS]),
    default="table",
    help="A plot for people, or an export.",
    show_default=True,
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file (-: standard output).")
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Show how a metric went: a plot with its trends, or an export.

    METRIC is check/metric, such as database:default/query_time; the name of a
    check alone means how long the check took.
    """
    around.interrupt.release()
    output = None if values["output"] == "-" else values["output"]
    if output and not os.path.isdir(os.path.dirname(output) or "."):
        raise click.UsageError(f"--output {output}: there is no folder '{os.path.dirname(output)}'.")
    output = os.path.abspath(output) if output else None  # --chdir goes elsewhere
    try:
        _deliver(around, output, pieces(around, values))
    except ConfigError as error:
        error.secrets |= environment_secrets(os.environ)
        raise plain(error) from None
    return 0


def _deliver(around: Surroundings, output: str | None, texts: Iterable[str]) -> None:
    """Write the pieces as they come; a reader that went away ends it, and is no error."""
    if output is None:
        for text in texts:
            if not write(around.out, text, PATIENCE):
                return
        return
    try:
        write_file(output, texts)
    except OSError as error:
        raise click.ClickException(f"--output {output} can't be written: {error.strerror}.") from None
    write(around.err, f"health: the history is in {output}\n")


def pieces(around: Surroundings, values: dict[str, Any]) -> Iterator[str]:
    """Yield the output; ConfigError where the record has no such metric, or can't be read."""
    record = found(values)
    since, until = _between(values)
    reading = import_module("health_cli.history.reading")
    with reading.asked(record):
        reader = reading.Reader(record.alias)
        series = _series(reader, values, record.host)
        told = trends(list(reader.recent(series, until)), reader.limit(series))
        if values["format_name"] == "table":
            yield from _table(reader, series, (since, until), told, _look(around, values))
            return
        unit = reader.latest(series).unit
        head = Head(series, unit, since, until, as_json(told))
        yield from EXPORTS[values["format_name"]](head, reader.rows(series, since, until))


def _between(values: dict[str, Any]) -> tuple[float, float]:
    """Return the moments; the project's time zone is known by now."""
    until = seconds_since_epoch(values["until"]) if values["until"] else time.time()
    since = seconds_since_epoch(values["since"]) if values["since"] else until - DAY
    if since >= until:
        raise click.UsageError(f"--since {values['since']} is not before --until {values['until'] or 'now'}.")
    return since, until


def _series(reader: Any, values: dict[str, Any], here: str) -> Any:
    """Return the series that is meant; ConfigError names what there is instead."""
    name = values["metric"]
    host = values["host"] or here
    series = reader.find(host, name)
    if series:
        return series
    hosts = reader.hosts()
    if not hosts:
        raise ConfigError("Nothing has been recorded yet.", hint="Record a run: health run --record")
    if host not in hosts and (values["host"] or len(hosts) > 1):
        shown = ", ".join(hosts[:SHOWN])
        raise ConfigError(f"Nothing has been recorded of the host '{host}'.", hint=f"Choose with --host: {shown}")
    host = host if host in hosts else hosts[0]
    series = reader.find(host, name)
    if series:
        return series
    names = reader.names(host)
    check, _, metric = name.rpartition("/")
    wanted = ((name, import_module("health_cli.history.reading").DURATION), (check, metric))
    meant = [n for n in names if any(n.rpartition("/")[2] == m and matches(n.rpartition("/")[0], c) for c, m in wanted)]
    if len(meant) == 1:
        return reader.find(host, meant[0])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    raise ConfigError(
        f"Nothing has been recorded of '{name}' on {host}{nearest(name, names)}.",
        hint="There are " + ", ".join(_likely(name, names)[:SHOWN]) + more,
    )


def _likely(name: str, names: list[str]) -> list[str]:
    """Return the names, those of the same check and the same subsystem first."""
    check = name.rpartition("/")[0] or name
    subsystem = name.partition(":")[0].partition(".")[0]
    return sorted(names, key=lambda other: (not other.startswith(check), not other.startswith(subsystem), other))


def _look(around: Surroundings, values: dict[str, Any]) -> Any:
    terminal = is_terminal(around.out) and values["output"] in {None, "-"}
    width = max(80, terminal_width()) if terminal else 80
    return import_module("health_cli.cli.plot").Look(width, _braille(around.out), wants_color(terminal, values))


def _braille(stream: TextIO | None) -> bool:
    """Tell whether the reader can show braille: not in a plain C locale, which Python itself takes for UTF-8."""
    if os.environ.get("TERM") in {"dumb", "linux"} or "utf" not in (getattr(stream, "encoding", "") or "").lower():
        return False
    words = [os.environ.get(name, "") for name in ("LC_ALL", "LANG")]
    coerced = os.environ.get("LC_CTYPE", "")  # C.UTF-8 is what Python has put there itself (PEP 538)
    words.insert(1, "" if coerced in {"C.UTF-8", "C.utf8", "UTF-8"} else coerced)
    return "utf" in next((word for word in words if word), "").lower()


def _table(reader: Any, series: Any, between: tuple[float, float], told: Trends, look: Any) -> Iterator[str]:
    """Yield the plot and what stands around it."""
    plot = import_module("health_cli.cli.plot")
    since, until = between
    latest = reader.latest(series)
    columns = plot.Columns(since, until, plot.canvas_width(look) * plot.DOTS)
    for row in reader.rows(series, since, until):
        columns.add(row)
    yield f"{series.name} on {series.host}\n{_local(since)} to {_local(until)} {time.strftime('%Z')}\n\n"
    if not columns.count:
        yield f"No values in this time.{_why_none(columns, latest, between)}\n"
        return
    limits = _thresholds(latest.extra)
    if isfinite(columns.high - columns.low):
        yield "\n".join([*plot.draw(columns, latest.unit, limits, look), ""]) + "\n"
    yield "\n".join([*plot.legend(columns, latest.unit, limits), *said(told, latest.unit)]) + "\n"


def _why_none(columns: Any, latest: Any, between: tuple[float, float]) -> str:
    """Say why there is nothing to show: it could not be measured, or was at another time."""
    since, until = between
    missing = f" {columns.missing} times it could not be measured" if columns.missing else ""
    reason = f": {latest.extra['reason']}" if missing and latest.extra.get("reason") else ""
    elsewhere = (
        "" if since <= latest.seconds <= until else f" The newest row is of {_local(latest.seconds)}: try --since."
    )
    return f"{missing}{reason}{'.' if missing else ''}{elsewhere}"


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _thresholds(extra: dict[str, Any]) -> dict[str, Threshold]:
    """Return the thresholds of the newest run, by the letter that stands at their line."""
    texts = {"w": extra.get("warning"), "c": extra.get("critical")}
    return {letter: Threshold.parse(str(text)) for letter, text in texts.items() if text is not None}
