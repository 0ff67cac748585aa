"""Request log: the statistics that a model of the project's tells, in which something keeps each request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from health_cli.checks.api.statistics import Statistics
from health_cli.core.loading import load
from health_cli.core.memory import Memory

# What is known of the models of packages, by their names.
KNOWN: Mapping[str, Mapping[str, str]] = {
    "rest_framework_tracking.APIRequestLog": {
        "time": "requested_at", "status": "status_code", "method": "method", "endpoint": "view", "path": "path",
        "milliseconds": "response_ms", "user": "user_id", "address": "remote_addr",
    },
    "request.Request": {
        "time": "time", "status": "response", "method": "method", "path": "path", "user": "user_id", "address": "ip",
    },
}  # fmt: skip
APPS = {"rest_framework_tracking": "rest_framework_tracking.APIRequestLog", "request": "request.Request"}
FIELDS = ("time", "status", "method", "endpoint", "path", "milliseconds", "seconds", "user", "address")


@dataclass(frozen=True, kw_only=True)
class RequestLog:
    """A model by its name, `app.Model`, with the fields that tell: at least `time` and `status`.

    `endpoint` is the field of a route or a view; without one the route is taken that `path` leads to. `milliseconds` or
    `seconds` is how long an answer took; a client is `user`, where there is one, else `address`.
    """

    model: str
    fields: Mapping[str, str]
    name: ClassVar[str] = "the request log"

    def read(self, now: float, limit: float, memory: Memory) -> Statistics:
        """Ask the table, by its index on time; Failure where that can't be done."""
        statistics: Statistics = load("health_cli.checks.api.request_log_client").read(self, now, limit)
        return statistics
