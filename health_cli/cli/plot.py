"""Plot: a series on a terminal, drawn with plotille's canvas. Rows come in one by one and are kept by column.

A column of dots shows everything from the least to the greatest value in it, so that no spike is averaged away.
Neighbours are joined by a line, but not across a gap: what was not measured is not drawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf, isfinite
from statistics import median
from typing import NamedTuple

from plotille import Canvas

from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize
from health_cli.history.reading import Row

HEIGHT, WIDEST = 12, 200  # lines of the plot, and columns: wider is harder to read
LABELS = 4  # on the axis of values, besides the lowest
DOTS = 2  # of a character, side by side
GAP = 2.5  # times the usual distance of two values: one run may be missing
SAMPLE = 500  # distances that tell the usual one
FLATTEST = 0.002  # of the value itself: a range below that is noise of the last digit
SQUEEZE = 3.0  # a threshold is drawn where the range becomes no more than so many times what the values need
EMPTY = "\u2800"  # braille without a dot

_STEPS = [
    timedelta(minutes=1) * minutes
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 40_320, 120_960)
]


class Look(NamedTuple):
    """How a plot is drawn: columns in all, and whether braille and colours can be shown."""

    width: int = 80
    braille: bool = True
    color: bool = False


@dataclass(slots=True)
class Column:
    """What came together in one column of dots: times, extremes, and the first and last value."""

    begin: float
    end: float
    low: float
    high: float
    first: float
    last: float
    broken: bool  # something was not measured between the column before and this one


SCALE = 2.0**-32  # of values that are added up: the sum of the largest would be infinite


@dataclass
class Columns:
    """Takes rows in the order of time; needs memory for the columns only."""

    since: float
    until: float
    width: int
    found: dict[int, Column] = field(default_factory=dict)
    low: float = inf
    high: float = -inf
    total: float = 0.0
    count: int = 0
    missing: int = 0
    last: tuple[float, float] | None = None
    _distances: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    _broken: bool = False

    def add(self, row: Row) -> None:
        """Take one row in."""
        if row.value is None or not isfinite(row.value):
            self._broken, self.missing = True, self.missing + 1
            return
        low, high = row.value if row.minimum is None else row.minimum, row.value if row.maximum is None else row.maximum
        self.low, self.high = min(self.low, low), max(self.high, high)
        number = max(1, row.values)
        self.total, self.count = self.total + row.value * SCALE * number, self.count + number
        if self.last and len(self._distances[row.hour]) < SAMPLE:
            self._distances[row.hour].append(row.seconds - self.last[0])
        self.last = (row.seconds, row.value)
        self._put(row, row.value, low, high)
        self._broken = False

    def _put(self, row: Row, value: float, low: float, high: float) -> None:
        share = (row.seconds - self.since) / (self.until - self.since)
        place = min(self.width - 1, max(0, int(share * self.width)))
        column = self.found.get(place)
        if column is None:
            self.found[place] = Column(row.seconds, row.seconds, low, high, value, value, self._broken)
            return
        column.low, column.high = min(column.low, low), max(column.high, high)
        column.end, column.last = row.seconds, value

    def joined(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs of places that are neighbours in time, without a gap between them."""
        usual = max((median(some) for some in self._distances.values() if some), default=0.0)
        for left, right in pairwise(sorted(self.found)):
            one, other = self.found[left], self.found[right]
            if not other.broken and (other.begin - one.end <= GAP * usual or right - left == 1):
                yield left, right

    @property
    def mean(self) -> float:
        """The mean of all values, those of an hour counted as many times as there were."""
        return self.total / self.count / SCALE


def draw(columns: Columns, unit: str, thresholds: dict[str, Threshold], look: Look) -> Iterator[str]:
    """Yield the lines of a plot; `columns` has at least one value, and is as wide as `canvas_width` says."""
    ends = {letter: end for letter, threshold in thresholds.items() for end in _ends(threshold)}
    low, high = _range(columns, ends.values())
    step = (high - low) / HEIGHT
    labels = list(_labels(low, step, unit))
    canvas = _canvas(columns, low, high, look)
    marks = {min(HEIGHT - 1, int((end - low) / step)): letter for letter, end in ends.items() if low <= end <= high}
    lines = canvas.plot(linesep="\n").replace(EMPTY, " ").split("\n")
    for row, line in zip(reversed(range(HEIGHT)), lines, strict=True):
        text = _dashed(line, look) if row in marks else line
        yield f"{labels[row]:>{LABEL}} {marks.get(row, '|')} {text}".rstrip()
    yield from _times(columns, look)


LABEL = 10  # columns of a label on the axis of values


def canvas_width(look: Look) -> int:
    """Return the characters beside the axis."""
    return max(20, min(look.width, WIDEST) - LABEL - 3)


