"""api.limits: who is turned away for asking too often."""

from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.api.base import ENOUGH, SHOWN, ApiCheck
from health_cli.checks.api.buckets import LIMITED_MOST
from health_cli.checks.api.statistics import share
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

METRICS = (
    metric("limited_1h", help="Requests of the last hour that were turned away: 429, or blocked by django-ratelimit."),
    metric("limited_24h", help="The same of the last 24 hours."),
    metric(
        "limited_percent_1h", "%", warning="5",
        hint="Either one client asks far too often, or the limit is too low: clients_1h and endpoints_1h in the data.",
        help=f"Of all requests of the last hour; null below {ENOUGH} of them.",
    ),
    metric(
        "limited_clients_1h",
        help="Different clients that were turned away in this hour and the one before, up to 1,000 of each.",
    ),
    metric(
        "near_limit_percent_1h", "%",
        help="Clients of the last hour with less than a tenth of their limit left, of those whose answers tell it.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Limits(ApiCheck):
    """Requests that were turned away for coming too often, by endpoint and client, and who is near a limit.

    Counted are answers of 429, as Django REST framework's throttles give them, and requests that django-ratelimit has
    marked as limited or blocked, which Django answers with 403. Limits of a web server before Django are seen in its
    access log alone. How near a client is to its limit is known where the answers tell it, in the headers
    RateLimit-Remaining and RateLimit-Limit, or X-RateLimit-*. `rates` in the data are those that the settings of Django
    REST framework have.
    """

    name: str = "api.limits"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    rates: tuple[str, ...] = ()

    def gather(self) -> Measurement:
        """Count, and name those that are turned away most."""
        statistics = self.statistics()
        window = statistics.hour
        hour, day = window.total, statistics.day.total
        values: dict[str, float] = {"limited_1h": hour.limited, "limited_24h": day.limited}
        missing: dict[str, str] = {}
        if hour.requests >= ENOUGH:
            values["limited_percent_1h"] = share(hour.limited, hour.requests)
        else:
            missing["limited_percent_1h"] = f"{hour.requests} requests are too few"
        facts: dict[str, Any] = {"rates": list(self.rates), "endpoints_1h": _most(window.endpoints)}
        if window.limited_clients is None:
            missing["limited_clients_1h"] = f"{statistics.source} does not tell who was turned away"
        else:
            values["limited_clients_1h"] = len(window.limited_clients)
            most = sorted(window.limited_clients.items(), key=lambda item: -item[1])[:SHOWN]
            facts["at_least"] = len(window.limited_clients) >= LIMITED_MOST
            facts["clients_1h"] = [{"client": client, "limited": count} for client, count in most]
        if window.near_limit is None or not window.told_limit:
            missing["near_limit_percent_1h"] = "no answer has told what is left of a limit"
        else:
            values["near_limit_percent_1h"] = min(100.0, share(window.near_limit, window.told_limit))
        return self.told(statistics, values, missing, facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say how many were turned away."""
        count = measurement.values["limited_1h"]
        return self.result(
            measurement, summary=f"{humanize(count)} request{'' if count == 1 else 's'} turned away in 1 h"
        )


def _most(endpoints: Any) -> list[dict[str, Any]]:
    limited = [(name, each) for name, each in endpoints.items() if each.limited]
    most = sorted(limited, key=lambda item: -item[1].limited)[:SHOWN]
    return [{"endpoint": name, "requests": each.requests, "limited": each.limited} for name, each in most]
