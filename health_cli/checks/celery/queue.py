"""celery.queue:NAME: how many tasks wait in a queue, and does anybody read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.celery.base import CeleryCheck
from health_cli.checks.celery.workers import survey_of
from health_cli.core.finding import Finding
from health_cli.core.instance import named_by
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric(
        "waiting", warning="100", critical="1000",
        hint="More or faster workers, or find what fills it. A queue that may be long gets thresholds of its own.",
        help="Tasks that no worker has taken, of all priorities. The defaults are those of celery-exporter's and "
        "RabbitMQ's usual alerts; what workers have taken and not begun is `reserved` of celery.workers.",
    ),
    metric("oldest_waiting", "s", help="Age of the oldest task that waits, where its message has a timestamp."),
    metric("consumers", help="Workers that read it: as RabbitMQ counts them, on Redis those that said so."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class QueueCheck(CeleryCheck):
    """A queue that tasks are routed to: how long it is, how old its oldest task, and whether a worker reads it.

    A queue with tasks and without a reader is critical; an empty one without a reader is a warning, since
    whatever is sent there will wait. On Redis only workers that answer can be known to read it: while others
    are silent, which celery.workers reports, a queue without a reader is a warning at most.

    The queues are those of task_default_queue, task_queues, task_routes and beat_schedule; CELERY_QUEUES
    names others instead.

    Celery writes no time into its messages. With the receiver of `before_task_publish` in docs/celery.md
    they have one, and the age of the oldest is known: on Redis at once, on RabbitMQ by its management API.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)

    @property
    def queue(self) -> str:
        """The name of the queue."""
        return named_by(self.name)

    def gather(self) -> Measurement:
        """Take this queue's part of the survey."""
        survey = survey_of(self)
        state = survey.queues[self.queue]
        values: dict[str, float] = {"waiting": state.waiting}
        missing: dict[str, str] = {}
        if state.consumers is not None:
            values["consumers"] = state.consumers
        else:
            missing["consumers"] = state.why_no_consumers
        if state.oldest_waiting is not None:
            values["oldest_waiting"] = state.oldest_waiting
        else:
            missing["oldest_waiting"] = state.why_no_age or "no task waits"
        others = sorted({queue for node in survey.nodes for queue in node.queues or ()})
        facts = {"exists": state.exists, "queues_read": others}
        return Measurement(values=values, missing=missing, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say whether anybody reads it."""
        values = measurement.values
        summary = f"{values['waiting']:.0f} waiting, {_readers(values.get('consumers'))}"
        if "oldest_waiting" in values and values["waiting"]:
            summary += f", oldest {humanize(values['oldest_waiting'], 's')}"
        return self.result(measurement, summary=summary, findings=list(_unread(self.queue, values, measurement.facts)))


def _readers(count: float | None) -> str:
    if count is None:
        return "its workers do not say"
    return f"{count:.0f} worker{'s' if count != 1 else ''}"


def _unread(queue: str, values: Mapping[str, float], facts: Mapping[str, Any]) -> Iterator[Finding]:
    """A queue that nobody reads, or may read."""
    if "consumers" not in values and values["waiting"]:
        yield Finding(
            status=Status.WARNING,
            kind=Kind.TIMEOUT,
            summary=f"{values['waiting']:.0f} waiting, its workers do not say",
            message=f"{values['waiting']:.0f} tasks wait in queue {queue}, and no worker that answers reads it; "
            "one that does not answer may",
            hint="See celery.workers: who is silent, and why.",
        )
    if values.get("consumers", 1):
        return
    waiting = int(values["waiting"])
    read = ", ".join(facts["queues_read"])
    instead = f"; those online read {read}" if read else ""
    tasks = "1 task waits" if waiting == 1 else f"{waiting} tasks wait"
    what = f"{tasks} in queue {queue}" if waiting else f"Nothing waits in queue {queue} now"
    yield Finding(
        status=Status.CRITICAL if waiting else Status.WARNING,
        kind=Kind.MISSING,
        summary=f"{waiting} waiting, no worker reads it",
        message=f"{what}, and no worker reads it{instead}",
        hint=f"Start a worker for it: celery -A PROJECT worker -Q {queue}; or correct the route that leads there.",
    )
