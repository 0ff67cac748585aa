"""celery.broker: does the broker take a message and give it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.celery.base import BROKER, CELERY, CeleryCheck
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("connect_time", "s", help="Time to connect and log in. A LAN takes 1 to 20 ms."),
    metric(
        "roundtrip_time", "s", warning="0.1", critical="1",
        hint="The broker is slow: look at its own log, its memory and disk, and the network between.",
        help="Time to write a message of ours, read it back and remove it: a broker that is out of memory or "
        "read-only still answers to everything else.",
    ),
    metric(
        "unacknowledged",
        help="Tasks that workers have taken and not begun, those with an ETA among them; with task_acks_late those "
        "that run, too (Redis only; of all queues).",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Broker(CeleryCheck):
    """The message broker of Celery, on Redis or RabbitMQ: without it no task is queued and none is run.

    With several URLs (failover) each must answer; as long as one does, it is a warning only. A message is
    put into a queue of our own, read back and removed. On Redis that is a random key, on RabbitMQ an
    exclusive queue, which goes away with the connection. A RabbitMQ that blocks publishers, since its memory
    or disk is nearly used up, is found by that.

    Redis needs the ACL rules +ping +set +get +del ~health-cli:*, RabbitMQ a user that may configure and read
    health-cli.* in its vhost, and write to amq.default.
    """

    name: str = BROKER
    metrics: tuple[Metric, ...] = field(default=METRICS)
    needs: tuple[str, ...] = ()

    def gather(self) -> Measurement:
        """Connect to each URL, and take a message through the first that answers."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.broker_client", CELERY)
        measurement: Measurement = client.gather(app, self.timeout)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say what it is, and which of several is down."""
        facts = measurement.facts
        summary = facts["broker"]
        if "roundtrip_time" in measurement.values:
            summary += f", round trip {humanize(measurement.values['roundtrip_time'], 's')}"
        return self.result(measurement, summary=summary, findings=[_down(row) for row in facts.get("failed", ())])


def _down(row: Mapping[str, Any]) -> Finding:
    """Return the finding for one of several brokers that is down."""
    return Finding(
        status=Status.WARNING,
        kind=Kind(row["kind"]),
        summary=f"one of several is down: {row['summary']}",
        message=f"{row['message']}; another broker of the list is used meanwhile",
        hint=row["hint"],
    )


@dataclass(frozen=True, kw_only=True)
class LocalBroker(CeleryCheck):
    """A broker without a server: memory, files, or none, since tasks run where they are called.

    It is said to be what it is, and always healthy.
    """

    name: str = BROKER
    needs: tuple[str, ...] = ()

    def gather(self) -> Measurement:
        """Nothing can be read."""
        return Measurement(facts={"broker": str(self.conf.get("broker_url") or "").partition(":")[0] or "none"})

    def judge(self, measurement: Measurement) -> Result:
        """Say what it is."""
        eager = self.conf.get("task_always_eager")
        files = measurement.facts["broker"].startswith("filesystem")
        what = "in a folder of files" if files else "in each process's own memory"
        return self.result(measurement, summary="none is used: tasks run where they are called" if eager else what)
