"""The format `table`: for people. Grouped by subsystem, the worst first, the hint under what is wrong."""

import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from health_cli.core.metric import Metric
from health_cli.core.report import Report, tally
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize
from health_cli.formatters import Style

COLORS = {
    Status.HEALTHY: "32",
    Status.WARNING: "33",
    Status.UNKNOWN: "35",
    Status.CRITICAL: "1;31",
    Status.SKIPPED: "90",
}
STATUS_WIDTH, TIME_WIDTH, GAPS = 8, 7, 6  # columns; GAPS is what tabulate puts between four columns
NAME_WIDTH = 30  # at most; a longer name is wrapped


def render(report: Report, style: Style) -> str:
    """Write the report as a table no wider than the style's width."""
    names = [len(result.name) for result in report.checks]
    name_width = min(max(names, default=10), NAME_WIDTH)
    room = max(20, style.width - STATUS_WIDTH - TIME_WIDTH - GAPS - name_width)
    groups = [[_row(result, style, name_width, room) for result in group] for group in grouped(report)]
    rows = [row for group in groups for row in group]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=("left", "left", "left", "right"))
    lines = [line.rstrip() for line in table.splitlines()]
    body = "\n\n".join("\n".join(_take(lines, group)) for group in groups)
    return "\n".join([*_head(report, style), "", body, *_tail(report, style)]) + "\n"


def _take(lines: list[str], group: Sequence[Sequence[str]]) -> list[str]:
    """Take the lines of a group of rows off the front: a row is as high as its highest cell."""
    height = sum(max(cell.count("\n") + 1 for cell in row) for row in group)
    taken, lines[:] = lines[:height], lines[height:]
    return taken


def grouped(report: Report) -> Iterator[list[Result]]:
    """Yield the results by subsystem, worst first in each; the group with the worst result comes first."""
    groups: dict[str, list[Result]] = {}
    for result in report.worst_first:
        groups.setdefault(result.subsystem, []).append(result)
    yield from groups.values()


def _row(result: Result, style: Style, name_width: int, room: int) -> list[str]:
    lines = textwrap.wrap(_text(result), room) or [""]
    if result.status is not Status.HEALTHY and result.hint:
        lines += textwrap.wrap(f"-> {result.hint}", room)
    if style.verbosity:
        lines += [part for metric in result.metrics for part in textwrap.wrap(_metric(metric), room)]
    return [
        _paint(result.status.word, result.status, style),
        "\n".join(textwrap.wrap(result.name, name_width, break_on_hyphens=False)),
        "\n".join(lines),
        humanize(result.duration, "s") if result.duration else "",
    ]


def _text(result: Result) -> str:
    if result.status in {Status.HEALTHY, Status.SKIPPED}:
        return result.summary or result.message
    return result.message or result.summary


def _metric(metric: Metric) -> str:
    """One metric with its thresholds, as `-v` shows it."""
    words = [
        f"{word} {threshold}"
        for word, threshold in (("warning", metric.warning), ("critical", metric.critical))
        if threshold
    ]
    return f"{metric} [{', '.join(words)}]" if words else str(metric)


def _head(report: Report, style: Style) -> list[str]:
    word = _paint(report.status.word.upper(), report.status, style)
    took = humanize(report.duration, "s")
    return textwrap.wrap(f"{word}  {tally(report.counts)}, in {took}, on {report.host}", style.width)


def _tail(report: Report, style: Style) -> list[str]:
    """What is only said in special cases, and from `-vv` the tracebacks and what checks printed."""
    lines: list[str] = []
    if report.interrupted:
        lines += ["", "Interrupted: this is what was known."]
    if report.isolation == "threads":
        lines += ["", "Run within this process: a check that holds the interpreter can't be stopped here."]
    if style.verbosity > 1:
        details = [(f"traceback of {r.name}", r.detail) for r in report.checks if r.detail]
        lines += _sections([*details, ("printed by checks", report.noise)])
    return lines


def _sections(parts: Sequence[tuple[str, str]]) -> list[str]:
    return [line for title, text in parts if text for line in ("", f"--- {title}", text.rstrip())]


def _paint(text: str, status: Status, style: Style) -> str:
    return f"\x1b[{COLORS[status]}m{text}\x1b[0m" if style.color else text
