"""Forewarning: checks judged by what the record foretells too, from the file that an earlier run left."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from health_cli.core.assembly import iso_utc
from health_cli.core.check import Check
from health_cli.core.finding import Finding, crossings
from health_cli.core.metric import Metric
from health_cli.core.plan import Plan
from health_cli.core.result import Result, joined
from health_cli.core.runner import sound
from health_cli.core.status import Status
from health_cli.history.forecast import Forecast, load
from health_cli.history.place import Place
from health_cli.history.trends import HOUR, Full, sentence

VALID = 2 * HOUR
NOTHING_YET = Full(reason="nothing has been foretold yet: that takes recorded runs")


@dataclass(frozen=True, kw_only=True)
class Forewarned(Check):
    """A check of a plan, judged by what is foretold too: `told` is that by the name of the metric that fills up."""

    check: Check
    told: Mapping[str, Full]

    def gather(self) -> Any:
        """Gather as the check does."""
        return self.check.gather()

    def judge(self, measurement: Any) -> Result:
        """Judge as the check does, and then what is foretold: that never makes it better."""
        result = sound(self.check, self.check.judge(measurement))
        if result.status is Status.SKIPPED:
            return result
        metrics = [_measured(m, self.told[m.foretells]) for m in self.metrics if m.foretells]
        return joined(result, metrics, [_finding(m, self.told[m.foretells]) for m in metrics if m.crossed])


def forewarned(plan: Plan, place: Place | None) -> Plan:
    """Return the plan with what is known of those metrics that are to be foretold; without a place, that is nothing."""
    now = time.time()
    known = load(place, now) if place else {}
    return replace(plan, checks=[_forewarned(check, known, now) for check in plan.checks])


def _forewarned(check: Check, known: Mapping[str, Forecast], now: float) -> Check:
    told = {m.foretells: left(known.get(f"{check.name}/{m.foretells}"), now) for m in check.metrics if m.foretells}
    if not told:
        return check
    plain = replace(check, metrics=tuple(m for m in check.metrics if not m.foretells))
    return Forewarned(
        name=check.name, metrics=check.metrics, timeout=check.timeout, needs=check.needs, check=plain, told=told
    )


def left(forecast: Forecast | None, now: float) -> Full:
    """Return what a forecast says now: nothing, with the reason, where it is too old."""
    if forecast is None:
        return NOTHING_YET
    if now - forecast.at > VALID:
        return Full(reason=f"not known since {iso_utc(forecast.at)}")
    return forecast.full.after(now - forecast.at)


def _measured(metric: Metric, full: Full) -> Metric:
    return metric.measured(full.seconds, full.reason)


def _finding(metric: Metric, full: Full) -> Finding:
    """Return what is said of a metric that will be full before its threshold."""
    text = sentence(full) if full.seconds else "full by now, as the record foretold"
    (found,) = crossings([metric])
    return replace(found, summary=text, message=f"{found.message}: {text}")
