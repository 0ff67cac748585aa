"""Units: base units only, and how a number with a unit is written for people.

The base units are `s` (seconds), `B` (bytes), `%` (percent), `c` (a counter that only grows) and the
empty unit (a plain number). Any other word, such as `orders`, is a label for people.
"""

import math

# A suffix -> its base unit and the factor as a fraction, so that 100us is exactly 100 / 1000000.
SUFFIXES: dict[str, tuple[str, int, int]] = {
    "us": ("s", 1, 1_000_000),
    "ms": ("s", 1, 1_000),
    "s": ("s", 1, 1),
    "min": ("s", 60, 1),
    "h": ("s", 3_600, 1),
    "d": ("s", 86_400, 1),
    "%": ("%", 1, 1),
    "B": ("B", 1, 1),
    "KB": ("B", 10**3, 1),
    "MB": ("B", 10**6, 1),
    "GB": ("B", 10**9, 1),
    "TB": ("B", 10**12, 1),
    "KiB": ("B", 2**10, 1),
    "MiB": ("B", 2**20, 1),
    "GiB": ("B", 2**30, 1),
    "TiB": ("B", 2**40, 1),
}


def fixed_point(number: float) -> str:
    """Write a finite number without an exponent, in the fewest digits that read back as itself."""
    if number == 0:
        return "0"
    if number == math.trunc(number):
        return str(int(number))
    text = repr(float(number))
    if "e" not in text:
        return text.removesuffix(".0")
    mantissa, exponent = text.removeprefix("-").split("e")
    whole, _, part = mantissa.partition(".")
    point = len(whole) + int(exponent)
    digits = whole + part
    if point <= 0:
        shifted = "0." + "0" * -point + digits
    else:
        digits = digits.ljust(point, "0")
        shifted = f"{digits[:point]}.{digits[point:]}"
    return ("-" if number < 0 else "") + shifted.rstrip("0").removesuffix(".")


def humanize(value: float, unit: str = "") -> str:
    """Write a value for people: `1.2 GiB`, `12 ms`, `96.2 %`, `1,234 orders`."""
    if unit == "B":
        return _bytes(value)
    if unit == "s":
        return _seconds(value)
    if unit == "%":
        return f"{_short(value)} %"
    return f"{_short(value)} {unit}".strip() if unit != "c" else _short(value)


def _short(value: float) -> str:
    """Three digits or so after rounding; thousands grouped."""
    if isinstance(value, int) or value == math.trunc(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _bytes(value: float) -> str:
    size = float(value)
    for suffix in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{_short(int(size) if suffix == 'B' else round(size, 1))} {suffix}"
        size /= 1024
    return f"{size:,.1f} TiB"


def _seconds(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 0.001:
        return f"{value * 1e6:.0f} us"
    if size < 0.9995:
        return f"{value * 1000:.3g} ms"
    if size < 120:
        return f"{value:.3g} s"
    minutes, hours = value / 60, value / 3600
    if size < 7200:
        return f"{minutes:.0f} min"
    return f"{hours:.0f} h" if size < 172_800 else f"{value / 86_400:.0f} d"
