"""From numbers to what is drawn: bars, sparklines, ages, points and colours, as tables. No server, no database."""

import math
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import health_cli
from health_cli.core.metric import Metric, metric
from health_cli.history.reading import Row
from health_cli.page.bars import bar_of

CSS = (Path(health_cli.__file__).parent / "static" / "health_cli" / "health.css").read_text()


def bar(value: float, unit: str = "", **how: object) -> object:
    found = bar_of(metric("m", unit, **how).measured(value))  # type: ignore[arg-type]
    return found and (found.filled, [(zone.status, zone.start, zone.width) for zone in found.zones])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (bar(50, "%"), ("50.00", [])),
        (bar(88, "%", warning="85", critical="95"),
         ("88.00", [("warning", "85.00", "15.00"), ("critical", "95.00", "5.00")])),
        (bar(4, warning="4", critical="8"), ("40.00", [("warning", "40.00", "60.00"), ("critical", "80.00", "20.00")])),
        (bar(2, warning="10:", critical="5:"),
         ("16.00", [("warning", "0.00", "80.00"), ("critical", "0.00", "40.00")])),
        (bar(15, warning="@10:20"), ("60.00", [("warning", "40.00", "40.00")])),
        (bar(3, warning="~:5"), ("48.00", [("warning", "80.00", "20.00")])),
        (bar(0, warning="0"), None),
        (bar(7), None),
        (bar(-5, warning="-10:"), ("50.00", [])),
        (bar(30, "B", max=120, warning="~:"), ("25.00", [])),
    ],
)  # fmt: skip
def test_a_bar_has_the_value_and_the_zones_of_its_thresholds(found: object, expected: object) -> None:
    assert found == expected


def test_what_was_not_measured_has_no_bar() -> None:
    assert bar_of(Metric(name="m", reason="refused", max=100)) is None


FINITE = st.floats(-1e9, 1e9)


@given(FINITE, st.tuples(FINITE, FINITE).map(sorted), st.booleans())
def test_nothing_of_a_bar_is_outside_of_it(value: float, ends: list[float], inside: bool) -> None:
    found = bar_of(metric("m", warning=f"{'@' * inside}{ends[0]:.3f}:{ends[1]:.3f}").measured(value))
    if found:
        assert 0 <= float(found.filled) <= 100
        for zone in found.zones:
            assert 0 <= float(zone.start) <= float(zone.start) + float(zone.width) <= 100.011


def rows(values: list[float | None], step: float = 60, start: float = 0) -> list[Row]:
    return [
        Row(start + i * step, v, v, v, int(v is not None), "healthy" if v != 9 else "critical", False)
        for i, v in enumerate(values)
    ]


