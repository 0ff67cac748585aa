"""Trends: what a series of numbers did since yesterday and last week, and when what only fills will be full.

A point is (seconds since the epoch, value). Nothing is guessed: where the data does not bear an answer, the answer is
None, with the reason.

**Change.** The median of the last hour against the median of two hours around the same time a day or a week before,
so that one slow reading moves neither.

**Full in.** The slope is that of Theil (1950, *A rank-invariant method of linear and polynomial regression analysis*)
and Sen (1968, *Estimates of the regression coefficient based on Kendall's tau*, JASA 63, 1379-1389): the median of
the slopes between all pairs of points, which up to 29 % of wild points can't turn. Its interval is Sen's, at 95 %: the
slopes whose ranks are (N -+ z sqrt(var S)) / 2 of N, with Kendall's var S = n (n - 1) (2 n + 5) / 18. Readings that
follow each other are alike, which would make the interval too narrow: var S is widened by (1 + r) / (1 - r), with r
the residuals' correlation from one to the next (Bayley and Hammersley 1946; for var S, Yue and Wang 2004).

Points are first made medians of at most 200 equal pieces of time, so that there are at most 19,900 pairs. After a
big drop, such as a cleanup, only what follows the last one counts. The constants below are the rest of the rules;
docs/record.md explains them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from math import floor, sqrt
from statistics import median
from typing import NamedTuple

Point = tuple[float, float]

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
WEEK, YEAR = 7 * DAY, 365 * DAY

RECENT = HOUR  # what "now" is the median of
AROUND = HOUR  # on each side of the same time in the past: runs are not always on the minute
PIECES = 200
LEAST = 12  # pieces with a point: below that, Kendall's S is not normal enough for its interval
Z = 1.96  # the normal quantile of a 95 % interval
FARTHEST = 3.0  # times the span of the data: how far ahead it may be believed
RHYTHM = 2 * DAY  # a shorter span can't tell growth from the rise of every morning: it is believed once its span ahead
WIDEST = 4.0  # latest over soonest: what is wider tells nobody anything
DROP_SHARE, DROP_NOISE = 0.2, 6.0  # of the whole range; times the usual step from piece to piece
LARGEST = 1e300  # values beyond that have no differences
TOO_LARGE = "its values are too large to reckon with"
SCALE = 1.4826  # makes a median of absolute deviations a standard deviation of normal noise


class Change(NamedTuple):
    """How far a value is from what it was: None with the `reason` where that is not known."""

    before: float | None = None
    absolute: float | None = None
    percent: float | None = None
    reason: str = ""


class Full(NamedTuple):
    """Seconds until the limit is reached, with the ends of the 95 % interval, or the `reason` for silence."""

    seconds: float | None = None
    soonest: float | None = None
    latest: float | None = None
    reason: str = ""

    def after(self, passed: float) -> "Full":
        """Return what is left of it when that many seconds have passed."""
        if self.seconds is None or self.soonest is None or self.latest is None:
            return self
        return Full(max(0.0, self.seconds - passed), max(0.0, self.soonest - passed), max(0.0, self.latest - passed))


class Slope(NamedTuple):
    """Units a second, with the 95 % interval, and the level that the line has at the last point."""

    value: float
    low: float
    high: float
    level: float


class Trends(NamedTuple):
    """All that is said of a series."""

    yesterday: Change
    last_week: Change
    full: Full


def trends(points: Sequence[Point], limit: float | None) -> Trends:
    """Return the trends of points in the order of time; `limit` is None for what does not fill, or has no maximum."""
    return Trends(change(points, DAY), change(points, WEEK), full_in(points, limit))


def change(points: Sequence[Point], ago: float) -> Change:
    """Return the change of the last point's hour against `ago` seconds before.

    The percentage is None where it was 0 before.
    """
    if not points:
        return Change(reason="there are no values")
    if _too_large(points):
        return Change(reason=TOO_LARGE)
    end = points[-1][0]
    then = end - RECENT / 2 - ago
    earlier = [value for seconds, value in points if abs(seconds - then) <= AROUND]
    if not earlier:
        return Change(reason="nothing is known of that time")
    now, before = median(value for seconds, value in points if seconds > end - RECENT), median(earlier)
    percent = (now - before) / abs(before) * 100 if before else None
    return Change(before, now - before, percent, "" if before else "it was 0")


def full_in(points: Sequence[Point], limit: float | None) -> Full:
    """Return when points in the order of time reach the limit, if they go on as they did.

    It is counted from the last of them.
    """
    if limit is None:
        return Full(reason="it has no maximum")
    if _too_large(points):
        return Full(reason=TOO_LARGE)
    pieces = list(medians(points, _piece(points)))
    drops = _drops(pieces)
    if len(drops) > 1 and _usual(pieces, drops):
        return Full(reason="it is emptied from time to time")
    if drops:  # what is left may be hours: it gets pieces of its own
        begin = pieces[drops[-1]][0]
        points = [point for point in points if point[0] >= begin]
        pieces = list(medians(points, _piece(points)))
    if len(pieces) < LEAST:
        return Full(reason="there are too few values" + (" since the last big drop" if drops else ""))
    slope = theil_sen(pieces)
    if slope.low <= 0:
        return Full(reason="it does not grow for certain")
    found = _believed(slope, limit, pieces[-1][0] - pieces[0][0])
    return found.after(points[-1][0] - pieces[-1][0])  # the level is that of the middle of the last piece


def _too_large(points: Iterable[Point]) -> bool:
    return any(abs(value) > LARGEST for _, value in points)


def _believed(slope: Slope, limit: float, span: float) -> Full:
    """Return the prediction of a growing slope, or why it is not to be believed."""
    room = limit - slope.level
    if room <= 0:
        return Full(0.0, 0.0, 0.0)
    found = Full(room / slope.value, room / slope.high, room / slope.low)
    if found.seconds is not None and found.seconds > YEAR:
        return Full(reason="it takes more than a year")
    if found.seconds is not None and found.seconds > span * (FARTHEST if span >= RHYTHM else 1):
        return Full(reason="it is too far ahead of what is known")
    return Full(reason="it is too uncertain") if slope.high > WIDEST * slope.low else found


def medians(points: Iterable[Point], seconds: float) -> Iterator[Point]:
    """Yield the medians of times and values in each piece of time; points come in the order of time.

    Only one piece is held in memory.
    """
    piece: list[Point] = []
    for point in points:
        if piece and floor(point[0] / seconds) != floor(piece[0][0] / seconds):
            yield _middle(piece)
            piece = []
        piece.append(point)
    if piece:
        yield _middle(piece)


def _middle(points: Sequence[Point]) -> Point:
    return median(seconds for seconds, _ in points), median(value for _, value in points)


def _piece(points: Sequence[Point]) -> float:
    """Return how long a piece is, in seconds: no two of fewer points than there may be pieces share one."""
    if len(points) <= PIECES:
        return min((later - earlier for (earlier, _), (later, _) in pairwise(points) if later > earlier), default=1.0)
    return max((points[-1][0] - points[0][0]) / (PIECES - 1), 1e-3)


def theil_sen(points: Sequence[Point]) -> Slope:
    """Return the slope of at least two points at different times, with Sen's interval."""
    start, end = points[0][0], points[-1][0]
    slopes = sorted((b - a) / (later - sooner) for (sooner, a), (later, b) in combinations(points, 2) if later > sooner)
    slope = median(slopes)
    base = median(value - slope * (seconds - start) for seconds, value in points)
    rest = [value - slope * (seconds - start) - base for seconds, value in points]
    low, high = _interval(slopes, len(points), _alike(rest))
    return Slope(slope, low, high, base + slope * (end - start))


