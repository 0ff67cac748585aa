"""The format `nagios`: one status line with all performance data, then a line for what is not healthy.

By the monitoring-plugins' guidelines, within what Nagios Core, Icinga 2 and NRPE were seen to accept:
one pipe, on the first line, with every item after it; no pipe and no control character anywhere else.
"""

import re
from collections.abc import Sequence

from health_cli.core.metric import Metric
from health_cli.core.report import Report, tally
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import fixed_point
from health_cli.formatters import Style

STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
UNITS = {"s", "B", "%", "c"}
WANTED = 80  # characters of the status line; pagers and lists of services show no more
LEAST = 60  # characters of what is wrong, however long the rest is
CUT = " [cut]"
LEAST_LINE = 60  # bytes of a line that is cut


def render(report: Report, style: Style) -> str:
    """Write the report for Nagios, Icinga and their relatives, in at most `style.max_bytes` bytes."""
    return fit(headline(report), perfdata(report.checks), long_output(report, style), style.max_bytes)


def headline(report: Report) -> str:
    """The status line: what is wrong first, then how many are what."""
    state = STATES.get(report.exit_code, "UNKNOWN")
    worst = next((r for r in report.worst_first if r.status > Status.HEALTHY), None)
    if worst is None:
        return f"HEALTH {state} - {', '.join(filter(None, [tally(report.counts), report.when]))}"
    what = one_line(f"{worst.name} {worst.summary or worst.status.word}")
    counts = ", ".join(filter(None, [tally(report.counts), report.when]))
    frame = f"HEALTH {state} -  ({counts})"
    room = max(LEAST, WANTED - len(frame))
    if len(what) > room:
        what = what[: room - 3] + "..."
    return f"HEALTH {state} - {what} ({counts})".replace(";", ",")


def long_output(report: Report, style: Style) -> list[str]:
    """A line a check that is not healthy, all of them from `-v`; what checks printed from `-vv`."""
    lines = [_line(r) for r in report.worst_first if style.verbosity or r.status is not Status.HEALTHY]
    if style.verbosity > 1:
        details = [r.detail for r in report.worst_first] + [report.noise]
        lines += [one_line(line) for text in details for line in text.splitlines()]
    return [line for line in lines if line]


def _line(result: Result) -> str:
    word = "OK" if result.status is Status.HEALTHY else result.status.word.upper()
    text = f"[{word}] {result.name}: {result.message or result.summary}"
    return one_line(f"{text} -> {result.hint}" if result.hint else text)


def one_line(text: str) -> str:
    """Make text fit for one line of output: no pipe, no tab, no line break."""
    return " ".join(text.replace("|", " ").split())


def perfdata(results: Sequence[Result]) -> list[str]:
    """Write an item for each metric that has a value.

    Labels are unique: what is declared twice is refused before a run. Of two that only turn up in the
    results the first is written, so that no check of one's own can spoil the verdict on the others.
    """
    items: dict[str, str] = {}
    for result in results:
        for metric in result.metrics:
            text = label(result.name, metric.name)
            if metric.value is not None:
                items.setdefault(text, _item(text, metric))
    return list(items.values())


def label(check: str, metric: str) -> str:
    """The performance data label of a metric: its full name in letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", f"{check}/{metric}").strip("_")


def _item(text: str, metric: Metric) -> str:
    unit = metric.unit if metric.unit in UNITS else ""
    fields = [
        fixed_point(metric.value or 0) + unit,
        str(metric.warning or ""),
        str(metric.critical or ""),
        "" if metric.min is None else fixed_point(metric.min),
        "" if metric.max is None else fixed_point(metric.max),
    ]
    return f"{text}={';'.join(fields)}".rstrip(";")


def fit(first: str, items: Sequence[str], lines: Sequence[str], budget: int) -> str:
    """Join everything within a number of bytes: long text goes first, whole items last."""
    room = budget - len(first.encode()) - 1
    kept_items = _while_room(items, room - 2)
    if len(kept_items) < len(items):
        kept_items = _while_room(items, room - 2 - len(_left_out(len(items), "values")))
    if len(kept_items) < len(items):
        first += _left_out(len(items) - len(kept_items), "values")
    status = f"{first} | {' '.join(kept_items)}" if kept_items else first
    if len(status.encode()) >= budget:
        status = status.encode()[: budget - 1].decode(errors="ignore")
    room = budget - len(status.encode()) - 1
    whole = "".join(f"{line}\n" for line in lines)
    if len(whole.encode()) <= room:
        return f"{status}\n{whole}"
    room_for_lines = room - len(_left_out(len(lines), "lines")) - 1
    kept = _while_room(lines, room_for_lines) or _beginning(lines[0], room_for_lines)
    rest = [_left_out(len(lines) - len(kept), "lines").strip()] if len(kept) < len(lines) else []
    tail = "".join(f"{line}\n" for line in [*kept, *rest])
    return f"{status}\n{tail}" if len(tail.encode()) <= room else f"{status}\n"


def _beginning(line: str, room: int) -> list[str]:
    """Return as much as fits of the line that matters most, nothing where that would be a few words only."""
    room -= len(CUT) + 1
    return [line.encode()[:room].decode(errors="ignore") + CUT] if room >= LEAST_LINE else []


def _left_out(count: int, what: str) -> str:
    return f" [{count} {what.removesuffix('s') if count == 1 else what} left out]"


def _while_room(parts: Sequence[str], room: int) -> list[str]:
    """Return the leading parts that fit, with one separator each."""
    kept: list[str] = []
    for part in parts:
        room -= len(part.encode()) + 1
        if room < 0:
            break
        kept.append(part)
    return kept
