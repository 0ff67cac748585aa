"""Sparklines: a day of one metric as a small drawing. The band behind the line has every spike in it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from health_cli.page.overview import DAY, HOUR, Span

WIDTH, HEIGHT, EDGE = 100.0, 24.0, 2.0
GAP, INTERVALS = 2.5 * HOUR, 2.5  # between two values, and between two runs, from where on the line is broken


class Sparkline(NamedTuple):
    """The paths of an SVG of 100 by 24, and the least and the greatest value of the day."""

    line: str
    band: str
    low: float
    high: float


def sparkline(spans: Sequence[Span], now: float, every: float = 0.0) -> Sparkline | None:
    """Return the drawing of the spans of a day, in the order of time; None for fewer than two.

    `every` is the time between two runs in seconds, where that is known.
    """
    if len(spans) < 2:
        return None
    begin = now - DAY if spans[0].at < now - DAY / 2 else spans[0].at  # of a record that is young all room is used
    low, high = min(span.low for span in spans), max(span.high for span in spans)
    size = (high - low) or 1.0

    def x(span: Span) -> str:
        return _short(max(0.0, 1 - (now - span.at) / max(now - begin, 1.0)) * WIDTH)

    def y(value: float) -> str:
        share = (value - low) / size if high > low else 0.5
        return _short(HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE))

    line, band = [], []
    for piece in _pieces(spans, max(GAP, every * INTERVALS)):
        points = [f"{x(span)} {y(span.mean)}" for span in piece]
        line.append("M" + "L".join(points if len(points) > 1 else points * 2))  # a line to itself is a dot
        there = [f"{x(span)} {y(span.high)}" for span in piece]
        back = [f"{x(span)} {y(span.low)}" for span in reversed(piece)]
        band.append("M" + "L".join(there + back) + "Z")
    return Sparkline("".join(line), "".join(band), low, high)


def _pieces(spans: Sequence[Span], gap: float) -> Iterator[list[Span]]:
    """Yield what belongs together: spans without a gap between them."""
    piece: list[Span] = []
    for span in spans:
        if piece and span.at - piece[-1].at > gap:
            yield piece
            piece = []
        piece.append(span)
    yield piece


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
