"""api.traffic: how many requests there are, against yesterday and last week."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from health_cli.checks.api.base import SHOWN, ApiCheck, described
from health_cli.checks.api.statistics import Statistics
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

HOUR, DAY = 3_600, 86_400
KEPT = 8 * DAY

METRICS = (
    metric("requests_1h", help="Requests that were answered in the last hour."),
    metric("requests_24h", help="Requests that were answered in the last 24 hours."),
    metric("requests_per_second", help="Of the last hour, or of what is known of it, on average."),
    metric("of_yesterday_percent", "%", help="Of the last whole hour, of the requests in the same one yesterday."),
    metric("of_last_week_percent", "%", help="Of the last whole hour, of the requests in the same one a week ago."),
)


@dataclass(frozen=True, kw_only=True)
class Traffic(ApiCheck):
    """The requests of the last hour and the last 24, and the last whole hour against the same one a day and a week ago.

    Those hours are remembered from run to run, in the state folder; without that, and before there are as many, the two
    percentages are null. `health history api.traffic/requests_1h` shows what was recorded.

    Nothing here has a default threshold: what is too little is for who knows the project. A threshold of `10:` on
    `of_yesterday_percent` tells that traffic has all but stopped.
    """

    name: str = "api.traffic"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Count, and compare."""
        statistics = self.statistics()
        hour, day = statistics.hour.total, statistics.day.total
        values: dict[str, float] = {
            "requests_1h": hour.requests, "requests_24h": day.requests,
            "requests_per_second": hour.requests / max(1.0, min(HOUR, time.time() - (statistics.since or 0.0))),
        }  # fmt: skip
        missing: dict[str, str] = {}
        notes: list[str] = []
        hours = self._remembered(statistics, notes)
        last = int(time.time() // HOUR * HOUR) - HOUR
        for name, ago in (("of_yesterday_percent", DAY), ("of_last_week_percent", 7 * DAY)):
            before = hours.get(last - ago)
            if before and last in hours:
                values[name] = 100 * hours[last] / before
            else:
                missing[name] = "nothing was counted then" if before == 0 else "one of the two hours is not known"
        most = sorted(statistics.day.endpoints.items(), key=lambda item: -item[1].requests)[:SHOWN]
        facts = {
            "endpoints_24h": [described(name, endpoint) for name, endpoint in most],
            "statuses_24h": {str(status): count for status, count in sorted(day.statuses.items())},
        }
        return self.told(replace(statistics, notes=(*statistics.notes, *notes)), values, missing, facts)

    def _remembered(self, statistics: Statistics, notes: list[str]) -> Mapping[int, int]:
        """Return the requests of all hours that are known, and keep them for the runs to come.

        Those of another source are forgotten: it counts other requests.
        """
        known = self.memory.load()
        hours = {**(dict(_hours(known)) if known.get("hours_of") == statistics.source else {}), **statistics.hours}
        newest = max(hours, default=0)
        kept = {at: count for at, count in hours.items() if at > newest - KEPT}
        if why := self.memory.save({**known, "hours": kept, "hours_of": statistics.source}):
            notes.append(f"nothing is remembered: {why}")
        return kept

    def judge(self, measurement: Measurement) -> Result:
        """Say how many there were."""
        values = measurement.values
        day, hour = humanize(values["requests_24h"]), humanize(values["requests_1h"])
        return self.result(measurement, summary=f"{hour} requests in 1 h, {day} in 24 h")


def _hours(kept: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    hours = kept.get("hours")
    for at, count in hours.items() if isinstance(hours, Mapping) else ():
        if str(at).isdecimal() and isinstance(count, int):
            yield int(at), count