def in_django(code: str) -> str:
    """Run code where the models can be imported; `page.series` and `page.overview` need them."""
    head = "import django.conf as c; c.settings.configure(INSTALLED_APPS=['health_cli']); import django; django.setup()"
    done = subprocess.run([sys.executable, "-c", f"{head}\n{code}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_points_are_folded_and_keep_every_spike_gap_and_the_worst_status() -> None:
    in_django("""
from tests.page.test_present import rows
from health_cli.page.series import folded
few = rows([1, 2, 3])
assert folded(few, 0, 180) == few
many = rows([1.0] * 500 + [9] + [1.0] * 1000 + [None] * 300 + [2.0] * 700)
found = folded(many, 0, 2501 * 60)
assert len(found) <= 500
assert max(row.maximum for row in found if row.maximum is not None) == 9
assert sum(row.status == "critical" for row in found) == 1
assert any(row.value is None for row in found), "what was not measured is a gap"
assert sum(row.values for row in found) == 2201
assert all(row.minimum <= row.value <= row.maximum for row in found if row.value is not None)
assert [row.seconds for row in found] == sorted(row.seconds for row in found)
""")


def test_a_sparkline_has_the_whole_day_and_is_broken_at_gaps() -> None:
    in_django("""
from health_cli.page.overview import DAY, HOUR, Span
from health_cli.page.sparklines import sparkline
now = 1_000_000.0
assert sparkline([], now) is None and sparkline([Span(now, 1, 1, 1)], now) is None
flat = sparkline([Span(now - DAY, 5, 5, 5), Span(now - DAY + HOUR, 5, 5, 5)], now)
assert flat.line == "M0 12L4.2 12", flat.line
spans = [Span(now - 20 * HOUR, 0, 1, 10), Span(now - 19 * HOUR, 0, 2, 4)]
spans += [Span(now - 2 * HOUR, 3, 3, 3), Span(now, 3, 3, 3)]
found = sparkline(spans, now)
assert (found.low, found.high) == (0, 10)
assert found.line.count("M") == found.band.count("Z") == 2
assert found.line.endswith("L100 16"), found.line
assert "16.7 2" in found.band, "the spike"
young = sparkline([Span(now - 2 * HOUR, 1, 1, 1), Span(now - HOUR, 3, 3, 3), Span(now, 1, 1, 1)], now)
assert young.line == "M0 22L50 2L100 22", "where little is known yet, it has all the room"
""")


def test_a_sparkline_of_runs_that_are_far_apart_is_whole_and_one_alone_is_a_dot() -> None:
    in_django("""
from health_cli.page.overview import DAY, HOUR, Span
from health_cli.page.sparklines import sparkline
now = 1_000_000.0
spans = [Span(now - 8 * HOUR * n, n, n, n) for n in (2, 1, 0)]
assert sparkline(spans, now).line == "M33.3 2L33.3 2M66.7 12L66.7 12M100 22L100 22"
assert sparkline(spans, now, every=8 * HOUR).line == "M33.3 2L66.7 12L100 22"
""")


@pytest.mark.parametrize(
    ("age", "word"), [(0, "fresh"), (374, "fresh"), (376, "late"), (600, "late"), (601, "stale"), (9e6, "stale")]
)
def test_an_age_is_fresh_late_or_stale(age: float, word: str) -> None:
    in_django(f"""
from dataclasses import replace
from health_cli.history.last import Last
from health_cli.page.present import age_of
from health_cli.testing import FakeRun
last = Last(FakeRun().add("own.a").report(), {{"own.a": 1_000_000.0}})
assert age_of(last, 300, 600, 1_000_000 + {age}).word == {word!r}
assert age_of(last, 0, 1e7, 1_000_000 + {age}).word == "", "nobody knows when the next one is due"
assert age_of(last, 0, 500, 1_000_000 + {age}).word in {{"", "stale"}}
assert age_of(last, 300, 600, 1_000_000 - 3_600).word == "stale", "one from the future"
""")


def colours(scheme: int) -> dict[str, tuple[float, float, float]]:
    """Return the colours of the light or the dark scheme as linear RGB."""
    found = re.findall(r"--([a-z]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
    return {name: linear(pair[scheme]) for name, *pair in found}


def linear(text: str) -> tuple[float, float, float]:
    parts = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Return the contrast by WCAG 2.2."""
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


# What protanopes, deuteranopes and tritanopes see: Machado, Oliveira and Fernandes 2009, severity 1.0.
SIGHTS = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
STATES = ("healthy", "warning", "critical", "unknown")


def lab(color: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a colour in CIELAB, D65."""
    r, g, b = (min(1.0, max(0.0, part)) for part in color)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_a_text_has_contrast_enough(scheme: int) -> None:
    known = colours(scheme)
    papers = [known["paper"], linear(("#f6f7f8", "#1d1d1d")[scheme]), linear(("#ffffff", "#101828")[scheme])]
    for name in (*STATES, "text", "faint", "link"):
        assert min(contrast(known[name], paper) for paper in papers) >= 4.5, name


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_states_can_be_told_apart_by_whoever_looks(scheme: int, sight: str) -> None:
    """By 10 of CIE76, where 2.3 is just noticeable; and each has a shape and a word of its own besides."""
    known = colours(scheme)
    seen = {
        name: lab(tuple(sum(w * c for w, c in zip(row, known[name], strict=True)) for row in SIGHTS[sight]))  # type: ignore[arg-type]
        for name in STATES
    }
    for one, other in combinations(STATES, 2):
        assert math.dist(seen[one], seen[other]) >= 10, (one, other)
