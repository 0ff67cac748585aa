"""celery.canary:QUEUE: whether a task that is sent to a queue is really run."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.checks.celery.base import CELERY, CeleryCheck
from health_cli.core.finding import Finding
from health_cli.core.instance import named_by
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

TASK = "health_cli.canary"
KEPT = 90_000  # seconds that its answer is looked for: runs may be a day apart
HINT = (
    "Do its workers have health_cli in INSTALLED_APPS, and were they started since? Else see celery.queue and "
    "celery.workers: who reads the queue, and what keeps them busy."
)

METRICS = (
    metric(
        "latency", "s", warning="60",
        hint="Tasks wait for longer than a minute: more or faster workers, or find what fills the queue.",
        help="Seconds from sending the last canary that came back until a worker ran it: the time in the queue.",
    ),
    metric(
        "outstanding", "s", warning="300", critical="900", hint=HINT,
        help="Seconds that a canary has been on its way for; null where none is. Laravel-health's QueueCheck fails "
        "after five minutes.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Canary(CeleryCheck, Remembering):
    """A tiny task that is really run by a worker of a queue, and says so: what no ping and no counting proves.

    It is sent, and waited for as long as the check's limit allows. One that is not back by then is unknown, and looked
    for again by the next run, so that long queues are measured too; with `window` an earlier one that came back within
    so many seconds counts until then. As long as one is on its way no other is sent, unless it must have been lost: it
    has been away for a minute, and nothing waits in the queue. One of the last ten seconds is taken for that of a run
    beside this one, which sends its own.

    The workers need `health_cli` in INSTALLED_APPS. The task, `health_cli.canary`, keeps no result: it answers into a
    queue of ours on the same broker, one for each state folder, whose name is kept there; without a folder that can be
    written none is sent. It expires after an hour, its answer after 25. On RabbitMQ the account may configure, read
    and write health-cli.*, and its workers write to amq.default. On Redis both need what who sends tasks needs, and the
    keys ~health-cli.canary.*.

    On request, since it gives the workers something to do. Without a worker, one waits in the queue for ever on Redis.
    """

    name: str = "celery.canary:celery"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    window: float = 0.0
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Send one, or look for the one that was sent."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.canary_client", CELERY)
        flight = client.fly(app, named_by(self.name), self.memory, self.timeout)
        return self._measured(flight, time.time())

    def _measured(self, flight: Mapping[str, Any], now: float) -> Measurement:
        values, missing, back = {}, {}, flight["back"]
        if flight["away_since"]:
            values["outstanding"] = round(max(0.0, now - flight["away_since"]), 3)
        else:
            missing["outstanding"] = "none is on its way"
        counts = bool(back and (not flight["away_since"] or now - back["at"] <= self.window))
        if counts and back["latency"] is not None:
            values["latency"] = back["latency"]
        else:
            missing["latency"] = "the worker's clock is behind ours" if counts else "none has come back"
        facts = {"worker": back["worker"], "sent_ago": round(now - back["at"], 3)} if counts else {}
        return Measurement(values=values, missing=missing, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say how long it took, or how long it has been away for."""
        values, facts = measurement.values, measurement.facts
        if not facts:
            return self.result(measurement, findings=[_away(named_by(self.name), values["outstanding"])])
        after = f" after {humanize(values['latency'], 's')}" if "latency" in values else ""
        summary = f"run by {facts['worker']}{after}"
        if "outstanding" in values:
            ago, away = humanize(facts["sent_ago"], "s"), humanize(values["outstanding"], "s")
            summary += f", sent {ago} ago; another is on its way for {away}"
        return self.result(measurement, summary=summary)


def _away(queue: str, outstanding: float) -> Finding:
    since = humanize(outstanding, "s")
    return Finding(
        status=Status.UNKNOWN, kind=Kind.TIMEOUT, summary=f"not back after {since}",
        message=f"The task sent to queue {queue} {since} ago has not been run, as far as we know", hint=HINT,
    )  # fmt: skip
