"""Trends: what is said of series of every shape, and what must not change it."""

import math
import random
import time
from collections.abc import Callable
from itertools import combinations
from statistics import median

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from health_cli.history.trends import (
    DAY,
    HOUR,
    WEEK,
    YEAR,
    Full,
    Point,
    change,
    full_in,
    medians,
    sentence,
    theil_sen,
    trends,
)

START = 1_700_000_000.0


def series(days: float, every: float, level: Callable[[float], float], noise: float = 0.0) -> list[Point]:
    """Return points of a level that depends on the days since the start."""
    rng = random.Random(7)
    count = int(days * DAY / every)
    return [(START + i * every, level(i * every / DAY) + rng.gauss(0, noise)) for i in range(count)]


def wave(days: float) -> float:
    return math.sin(days * 2 * math.pi)


def wild(points: list[Point], share: float) -> list[Point]:
    """Return points of which a share is somewhere between 0 and 100."""
    rng = random.Random(3)
    return [(seconds, rng.uniform(0, 100) if rng.random() < share else value) for seconds, value in points]


def walk() -> list[Point]:
    rng, level, points = random.Random(1), 50.0, []
    for i in range(2016):
        level += rng.gauss(0, 0.3)
        points.append((START + i * 300, level))
    return points


GROWING = {
    "line": (series(7, 300, lambda d: 50 + 5 * d), "full in about 3 days"),
    "noise": (series(7, 300, lambda d: 50 + 5 * d, noise=2), "full in about 3 days"),
    "every hour": (series(7, 3600, lambda d: 30 + 5 * d, noise=1), "full in about 7 days"),
    "within hours": (series(2 / 24, 60, lambda d: 30 + 480 * d, noise=0.5), "full in about 90 minutes (90 to 91)"),
    "a quarter of outliers": (wild(series(7, 300, lambda d: 30 + 5 * d), 0.25), "full in about 7 days"),
    "after a cleanup": (
        series(7, 300, lambda d: 60 + 10 * d if d < 3.5 else 20 + 10 * (d - 3.5)),
        "full in about 5 days",
    ),
    "a spike": (series(7, 300, lambda d: 95 if 3 < d < 3.02 else 30 + 5 * d), "full in about 7 days"),
    "full": (series(7, 300, lambda d: 94 + d), "full"),
}
SILENT = {
    "constant": (series(7, 300, lambda d: 50), "grow"),
    "noise": (series(7, 300, lambda d: 50, noise=3), "grow"),
    "falling": (series(7, 300, lambda d: 90 - 5 * d), "grow"),
    "daily": (series(7, 300, lambda d: 50 + 10 * wave(d)), "grow"),
    "a morning": (series(0.5, 300, lambda d: 50 + 10 * wave(d - 0.25)), "far ahead"),
    "a step": (series(7, 300, lambda d: 20 if d < 3.5 else 60), "grow"),
    "stopped": (series(7, 300, lambda d: 30 + 10 * min(d, 5)), "grow"),
    "a saw": (series(7, 300, lambda d: 20 + 40 * (d % 1)), "emptied"),
    "a random walk": (walk(), "grow"),
    "few": (series(0.1, 1200, lambda d: 30 + 100 * d), "too few"),
    "few since a cleanup": (series(7, 3600, lambda d: 30 + 10 * d if d < 6.7 else 20 + d), "big drop"),
    "one": ([(START, 50.0)], "too few"),
    "none": ([], "too few"),
    "far ahead": (series(3, 300, lambda d: 30 + d), "far ahead"),
    "years ahead": (series(400, 3600, lambda d: 10 + 0.01 * d), "year"),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_foretold(name: str) -> None:
    points, words = GROWING[name]
    found = full_in(points, 100)
    assert sentence(found) == words, found


@pytest.mark.parametrize("name", ["noise", "daily", "a random walk", "every hour"])
def test_the_interval_is_the_same_from_above_and_below(name: str) -> None:
    points, _ = {**GROWING, **SILENT}[name]
    some = points[::20]
    up, down = theil_sen(some), theil_sen([(at, -value) for at, value in some])
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


@pytest.mark.parametrize("name", SILENT)
def test_what_is_uncertain_is_not(name: str) -> None:
    points, reason = SILENT[name]
    found = full_in(points, 100)
    assert found.seconds is None and sentence(found) == ""
    assert reason in found.reason


def test_growth_beyond_what_it_was_ever_emptied_at_is_foretold() -> None:
    points = series(7, 300, lambda d: 10 + 30 * (d % 1) if d < 3 else 10 + 15 * (d - 3))
    assert sentence(full_in(points, 100)) == "full in about 2 days"


def test_what_fills_since_a_cleanup_some_hours_ago_is_foretold() -> None:
    """Two weeks are pieces of 100 minutes: what came since has pieces of its own."""
    before = series(13.8, 300, lambda d: 60 + d)
    begin = before[-1][0] + 300
    after = [(begin + i * 300, 20 + i * 0.5 + (i % 3) * 0.2) for i in range(60)]
    assert sentence(full_in([*before, *after], 60)) == "full in about 103 minutes"


def test_the_truth_lies_within_the_interval() -> None:
    inside = 0
    for seed in range(60):
        rng = random.Random(seed)
        points = [(START + i * HOUR, 30 + 5 * i / 24 + rng.gauss(0, 3)) for i in range(168)]
        found = full_in(points, 100)
        assert found.soonest is not None and found.latest is not None and found.seconds is not None
        assert found.soonest <= found.seconds <= found.latest
        slope = theil_sen([(s, v) for s, v in points])
        inside += slope.low <= 5 / DAY <= slope.high
    assert inside >= 54, "of 60, for an interval of 95 %"


def test_the_slope_is_that_of_the_definition() -> None:
    points = series(2, 3600, lambda d: 3 * d + wave(d), noise=1)
    slopes = [(b - a) / (later - sooner) for (sooner, a), (later, b) in combinations(points, 2)]
    assert theil_sen(points).value == median(slopes)


NUMBERS = st.floats(-1e6, 1e6)
POINTS = st.lists(NUMBERS, min_size=12, max_size=60).map(
    lambda values: [(START + i * 600, value) for i, value in enumerate(values)]
)


@given(POINTS, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_shift_in_time_or_value_changes_no_slope(points: list[Point], later: float, higher: float) -> None:
    slope = theil_sen(points)
    moved = theil_sen([(seconds + later, value + higher) for seconds, value in points])
    assert moved.value == pytest.approx(slope.value, rel=1e-6, abs=1e-9)
    assert moved.level == pytest.approx(slope.level + higher, rel=1e-6, abs=1e-3)


@given(POINTS, st.floats(1e-3, 1e3))
def test_a_scale_of_the_values_scales_the_slope(points: list[Point], times: float) -> None:
    slope = theil_sen(points)
    scaled = theil_sen([(seconds, value * times) for seconds, value in points])
    assert scaled.value == pytest.approx(slope.value * times, rel=1e-6, abs=1e-9)


@given(POINTS)
def test_the_other_way_round_is_the_other_sign(points: list[Point]) -> None:
    slope, turned = theil_sen(points), theil_sen([(seconds, -value) for seconds, value in points])
    assert turned.value == pytest.approx(-slope.value, rel=1e-9, abs=1e-9)


@settings(max_examples=60)
@given(st.data(), st.integers(20, 80), st.floats(0.01, 1e3))
def test_a_quarter_of_wild_points_does_not_turn_the_sign(data: st.DataObject, count: int, rate: float) -> None:
    points = [(START + i * 600, rate * i) for i in range(count)]
    places = data.draw(st.lists(st.integers(0, count - 1), max_size=count // 4, unique=True))
    for place in places:
        points[place] = (points[place][0], data.draw(st.floats(-1e9, 1e9)))
    assert theil_sen(points).value > 0


@given(POINTS, st.floats(-1e6, 1e6))
def test_a_prediction_is_in_order_or_has_a_reason(points: list[Point], limit: float) -> None:
    found = full_in(points, limit)
    if found.seconds is None:
        assert found.reason and found.soonest is None and found.latest is None
        return
    assert found.soonest is not None and found.latest is not None
    assert 0 <= found.soonest <= found.seconds <= found.latest
    assert found.seconds <= YEAR and not found.reason


@given(st.lists(st.tuples(st.floats(0, 1e6), NUMBERS), max_size=200), st.floats(1, 1e5))
def test_medians_keep_the_order_and_the_bounds(points: list[Point], seconds: float) -> None:
    points = sorted(points)
    found = list(medians(points, seconds))
    assert len(found) == len({math.floor(time / seconds) for time, _ in points})
    assert [time for time, _ in found] == sorted(time for time, _ in found)
    assume(points)
    assert min(v for _, v in points) <= min(v for _, v in found) <= max(v for _, v in points)


def test_many_points_are_quick() -> None:
    points = series(14, 60, lambda d: 30 + 3 * d, noise=2)
    assert len(points) > 20_000
    began = time.monotonic()
    assert trends(points, 100).full.seconds
    assert time.monotonic() - began < 1


def test_change_is_told_against_the_same_time_before() -> None:
    points = series(8, 600, lambda d: 100 + 10 * d)
    found = trends(points, None)
    assert found.yesterday.absolute == pytest.approx(10, abs=0.1)
    assert found.yesterday.percent == pytest.approx(10 / 169.4 * 100, abs=0.1)
    assert found.last_week.absolute == pytest.approx(70, abs=0.1)
    assert found.full.reason == "it has no maximum"


def test_a_daily_rhythm_is_no_change() -> None:
    found = change(series(3, 600, lambda d: 100 + 50 * wave(d)), DAY)
    assert found.absolute == pytest.approx(0, abs=2)


def test_one_wild_value_is_no_change() -> None:
    points = series(3, 600, lambda d: 100)
    points[-1] = (points[-1][0], 5000.0)
    assert change(points, DAY).absolute == 0


@pytest.mark.parametrize("late", [-1200, 0, 1200])
def test_one_run_a_day_is_enough(late: float) -> None:
    assert change([(START, 1.0), (START + DAY + late, 3.0)], DAY).absolute == 2


def test_what_is_not_known_has_a_reason() -> None:
    assert change([], DAY).reason == "there are no values"
    points = series(2, 600, lambda d: 5)
    assert change(points, WEEK).reason == "nothing is known of that time"
    assert change(points, WEEK).absolute is None
    zero = change(series(2, 600, lambda d: 0 if d < 1.5 else 5), DAY)
    assert (zero.before, zero.absolute, zero.percent, zero.reason) == (0, 5, None, "it was 0")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((20, 10, 29), "full in less than a minute"),
        ((1800, 1500, 2400), "full in about 30 minutes (25 to 40)"),
        ((3 * HOUR, 3 * HOUR, 3 * HOUR), "full in about 3 hours"),
        ((6 * DAY, 4 * DAY, 9 * DAY), "full in about 6 days (4 to 9)"),
        ((100 * DAY, 80 * DAY, 140 * DAY), "full in about 3 months (3 to 5)"),
        ((400 * DAY, 300 * DAY, 500 * DAY), ""),
        ((0, 0, 0), "full"),
        ((None, None, None), ""),
    ],
)
def test_how_it_is_written(seconds: tuple[float | None, float | None, float | None], words: str) -> None:
    assert sentence(Full(*seconds)) == words


@pytest.mark.parametrize(
    ("full", "passed", "expected"),
    [
        (Full(100.0, 50.0, 200.0), 0, Full(100.0, 50.0, 200.0)),
        (Full(100.0, 50.0, 200.0), 60, Full(40.0, 0.0, 140.0)),
        (Full(100.0, 50.0, 200.0), 300, Full(0.0, 0.0, 0.0)),
        (Full(reason="there are too few values"), 60, Full(reason="there are too few values")),
    ],
)
def test_what_is_left_of_a_prediction(full: Full, passed: float, expected: Full) -> None:
    assert full.after(passed) == expected


def test_without_a_maximum_nothing_is_full() -> None:
    assert full_in(series(8, 600, lambda days: 10 * days), None) == Full(reason="it has no maximum")
