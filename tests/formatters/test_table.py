"""The format `table`, as a real terminal shows it."""

import re
import unicodedata
from dataclasses import replace

import pyte
import pytest
from hypothesis import given, settings

from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize
from health_cli.formatters import Style
from health_cli.formatters.table import render
from health_cli.testing import FakeRun, fake_result
from tests.formatters.sample import HEALTHY, RICH
from tests.formatters.strategies import reports

WIDTHS = (80, 200)
# as pyte calls the colours that table chooses
SHADES = {"healthy": "green", "warning": "brown", "unknown": "magenta", "critical": "red", "skipped": "brightblack"}
DURATION = re.compile(r"(?:^|\s)\S+ (?:us|ms|s|min|h|d)$")


def shown(text: str, width: int) -> pyte.Screen:
    """Feed text to a terminal that is high enough for all of it."""
    screen = pyte.Screen(width, text.count("\n") * 3 + 10)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return screen


def rows(report: Report, width: int, **style: int) -> list[str]:
    """Return the rows of the terminal, without the blanks at their ends and the empty ones below."""
    screen = shown(render(report, Style(width=width, **style)), width)
    return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


def blocks(report: Report, width: int, **style: int) -> list[tuple[str, str, str]]:
    """Return status word, name and text of each check as a reader puts them together, blanks left out."""
    lines = rows(report, width, **style)
    body = lines[lines.index("") + 1 :]
    begin = name_column(report)
    column = begin + min(max(len(result.name) for result in report.checks), max(20, width // 3)) + 2
    metrics = {metric.name for result in report.checks for metric in result.metrics}
    found: list[tuple[str, str, str]] = []
    below = False
    for line in body:
        word, name, text = (part.strip() for part in (line[:begin], line[begin:column], line[column:]))
        below = word not in SHADES and (below or line[begin:].startswith("-> ") or name.split(" ")[0] in metrics)
        if word in SHADES:
            found.append((word, name, DURATION.sub("", text)))
        elif below and line:
            found[-1] = (found[-1][0], found[-1][1], f"{found[-1][2]} {line.strip()}")
        elif line.startswith(" " * begin):
            last = found[-1]
            found[-1] = (last[0], last[1] + name, f"{last[2]} {text}")
    return [(word, name, squeezed(text)) for word, name, text in found]


def name_column(report: Report) -> int:
    return max(len(result.status.word) for result in report.checks) + 2


def squeezed(text: str) -> str:
    """Return text without blanks, composed as the terminal composes it."""
    return unicodedata.normalize("NFC", "".join(text.split()))


def wraps(report: Report, width: int, **style: int) -> list[str]:
    """Return the lines that the terminal had to wrap."""
    text = render(report, Style(width=width, **style))
    return [line for line in text.splitlines() if shown(line, width).cursor.y > 0]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("report", [replace(RICH, isolation="process"), HEALTHY], ids=["rich", "healthy"])
def test_no_line_wraps(report: Report, width: int, verbosity: int, color: bool) -> None:
    assert wraps(report, width, verbosity=verbosity, color=color) == []


@pytest.mark.parametrize("isolation", ["process", "threads"])
@pytest.mark.parametrize("interrupted", [None, 2])
def test_no_remark_below_the_table_wraps(isolation: str, interrupted: int | None) -> None:
    assert wraps(replace(HEALTHY, isolation=isolation, interrupted=interrupted), 80) == []


@pytest.mark.parametrize("text", ["注文が多すぎます。" * 12, "disk is full 🙂🙂🙂🙂 " * 8, "가" * 60])
def test_characters_two_columns_wide_do_not_make_a_line_wrap(text: str) -> None:
    checks = (fake_result("shop.orders", Status.WARNING, message=text, hint=text),)
    assert wraps(replace(HEALTHY, checks=checks), 80) == []


@settings(max_examples=40, deadline=None)
@given(reports())
def test_every_report_has_a_row_a_check_and_a_head(report: Report) -> None:
    lines = render(report, Style(width=120)).splitlines()
    words = [line.split()[0] for line in lines[1:] if re.match(r"(healthy|warning|unknown|critical|skipped) ", line)]
    assert lines[0].startswith(report.status.word.upper())
    for word, count in report.counts.items():
        assert words.count(word) >= count


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", [RICH, HEALTHY], ids=["rich", "healthy"])
def test_the_hint_stands_under_the_row_that_it_belongs_to(report: Report, width: int) -> None:
    expected = {}
    for result in report.checks:
        well = result.status in {Status.HEALTHY, Status.SKIPPED}
        text = result.summary if well else result.message
        hint = f"-> {result.hint}" if result.hint else ""
        expected[squeezed(result.name)] = (result.status.word, squeezed(text + hint))
    found = {n: (w, text) for w, n, text in blocks(replace(report, isolation="process"), width, verbosity=1)}
    assert found.keys() == expected.keys()
    for name, (word, text) in expected.items():
        assert found[name][0] == word
        assert found[name][1].startswith(text)


def test_a_long_message_is_cut_after_four_lines_unless_asked_for() -> None:
    checks = (fake_result("shop.slow", Status.WARNING, message="word " * 200),)
    report = replace(HEALTHY, checks=checks)
    assert len(rows(report, 80)) == 2 + 4 + 1
    assert "-v shows all of it" in rows(report, 80)[5]
    assert "-v shows all of it" not in "".join(rows(report, 80, verbosity=1))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_hint_begins_a_line_of_its_own(width: int) -> None:
    hints = [line for line in rows(RICH, width) if line.strip().startswith("-> ")]
    assert len(hints) == sum(bool(r.hint) and r.status is not Status.HEALTHY for r in RICH.checks)


@pytest.mark.parametrize("width", WIDTHS)
def test_subsystems_stay_together_the_worst_first(width: int) -> None:
    found = blocks(RICH, width)
    subsystems = [name.partition(":")[0].partition(".")[0] for _, name, _ in found]
    order = list(dict.fromkeys(subsystems))
    assert subsystems == sorted(subsystems, key=order.index), "a subsystem is torn apart"
    badness = [Status.parse(word) for word, _, _ in found]
    groups = [[b for b, s in zip(badness, subsystems, strict=True) if s == subsystem] for subsystem in order]
    assert [max(group) for group in groups] == sorted((max(group) for group in groups), reverse=True)
    assert all(group == sorted(group, reverse=True) for group in groups)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_blank_line_stands_between_subsystems_and_nowhere_else(width: int) -> None:
    lines = rows(replace(RICH, isolation="process"), width)
    groups = "\n".join(lines[lines.index("") + 1 :]).split("\n\n")
    found = [{line[name_column(RICH) :].partition(":")[0].partition(".")[0] for line in _firsts(g)} for g in groups]
    assert [len(subsystems) for subsystems in found] == [1] * len({result.subsystem for result in RICH.checks})


def _firsts(group: str) -> list[str]:
    return [line for line in group.split("\n") if line[: name_column(RICH)].strip() in SHADES]


def test_the_worst_first_also_where_the_plan_has_it_last() -> None:
    run = FakeRun().add("a.well").add("b.warn", Status.WARNING).add("c.well").add("c.down", Status.CRITICAL)
    names = [name for _, name, _ in blocks(run.report(), 80)]
    assert names == ["c.down", "c.well", "b.warn", "a.well"]


def test_the_head_says_status_counts_duration_and_host() -> None:
    head = " ".join(rows(RICH, 80)[:2])
    assert head.startswith("CRITICAL  3 critical, 3 unknown, 2 warning, 3 healthy, 1 skipped, in 10 s, on")
    assert head.endswith(" web-1.example.org")
    assert rows(HEALTHY, 80)[0] == "HEALTHY  3 healthy, in 178 ms, on web-2"


@pytest.mark.parametrize("width", WIDTHS)
def test_durations_stand_right_aligned_at_the_end_of_the_first_line(width: int) -> None:
    lines = rows(RICH, width)
    firsts = [line for line in lines if line[: name_column(RICH)].strip() in SHADES]
    timed = [line for line in firsts if "skipped" not in line[: name_column(RICH)]]
    assert len({len(line) for line in timed}) == 1
    assert len(timed) == len([result for result in RICH.checks if result.duration])


@pytest.mark.parametrize("seconds", [0.99951, 0.9999, 0.0009999, 119.99, 7199.9, 172_799.0, 1e-9])
def test_a_duration_is_short_and_without_an_exponent(seconds: float) -> None:
    checks = (fake_result("shop.slow", duration=seconds),)
    line = render(replace(HEALTHY, checks=checks), Style()).splitlines()[2]
    found = re.search(r"\S+ (?:us|ms|s|min|h|d)$", line)
    assert found
    assert "e" not in found[0]
    assert len(found[0]) <= 7


def test_there_is_no_color_unless_asked_for() -> None:
    for verbosity in range(3):
        assert "\x1b" not in render(RICH, Style(verbosity=verbosity, color=False))


@pytest.mark.parametrize("width", WIDTHS)
def test_each_status_word_has_its_color_and_nothing_else_has_one(width: int) -> None:
    screen = shown(render(RICH, Style(width=width, color=True)), width)
    seen = set()
    for number, line in enumerate(screen.display):
        word = line[: name_column(RICH)].strip()
        cells = [screen.buffer[number][column].fg for column in range(width)]
        if word in SHADES:
            seen.add(word)
            assert set(cells[: len(word)]) == {SHADES[word]}
        elif word.startswith("CRITICAL"):
            assert set(cells[:8]) == {"red"}
        assert set(cells[8:]) == {"default"}, line
    assert seen == set(SHADES)


@pytest.mark.parametrize("host", ["web-1.example.org", "a" * 9, "web-12", "x"])
@pytest.mark.parametrize("width", WIDTHS)
def test_color_changes_nothing_but_color(width: int, host: str) -> None:
    report = replace(RICH, host=host)
    colored = render(report, Style(width=width, color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(report, Style(width=width, color=False))


@pytest.mark.parametrize("width", WIDTHS)
def test_v_adds_every_metric_with_its_thresholds_or_its_reason(width: int) -> None:
    found = {name: text for _, name, text in blocks(replace(RICH, isolation="process"), width, verbosity=1)}
    for result in RICH.checks:
        text = found[squeezed(result.name)]
        place = 0
        for metric in result.metrics:
            pair = _thresholds(metric.warning, metric.critical)
            words = [f"{word} {range_.shown(metric.unit)}" for word, range_ in pair]
            value = f"n/a ({metric.reason})" if metric.value is None else humanize(metric.value, metric.unit)
            line = squeezed(f"{metric.name} {value}" + (f" [{', '.join(words)}]" if words else ""))
            assert line in text[place:], f"{result.name}: no {line!r}, or in another order"
            place = text.index(line, place)


def _thresholds(warning: Threshold | None, critical: Threshold | None) -> list[tuple[str, Threshold]]:
    return [(word, range_) for word, range_ in (("warning", warning), ("critical", critical)) if range_ is not None]


def test_v_shows_no_metric_without_being_asked() -> None:
    assert "connect_time" not in render(RICH, Style(width=200))


def test_tracebacks_and_noise_show_from_vv_on() -> None:
    assert "Traceback" not in render(RICH, Style(verbosity=1))
    text = render(RICH, Style(verbosity=2))
    assert "--- traceback of api.errors\nTraceback (most recent call last):\n" in text
    assert text.endswith("--- printed by checks\na check printed | a pipe\n\n\ta tab, and 'quotes'; then nothing\n")


def test_a_report_without_checks_says_so() -> None:
    assert rows(replace(HEALTHY, checks=()), 80)[0] == "UNKNOWN  no checks, in 178 ms, on web-2"


def test_what_cut_the_run_short_is_said() -> None:
    assert "Interrupted: this is what was known." in rows(replace(HEALTHY, interrupted=2), 80)


def test_a_name_longer_than_its_column_is_whole() -> None:
    name = "host.disk:/" + "x-y.z/" * 20
    names = [found for _, found, _ in blocks(replace(HEALTHY, checks=(Result(name=name, status=Status.HEALTHY),)), 80)]
    assert names == [name]
