"""Reads what a monitoring plugin prints: a line of text, performance data, and more text. Pure.

The grammar is that of the Monitoring Plugins Development Guidelines: `TEXT | PERFDATA`, then lines of text, of which
one may have another `|`, after which all is performance data: items `'label'=value[UOM];[warn];[crit];[min];[max]`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from health_cli.core.metric import Metric
from health_cli.core.threshold import Threshold

LONGEST, MOST = 4_096, 200  # characters of the further text, and items
# What a unit is in base units. Plugins mean 1024 by KB, as the guidelines' own library does.
UNITS = {
    "": (1.0, ""), "s": (1.0, "s"), "ms": (1e-3, "s"), "us": (1e-6, "s"), "ns": (1e-9, "s"), "%": (1.0, "%"),
    "c": (1.0, "c"), "B": (1.0, "B"), "KB": (2.0**10, "B"), "MB": (2.0**20, "B"), "GB": (2.0**30, "B"),
    "TB": (2.0**40, "B"), "KiB": (2.0**10, "B"), "MiB": (2.0**20, "B"), "GiB": (2.0**30, "B"), "TiB": (2.0**40, "B"),
}  # fmt: skip
_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_ITEM = re.compile(
    rf"(?:'((?:[^']|''){{0,200}})'|([^\s='|]{{1,200}}))=({_NUMBER}|U)([^\s;\d]*)" + r"(?:;([^\s;]*))?" * 4
)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class Said(NamedTuple):
    """What a plugin said: its first line, further lines, and its metrics."""

    text: str
    more: str
    metrics: tuple[Metric, ...]


def parse(output: str) -> Said:
    """Return what is in an output; what is no performance data is left out."""
    first, _, rest = output.strip().partition("\n")
    text, _, data = first.partition("|")
    more, _, others = rest.partition("|")
    return Said(text.strip(), more.strip()[:LONGEST], tuple(_distinct(_items(f"{data} {others}"))))


def _items(data: str) -> Iterator[Metric]:
    for number, match in enumerate(_ITEM.finditer(data)):
        if number >= MOST:
            return
        quoted, plain, value, uom, *ranges = match.groups()
        yield _metric((quoted or "").replace("''", "'") or plain or "", value, uom, ranges)


def _metric(label: str, value: str, uom: str, ranges: list[str | None]) -> Metric:
    scale, unit = UNITS.get(uom, (1.0, uom if uom.isprintable() and "|" not in uom else ""))
    name = _UNFIT.sub("_", label).strip("_") or "root"  # of check_disk's label "/"
    warning, critical, low, high = ranges
    bare = Metric(name=name, unit=unit, min=_number(low, scale), max=_number(high, scale))
    measured = bare.measured(None, "the plugin does not know") if value == "U" else bare.measured(_number(value, scale))
    try:
        return replace(measured, warning=_range(warning, scale), critical=_range(critical, scale))
    except ValueError:  # ranges that are none, or of which one is useless
        return measured


def _number(text: str | None, scale: float) -> float | None:
    """Return a number in base units; None where there is none."""
    if not text or not re.fullmatch(_NUMBER, text):
        return None
    number = float(text.replace(",", ".")) * scale
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _range(text: str | None, scale: float) -> Threshold | None:
    """Return a range in base units; ValueError where it is none."""
    if not text:
        return None
    return Threshold.parse(re.sub(_NUMBER, lambda match: repr(_number(match[0], scale)), text))


def _distinct(metrics: Iterator[Metric]) -> Iterator[Metric]:
    """Number those whose labels became the same name."""
    seen: dict[str, int] = {}
    for item in metrics:
        seen[item.name] = seen.get(item.name, 0) + 1
        yield item if seen[item.name] == 1 else replace(item, name=f"{item.name}_{seen[item.name]}")
