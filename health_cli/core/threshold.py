"""Threshold: a range in the monitoring-plugins grammar, which alerts on a value or does not.

    range  := ["@"] ( end | start ":" [end] )      start := number | "~" | ""      end := number
    number := [+-] digits ["." digits] | [+-] "." digits

Both ends belong to the range. Without `@` it alerts on what is outside, with `@` on what is inside.
An omitted start is 0, `~` is minus infinity, an omitted end is infinity.

One extension: a number may carry a suffix, which turns it into base units (seconds, bytes, percent):
`us ms s min h d`, `B KB MB GB TB KiB MiB GiB TiB`, `%`. Both ends then need one of the same kind.
"""

import math
import re
from dataclasses import dataclass

from health_cli.core.units import SUFFIXES, fixed_point, humanize

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))([A-Za-z%]*)")
LARGEST = 1e300  # in any unit; what is larger could not be written and read back


@dataclass(frozen=True, slots=True)
class Threshold:
    """A range from `start` to `end`, both included; it alerts outside, or `inside`.

    ValueError where an end is not a number or the start is above the end.
    """

    start: float = 0
    end: float = math.inf
    inside: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no range."""
        if math.isnan(self.start) or math.isnan(self.end):
            raise ValueError("a threshold's ends must be numbers, not nan")
        if any(abs(end) >= LARGEST and not math.isinf(end) for end in (self.start, self.end)):
            raise ValueError("a threshold's ends must be below 1e300")
        if self.start > self.end or self.start == math.inf or self.end == -math.inf:
            raise ValueError(f"start {_end(self.start)} is above end {_end(self.end)}: write the lower end first")

    @classmethod
    def parse(cls, text: str, unit: str | None = None) -> "Threshold":
        """Read a range; ValueError quotes the text and says what is allowed.

        With a `unit` ("s", "B", "%" or any other), a suffix of another unit is refused.
        """
        body, inside = (text[1:], True) if text.startswith("@") else (text, False)
        left, colon, right = body.partition(":")
        try:
            if not colon:
                left, right = "", left
                if not right:
                    raise ValueError("there is no number in it")
            start, end = _ends(left, right, unit)
            return cls(start, end, inside)
        except ValueError as error:
            raise ValueError(f"'{text}' is not a threshold: {error} (examples: 80  10:  ~:5  10:20  @10:20)") from None

    def alerts(self, value: float) -> bool:
        """Tell whether this value is worth an alert; ValueError for nan."""
        if math.isnan(value):
            raise ValueError("nan is not a measured value")
        outside = value < self.start or value > self.end
        return outside is not self.inside

    @property
    def never(self) -> bool:
        """True for the range that alerts on nothing, `~:`."""
        return not self.inside and self.start == -math.inf and self.end == math.inf

    def hides(self, warning: "Threshold") -> bool:
        """Tell whether this critical range leaves a warning range no value to fire on.

        A warning that never fires at all (`~:`) is a warning switched off, not one that is hidden.
        """
        if warning.never:
            return False
        if self.inside and self.start == -math.inf and self.end == math.inf:
            return True
        if warning.inside and self.inside:
            return self.start <= warning.start and warning.end <= self.end
        if warning.inside:
            return warning.end < self.start or self.end < warning.start
        if self.inside:
            return _outside_is_within(warning, self)
        return warning.start <= self.start and self.end <= warning.end

    def describe(self, unit: str = "") -> str:
        """Say in words when it alerts, as in `above 95 %`."""
        low = humanize(self.start, unit) if self.start != -math.inf else ""
        high = humanize(self.end, unit) if self.end != math.inf else ""
        if self.inside:
            between = f"from {low} to {high}" if low and high else "" if low or high else "always"
            return between or (f"at {low} or above" if low else f"at {high} or below")
        if not low and not high:
            return "never"
        if self.start == self.end:
            return f"other than {high}"
        if not low or (high and self.start == 0):
            return f"above {high}"
        return f"below {low}" if not high else f"outside {low} to {high}"

    def shown(self, unit: str) -> str:
        """Write the range for people, with the suffixes that keep it exact and short: `500MiB:`, `90%`, `5min`."""
        mark, low, high = "@" if self.inside else "", _suffixed(self.start, unit), _suffixed(self.end, unit)
        if self.end == math.inf:
            return f"{mark}{low}:"
        return f"{mark}{high}" if self.start == 0 else f"{mark}{low}:{high}"

    def __str__(self) -> str:
        """Write the shortest equal range that every known parser reads.

        That is why `0:` keeps its zero, since Monitoring::Plugin refuses a bare colon, and 0.5 the one
        before its point.
        """
        mark = "@" if self.inside else ""
        if self.end == math.inf:
            return f"{mark}{_end(self.start)}:"
        if self.start == 0:
            return f"{mark}{_end(self.end)}"
        return f"{mark}{_end(self.start)}:{_end(self.end)}"


def _outside_is_within(outer: Threshold, inner: Threshold) -> bool:
    """Tell whether all that is outside `outer` is inside `inner`."""
    left = outer.start == -math.inf or (inner.start == -math.inf and outer.start <= inner.end)
    right = outer.end == math.inf or (inner.end == math.inf and inner.start <= outer.end)
    return left and right


# The suffixes to write for people, the largest first.
_LADDERS = {"B": ("TiB", "GiB", "MiB", "KiB", "B"), "s": ("d", "h", "min", "s", "ms", "us"), "%": ("%",)}


def _suffixed(number: float, unit: str) -> str:
    """Write a number in the largest suffix of its unit that keeps it whole, else as it is."""
    if math.isfinite(number) and number:
        for suffix in _LADDERS.get(unit, ()):
            _, times, over = SUFFIXES[suffix]
            scaled = number * over / times
            if scaled == math.trunc(scaled):
                return f"{int(scaled)}{suffix}"
    return _end(number)


def _end(number: float) -> str:
    if math.isinf(number):
        return "~" if number < 0 else ""
    return fixed_point(number)


def _ends(left: str, right: str, unit: str | None) -> tuple[float, float]:
    """Read both ends; the two must speak of one unit."""
    start, start_suffix = (-math.inf, None) if left == "~" else _number(left or "0")
    end, end_suffix = _number(right) if right else (math.inf, None)
    for suffix in (start_suffix, end_suffix):
        if suffix and unit is not None and SUFFIXES[suffix][0] != unit:
            raise ValueError(f"'{suffix}' does not go with a value in {unit or 'plain numbers'}")
    free = (0, -math.inf, math.inf)  # without a suffix these are the same in every unit
    kinds = {
        SUFFIXES[suffix][0] if suffix else ""
        for number, suffix in ((start, start_suffix), (end, end_suffix))
        if suffix or number not in free
    }
    if len(kinds) > 1:
        raise ValueError(f"give '{left}' and '{right}' a suffix of one kind, or none")
    return start, end


def _number(text: str) -> tuple[float, str | None]:
    """Read one end into base units, and say which suffix it had."""
    match = _NUMBER.fullmatch(text)
    if not match:
        raise ValueError(f"'{text}' is not a number")
    digits, suffix = match.groups()
    if suffix and suffix not in SUFFIXES:
        raise ValueError(f"'{suffix}' is not a unit: use one of {' '.join(SUFFIXES)}")
    number = _exact(digits)
    if suffix:
        _, times, over = SUFFIXES[suffix]
        number = _whole(number * times / over) if over > 1 else _whole(number * times)
    if not abs(number) < LARGEST:
        raise ValueError(f"'{text[:20]}...' is out of range")
    return number, suffix or None


def _exact(digits: str) -> float:
    """Read digits as an integer where they are one, so that large counts keep every digit."""
    if "." in digits:
        return _whole(float(digits))
    if len(digits) > 301:
        raise ValueError(f"'{digits[:20]}...' is out of range")
    return int(digits)


def _whole(number: float) -> float:
    return int(number) if math.isfinite(number) and number == math.trunc(number) else number
