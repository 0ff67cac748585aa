"""Trend words: what trends say, in lines for people and as JSON has it."""

from collections.abc import Iterator
from typing import Any

from health_cli.core.units import humanize
from health_cli.history.trends import Change, Trends, sentence


def said(told: Trends, unit: str) -> Iterator[str]:
    """Yield the lines on the trends: silent where nothing is known of a filling up."""
    yield f"since yesterday  {_change(told.yesterday, unit)}"
    yield f"since last week  {_change(told.last_week, unit)}"
    if sentence(told.full):
        yield sentence(told.full)


def as_json(told: Trends) -> dict[str, Any]:
    """Return the trends as JSON has them; a reason is null where there is a number."""
    return {name: {**part._asdict(), "reason": part.reason or None} for name, part in told._asdict().items()}


def _change(change: Change, unit: str) -> str:
    if change.absolute is None or change.before is None:
        return f"n/a ({change.reason})"
    sign = "+" if change.absolute > 0 else "-" if change.absolute < 0 else ""
    points = "points" if unit == "%" else unit
    amount = humanize(abs(float(f"{change.absolute:.4g}")), points)
    percent = f" ({change.percent:+.3g} %)" if change.percent and unit != "%" else ""
    return f"{sign}{amount}{percent}"
