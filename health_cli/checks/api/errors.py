"""api.errors: which share of requests fails, in all and by endpoint."""

from dataclasses import dataclass, field, replace
from typing import Any

from health_cli.checks.api.base import ENOUGH, ENOUGH_OF_ONE, SHOWN, ApiCheck, described
from health_cli.checks.api.statistics import ORDINARY, Endpoint, by, share, worst
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

NAMED = 3  # endpoints in a sentence
_LOGS = "See the tracebacks in the logs, and what was deployed last; endpoints_5xx_1h in the data (-f json) names them."

METRICS = (
    metric(
        "server_errors_percent_1h", "%", warning="1", critical="5", hint=_LOGS,
        help=f"Answers of 5xx, of all in the last hour; null below {ENOUGH} requests.",
    ),
    metric(
        "worst_endpoint_percent_1h", "%", warning="5", critical="20", hint=_LOGS,
        help=f"Answers of 5xx of the endpoint that has most of them, of those with {ENOUGH_OF_ONE} requests or more.",
    ),
    metric("server_errors_percent_24h", "%", help="Answers of 5xx, of all in the last 24 hours."),
    metric("server_errors_1h", help="Answers of 5xx in the last hour."),
    metric("client_errors_percent_1h", "%", help="Answers of 4xx but 401, 403, 404 and 429, of all in the last hour."),
    metric("client_errors_percent_24h", "%", help="The same of the last 24 hours."),
    metric("not_found_percent_1h", "%", help="Answers of 404, of all in the last hour."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Errors(ApiCheck):
    """The answers that tell of errors: of the server (5xx), and of its clients (4xx), in all and by endpoint.

    An endpoint is a method and a route, such as `GET /orders/<int:pk>/`, never the path itself. 401, 403, 404 and 429
    are no errors of clients here: they tell who may do what, and 429 is a matter of `api.limits`.
    """

    name: str = "api.errors"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Count the classes, and find the worst endpoint."""
        statistics = self.statistics()
        hour, day = statistics.hour.total, statistics.day.total
        values: dict[str, float] = {"server_errors_1h": hour.of_class(5)}
        missing: dict[str, str] = {}
        for name, total in (("1h", hour), ("24h", day)):
            few = f"{total.requests} requests are too few"
            shares = {
                f"server_errors_percent_{name}": total.of_class(5),
                f"client_errors_percent_{name}": _of_clients(total),
            }
            if name == "1h":
                shares["not_found_percent_1h"] = total.statuses[404]
            if total.requests >= ENOUGH:
                values |= {key: share(count, total.requests) for key, count in shares.items()}
            else:
                missing |= dict.fromkeys(shares, few)
        facts: dict[str, Any] = {
            "endpoints_5xx_1h": _described(statistics.hour.endpoints, 5),
            "endpoints_4xx_1h": _described(statistics.hour.endpoints, 4),
            "endpoints_5xx_24h": _described(statistics.day.endpoints, 5),
        }
        bad = worst(statistics.hour.endpoints, ENOUGH_OF_ONE)
        if bad:
            values["worst_endpoint_percent_1h"] = share(bad[1].of_class(5), bad[1].requests)
            facts["worst_endpoint"] = bad[0] if bad[1].of_class(5) else None
        else:
            missing["worst_endpoint_percent_1h"] = f"no endpoint has had {ENOUGH_OF_ONE} requests"
        return self.told(statistics, values, missing, facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say how many failed, and where most of them."""
        values, facts = measurement.values, measurement.facts
        count = values["server_errors_1h"]
        said = f"{humanize(count)} server error{'' if count == 1 else 's'} in 1 h"
        if "server_errors_percent_1h" in values:
            said += f", {humanize(values['server_errors_percent_1h'], '%')}"
        result = self.result(measurement, summary=said)
        rows = facts.get("endpoints_5xx_1h")
        if not rows:
            return result
        named = ", ".join(f"{row['endpoint']} ({row['5xx']})" for row in rows[:NAMED])
        summary = result.summary if result.kind else f"{said}; {named}"
        return replace(result, summary=summary, message=f"{result.message}; server errors: {named}")


def _of_clients(endpoint: Endpoint) -> int:
    return sum(n for status, n in endpoint.statuses.items() if status // 100 == 4 and status not in ORDINARY)


def _described(endpoints: dict[str, Endpoint], hundred: int) -> list[dict[str, Any]]:
    return [
        described(name, endpoint, percent=round(share(count, endpoint.requests), 2))
        for name, endpoint, count in by(endpoints, hundred, SHOWN)
    ]
