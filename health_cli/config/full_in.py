"""Full in: the threshold that warns of what will be full before long, as in `"full_in": "7d:"`.

It gives a check a metric more: for `used_percent`, `used_percent_full_in`, the seconds that are foretold until it is
full. The record foretells them; here they are only asked for.
"""

import math
from collections.abc import Iterable

from health_cli.core.check import Check
from health_cli.core.filling import NAMES, NEVER, fills, full_in_of
from health_cli.core.metric import Metric
from health_cli.core.threshold import Threshold

FULL_IN = "full_in"
SHORTEST, LONGEST = 15 * 60, 365 * 86_400  # seconds: how often it is foretold, and how far ahead


def parse(text: str) -> Threshold:
    """Read a range of seconds; ValueError for one that would not warn of what is full soon, or of everything."""
    threshold = Threshold.parse(text, "s")
    warns = not threshold.inside and threshold.end == math.inf and SHORTEST <= threshold.start <= LONGEST
    if not warns and not threshold.never:
        raise ValueError(f"'{text}' does not say below what time it is to warn: it must be from 15min: to 365d:")
    return threshold


def foretelling(check: Check, metric: Metric, warning: Threshold) -> Metric:
    """Return the metric that foretells when this one of the check will be full."""
    name = f"{check.name}/{metric.name}"
    return Metric(
        name=full_in_of(metric.name),
        unit="s",
        warning=warning,
        foretells=metric.name,
        help=f"Time until {metric.name} is full, as foretold from the last two weeks of the record.",
        hint=f"{metric.hint} See how it grew: health history '{name}' --since 14d".lstrip(),
    )


def never_full(target: str, meant: Iterable[tuple[Check, Metric]]) -> str:
    """Say what is wrong with a `full_in` for these metrics; nothing where one of them fills up."""
    names = [(check.name, metric.name) for check, metric in meant]
    if not names or any(fills(*name) for name in names):
        return ""
    known = ", ".join(sorted(NAMES))
    return f"{target}: {'/'.join(names[0])} does not fill up: 'full_in' is for {known}, of any check but {NEVER}."