def _interval(slopes: Sequence[float], count: int, alike: float) -> tuple[float, float]:
    """Return Sen's interval of sorted slopes; it has no ends, so to say, where there are too few of them."""
    variance = count * (count - 1) * (2 * count + 5) / 18 * (1 + alike) / (1 - alike)
    half = Z * sqrt(variance)
    low = floor((len(slopes) - half) / 2) - 1  # Sen's rank M1 counts from 1, and M2 + 1 is as far from the other end
    high = len(slopes) - 1 - low
    if low < 0:
        return float("-inf"), float("inf")
    return slopes[low], slopes[high]


def _alike(rest: Sequence[float]) -> float:
    """Return the correlation of residuals from one to the next, from 0 to 0.99.

    Values far out are cut first: they are the ones that the slope does not follow.
    """
    spread = 3 * SCALE * median(map(abs, rest))
    cut = [min(max(value, -spread), spread) for value in rest]
    squares = sum(value * value for value in cut)
    return min(max(sum(a * b for a, b in pairwise(cut)) / squares, 0.0), 0.99) if squares else 0.0


def _drops(points: Sequence[Point]) -> list[int]:
    """Return the places before which the level fell for good: medians of three on each side tell."""
    values = [value for _, value in points]
    if len(values) < 4:
        return []
    usual = SCALE * median(abs(b - a) for a, b in pairwise(values))
    least = max(DROP_SHARE * (max(values) - min(values)), DROP_NOISE * usual)
    falls = {i: median(values[max(0, i - 3) : i]) - median(values[i : i + 3]) for i in range(1, len(values))}
    deep = [i for i, fall in falls.items() if fall > least > 0]
    steps = {i: values[i - 1] - values[i] for i in deep}
    # neighbours tell of one and the same drop: it is where the step is
    groups: list[list[int]] = []
    for i in deep:
        if groups and i - groups[-1][-1] <= 3:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [max(group, key=steps.__getitem__) for group in groups]


def _usual(points: Sequence[Point], drops: Sequence[int]) -> bool:
    """Tell whether it was about as full as now before, and was emptied then."""
    values = [value for _, value in points]
    peak = max(median(values[max(0, i - 3) : i]) for i in drops)
    return median(values[-3:]) <= peak + DROP_SHARE * (max(values) - min(values))


_UNITS = (("minute", MINUTE, 2 * HOUR), ("hour", HOUR, 2 * DAY), ("day", DAY, 60 * DAY), ("month", YEAR / 12, YEAR))


def sentence(full: Full) -> str:
    """Write a prediction as in `full in about 6 days (4 to 9)`; nothing where there is none."""
    if full.seconds is None or full.soonest is None or full.latest is None:
        return ""
    if not full.seconds:
        return "full"
    found = next(((word, size) for word, size, below in _UNITS if full.seconds < below), None)
    if found is None:
        return ""
    word, size = found
    about, soonest, latest = (round(seconds / size) for seconds in (full.seconds, full.soonest, full.latest))
    if about < 1:
        return "full in less than a minute"
    between = f" ({soonest} to {latest})" if soonest != latest else ""
    return f"full in about {about} {word}{'s' if about > 1 else ''}{between}"
