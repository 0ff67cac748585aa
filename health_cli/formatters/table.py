"""The format `table`: for people. Grouped by subsystem, the worst first, the hint under what is wrong."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

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
STATUS_WIDTH, TIME_WIDTH, GAPS = 8, 7, 6  # columns; GAPS is what tabulate puts between four of them
INDENT = " " * (STATUS_WIDTH + 2)
MAX_LINES = 4  # of one message; `-v` shows all of it
OURS = "health"  # the subsystem of what is wrong with the run itself: never cut


def render(report: Report, style: Style) -> str:
    """Write the report as a table no wider than the style's width."""
    if all(result.status is Status.SKIPPED for result in report.checks):
        style = style._replace(verbosity=max(1, style.verbosity))  # there is nothing else to be told than why
    names = [width_of(result.name) for result in report.checks]
    name_width = min(max(names, default=10), max(20, style.width // 3))
    room = max(20, style.width - STATUS_WIDTH - TIME_WIDTH - GAPS - name_width)
    results = [result for group in grouped(report) for result in group]
    rows = [_row(result, style, name_width, room) for result in results]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=("left", "left", "left", "right"))
    lines = iter(table.splitlines())
    body, subsystem = [], results[0].subsystem if results else ""
    for result, row in zip(results, rows, strict=True):
        body += [""] if result.subsystem != subsystem else []
        subsystem = result.subsystem
        height = max(cell.count("\n") + 1 for cell in row)
        body += [next(lines).rstrip() for _ in range(height)]
        body += _below(result, style)
    return "\n".join([*_head(report, style), "", *body, *_tail(report, style)]) + "\n"


def grouped(report: Report) -> Iterator[list[Result]]:
    """Yield the results by subsystem, worst first in each; the group with the worst result comes first."""
    groups: dict[str, list[Result]] = {}
    for result in report.worst_first:
        groups.setdefault(result.subsystem, []).append(result)
    yield from groups.values()


def _row(result: Result, style: Style, name_width: int, room: int) -> list[str]:
    lines = wrap(_text(result, style), room) or [""]
    if len(lines) > MAX_LINES and not style.verbosity and result.subsystem != OURS:
        lines = [*lines[: MAX_LINES - 1], "... (-v shows all of it)"]
    return [
        _paint(result.status.word, result.status, style),
        "\n".join(wrap(result.name, name_width)),
        "\n".join(lines),
        humanize(result.duration, "s") if result.duration else "",
    ]


def _text(result: Result, style: Style) -> str:
    why = style.verbosity and result.status is Status.SKIPPED and not result.blocked_by
    if result.status in {Status.HEALTHY, Status.SKIPPED} and not why:
        return result.summary or result.message
    return result.message or result.summary


def _below(result: Result, style: Style) -> Iterator[str]:
    """Yield what stands under a row, in the full width: the hint, and with `-v` the metrics."""
    if result.status is not Status.HEALTHY and result.hint:
        first, *others = wrap(f"-> {result.hint}", style.width - len(INDENT) - 3)
        yield INDENT + first
        yield from (f"{INDENT}   {line}" for line in others)
    reasons = {metric.reason for metric in result.metrics if metric.value is None}
    if style.verbosity and len(result.metrics) > 1 and len(reasons) == 1 and not _any_value(result):
        yield from (INDENT + line for line in wrap(_none_of(result), style.width - len(INDENT)))
    elif style.verbosity:
        names = min(max((len(metric.name) for metric in result.metrics), default=0), style.width // 3)
        for metric in result.metrics:
            *heads, left = wrap(metric.name, names)
            right = wrap(_metric(metric), style.width - len(INDENT) - names - 2)
            yield from (INDENT + head for head in heads)
            for name, text in zip_longest([left], right, fillvalue=""):
                yield f"{INDENT}{name.ljust(names)}  {text}".rstrip()


def _any_value(result: Result) -> bool:
    return any(metric.value is not None for metric in result.metrics)


def _none_of(result: Result) -> str:
    """One line for metrics that all lack a value for one reason."""
    names = ", ".join(metric.name for metric in result.metrics)
    return f"n/a ({result.metrics[0].reason}): {names}"


def _metric(metric: Metric) -> str:
    """The value of one metric with its thresholds."""
    value = f"n/a ({metric.reason})" if metric.value is None else humanize(metric.value, metric.unit)
    pair = (("warning", metric.warning), ("critical", metric.critical))
    words = [f"{which} {threshold.shown(metric.unit)}" for which, threshold in pair if threshold]
    return f"{value}  [{', '.join(words)}]" if words else value


def _head(report: Report, style: Style) -> list[str]:
    """The verdict, the counts, how long it took and where. Wrapped first and painted then."""
    word = report.status.word.upper()
    when = f"in {humanize(report.duration, 's')}" if report.age is None else report.when
    first, *others = wrap(f"{word} {tally(report.counts)}, {when}, on {report.host}", style.width - 1)
    return [_paint(word, report.status, style) + " " + first.removeprefix(word), *others]


def _tail(report: Report, style: Style) -> list[str]:
    """What is only said in special cases, and from `-vv` the tracebacks and what checks printed."""
    lines: list[str] = []
    if report.interrupted:
        lines += ["", "Interrupted: this is what was known."]
    if report.isolation == "threads":
        lines += ["", "Run within this process: what holds the interpreter can't be stopped."]
    if style.verbosity > 1:
        details = [(f"traceback of {r.name}", r.detail) for r in report.checks if r.detail]
        lines += _sections([*details, ("printed by checks", report.noise)])
    return lines


def _sections(parts: Sequence[tuple[str, str]]) -> list[str]:
    return [line for title, text in parts if text for line in ("", f"--- {title}", text.rstrip())]


def _paint(text: str, status: Status, style: Style) -> str:
    return f"\x1b[{COLORS[status]}m{text}\x1b[0m" if style.color else text


def width_of(text: str) -> int:
    """Return the columns that a text takes on a terminal: two for wide characters, none for combining ones."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in {"W", "F"} else 1 for c in text)


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns, at blanks where there are any."""
    lines: list[str] = []
    for word in text.split():
        rest = word
        if lines and width_of(lines[-1]) + 1 + width_of(rest) <= width:
            lines[-1] += f" {rest}"
            continue
        while width_of(rest) > width:
            head = _head_of(rest, width)
            lines.append(head)
            rest = rest[len(head) :]
        if rest:
            lines.append(rest)
    return lines


def _head_of(word: str, width: int) -> str:
    """Return the longest beginning of a word that takes no more than `width` columns, one character at least."""
    end = 1
    while end < len(word) and width_of(word[: end + 1]) <= width:
        end += 1
    return word[:end]