def _ends(threshold: Threshold) -> Iterator[float]:
    """Yield the ends of a range that can be drawn; 0 as the start of `80` is not meant as a limit."""
    if isfinite(threshold.end):
        yield threshold.end
    elif isfinite(threshold.start):
        yield threshold.start


def _range(columns: Columns, ends: Iterable[float]) -> tuple[float, float]:
    """Return the lowest and the highest value of the plot: those measured, and thresholds that are near."""
    low, high = columns.low, columns.high
    least = max(abs(low), abs(high)) * FLATTEST or 1.0
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    near = SQUEEZE * (high - low)
    for end in sorted(ends, key=lambda end: abs(end - (low + high) / 2)):
        if max(high, end) - min(low, end) <= near:
            low, high = min(low, end), max(high, end)
    if columns.low >= 0 > low:
        low = 0.0
    return low, high + (high - low) / (4 * HEIGHT)  # the canvas ends before its last dot


def _labels(low: float, step: float, unit: str) -> Iterator[str]:
    """Yield what stands beside each line, from below: a label every few lines, and none twice."""
    before = ""
    for row in range(HEIGHT):
        label = humanize(float(f"{low + row * step:.4g}"), unit) if row % (HEIGHT // LABELS) == 0 else ""
        label = label if len(label) <= LABEL else label.partition(" ")[0][:LABEL]
        yield "" if label == before else label
        before = label or before


def _canvas(columns: Columns, low: float, high: float, look: Look) -> Canvas:
    """Return the canvas with everything drawn, in dots or, without braille, in stars."""
    canvas = Canvas(columns.width // DOTS, HEIGHT, 0, low, columns.width, high)
    marker = None if look.braille else "*"
    dot = (high - low) / (HEIGHT * 4)

    def bar(place: int, bottom: float, top: float) -> None:
        value = bottom
        while value < top:
            canvas.point(place, value, marker=marker)
            value += dot
        canvas.point(place, top, marker=marker)

    for place, column in columns.found.items():
        bar(place, column.low, column.high)
    for left, right in columns.joined():
        one, other = columns.found[left], columns.found[right]
        for place in range(left + 1, right):
            share = (place - left) / (right - left)
            value = one.last + (other.first - one.last) * share
            bar(place, value, value)
        if right - left <= DOTS:
            bar(left, *sorted((one.last, (one.last + other.first) / 2)))
            bar(right, *sorted(((one.last + other.first) / 2, other.first)))
    return canvas


def _dashed(line: str, look: Look) -> str:
    """Return a line with dashes where nothing is drawn: a threshold."""
    text = "".join("-" if char == " " and place % 2 == 0 else char for place, char in enumerate(line))
    return f"\x1b[33m{text}\x1b[0m" if look.color else text


def _times(columns: Columns, look: Look) -> Iterator[str]:
    """Yield the axis of time and its labels, in the project's time zone."""
    width = columns.width // DOTS
    span = columns.until - columns.since
    day, month = timedelta(days=1), timedelta(days=28)
    shape, least = ("%H:%M", _STEPS[0]) if span <= 2 * 86_400 else ("%d %b", day)
    shape, least = (shape, least) if span <= 300 * 86_400 else ("%b %Y", month)
    step = next((s for s in _STEPS if s >= least and span / s.total_seconds() * 8 <= width), _STEPS[-1] * 4)
    axis, labels = ["-"] * width, [" "] * (width + 8)
    free = 0
    for time in _ticks(columns.since, columns.until, step):
        place = int((time.timestamp() - columns.since) / span * width)
        text = time.strftime(shape)
        if place >= width or place < free:
            continue
        axis[place] = "+"
        if place + len(text) <= width:
            labels[place : place + len(text)] = text
        free = place + len(text) + 1
    yield " " * LABEL + " +-" + "".join(axis)
    yield (" " * LABEL + "   " + "".join(labels)).rstrip()


def _ticks(since: float, until: float, step: timedelta) -> Iterator[datetime]:
    """Yield the moments from the last midnight on, a step apart, that lie in the plot."""
    time = datetime.fromtimestamp(since).replace(hour=0, minute=0, second=0, microsecond=0)
    while time.timestamp() <= until:
        if time.timestamp() >= since:
            yield time
        time += step


def legend(columns: Columns, unit: str, thresholds: dict[str, Threshold]) -> Sequence[str]:
    """Return the lines below a plot: extremes, mean and last value, then the thresholds."""
    numbers = {"min": columns.low, "mean": columns.mean, "max": columns.high}
    last = columns.last[1] if columns.last else columns.mean
    words = [f"{name} {humanize(float(f'{value:.4g}'), unit)}" for name, value in (numbers | {"last": last}).items()]
    words += [f"{columns.missing} not measured"] if columns.missing else []
    names = {"w": "warning", "c": "critical"}
    limits = [f"{names[letter]} {threshold.shown(unit)}" for letter, threshold in thresholds.items()]
    return ["  ".join(words), *(["  ".join(limits)] if limits else [])]
