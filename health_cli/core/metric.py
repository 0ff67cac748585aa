"""Metric: one number that a check measured, with its unit and its two thresholds.

A check declares its metrics without a value; the same metric with a value stands in the result.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize

NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number. `value` is None where it could not be measured, and `reason` then says why.

    `unit` is a base unit (`s`, `B`, `%`, `c` for a growing counter) or a word for people; `hint` is
    what to do when a threshold is crossed; `help` is its line in the manual; `foretells` names the metric
    of the same check whose filling up this one foretells. ValueError where the warning could never fire
    before critical, or the unit can't be printed.
    """

    name: str
    value: float | None = None
    unit: str = ""
    warning: Threshold | None = None
    critical: Threshold | None = None
    min: float | None = None
    max: float | None = None
    reason: str = ""
    help: str = ""
    hint: str = ""
    foretells: str = ""

    def __post_init__(self) -> None:
        """Refuse a unit that would break a line of output, and a pair of thresholds of which one is useless."""
        if not self.unit.isprintable() or "|" in self.unit:
            raise ValueError(f"{self.name}: {self.unit!r} can't be a unit: it would break the output")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} can't be the name of a metric: use letters, digits and _")
        if self.warning and self.critical and self.critical.hides(self.warning):
            raise ValueError(
                f"{self.name}: warning '{self.warning}' can never fire before critical "
                f"'{self.critical}': let it alert earlier, or set critical as well"
            )

    @property
    def status(self) -> Status:
        """The verdict on this value alone; skipped where there is no value."""
        if self.value is None:
            return Status.SKIPPED
        if self.critical and self.critical.alerts(self.value):
            return Status.CRITICAL
        if self.warning and self.warning.alerts(self.value):
            return Status.WARNING
        return Status.HEALTHY

    @property
    def crossed(self) -> Threshold | None:
        """The threshold that this value crossed, the worse one of two."""
        return {Status.CRITICAL: self.critical, Status.WARNING: self.warning}.get(self.status)

    def measured(self, value: object, reason: str = "") -> "Metric":
        """Return this metric with its value, or with the reason why there is none.

        TypeError for what is no number; nan and the infinities are no measured values. Times are
        rounded to microseconds: no clock here is better than that.
        """
        if value is None:
            return replace(self, value=None, reason=reason or "not measured")
        number = as_number(value)
        if not math.isfinite(number):
            return replace(self, value=None, reason=f"not a finite number: {number}")
        return replace(self, value=round(number, 6) if self.unit == "s" else number)

    def __str__(self) -> str:
        """Write name and value for people."""
        if self.value is None:
            return f"{self.name} n/a ({self.reason})"
        return f"{self.name} {humanize(self.value, self.unit)}"

    def to_json(self) -> dict[str, Any]:
        """The metric as the JSON report has it."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "warning": str(self.warning) if self.warning else None,
            "critical": str(self.critical) if self.critical else None,
            "min": self.min,
            "max": self.max,
            "status": self.status.word,
            "reason": self.reason or None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Metric":
        """Read back what `to_json` wrote."""
        warning, critical = data["warning"], data["critical"]
        return cls(
            name=data["name"],
            value=data["value"],
            unit=data["unit"],
            warning=Threshold.parse(warning) if warning is not None else None,
            critical=Threshold.parse(critical) if critical is not None else None,
            min=data["min"],
            max=data["max"],
            reason=data.get("reason") or "",
        )


def metric(name: str, unit: str = "", *, warning: str = "", critical: str = "", **texts: Any) -> Metric:
    """Declare a metric with its thresholds as text; ValueError names the metric and the range."""
    try:
        return Metric(
            name=name,
            unit=unit,
            warning=Threshold.parse(warning, unit) if warning else None,
            critical=Threshold.parse(critical, unit) if critical else None,
            **texts,
        )
    except ValueError as error:
        raise ValueError(f"metric {name}: {error}") from None


def as_finite(value: object) -> float:
    """Return a number as `as_number` does; TypeError for what is no finite one of a float's size, too."""
    number = as_number(value)
    try:
        if math.isfinite(number):
            return number
    except OverflowError:
        raise TypeError("it has more digits than a float can have") from None
    raise TypeError(f"{number} is not a finite number")


def as_number(value: object) -> float:
    """Return an int or a float for anything that is a real number (Decimal and the like too).

    TypeError for anything else: text, a truth value, a member of an enum, a complex number.
    """
    if isinstance(value, bool | str | bytes | Enum) or not hasattr(value, "__float__"):
        raise TypeError(f"{type(value).__name__} is not a number")
    return value if isinstance(value, int) else float(value)
