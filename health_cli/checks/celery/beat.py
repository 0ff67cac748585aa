"""celery.beat: whether the scheduler runs, and all periodic tasks are sent in time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.celery.base import CELERY, CeleryCheck
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

SHOWN = 3  # names in a sentence
START = "Start it: celery -A PROJECT beat. One that runs and does nothing is stuck: see its log, and restart it."

METRICS = (
    metric(
        "last_tick", "s", warning="600", critical="900", hint=START,
        help="Seconds since beat last wrote its file. Celery writes it each 3 minutes, and sleeps up to 5 between two "
        "looks at the clock, so that one that is well may be 8 minutes back (beat_max_loop_interval).",
    ),
    metric("last_run", "s", help="Seconds since any periodic task was last sent."),
    metric("tasks", help="Periodic tasks that are enabled."),
    metric(
        "overdue", critical="0", hint=START,
        help="Tasks that should have been sent more than `grace` seconds ago and were not.",
    ),
    metric("longest_overdue", "s", help="Seconds that the one which is late the longest should have been sent ago."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Beat(CeleryCheck):
    """Celery's scheduler: whether it ticks, and which periodic tasks are overdue.

    What tells of it, one beside the other: the table of django-celery-beat, where that is in INSTALLED_APPS; else the
    file of Celery's own scheduler, on the host where it runs; and its answer to a ping, where
    `beat_enable_remote_control` is set (Celery 5.7), which it gives only while it ticks. Where none of them is there,
    since beat runs on another host, the check is skipped, and says what to do.

    `schedule` is the path of the file: that of `beat -s`, by default `beat_schedule_filename` below the folder of the
    project. It is copied, and read without running any code that is in it. `grace` is what a task may be late: the
    default is more than Celery takes to write down that it was sent.

    A task that has never been sent counts from the time when it came into the schedule.
    """

    name: str = "celery.beat"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    needs: tuple[str, ...] = ()
    schedule: str = ""
    grace: float = 600.0
    in_database: bool = field(default=False, repr=False)

    def gather(self) -> Measurement:
        """Look at the table or the file, and ask."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.beat_client", CELERY)
        measurement: Measurement = client.gather(
            app, in_database=self.in_database, path=self.schedule, grace=self.grace, limit=self.timeout
        )
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Name what is overdue, and a beat that does not answer."""
        values = measurement.values
        parts = []
        if "tasks" in values:
            parts.append(f"{values['tasks']:.0f} periodic task{'' if values['tasks'] == 1 else 's'}")
        if "last_run" in values:
            parts.append(f"the last sent {humanize(values['last_run'], 's')} ago")
        if "last_tick" in values:
            parts.append(f"ticked {humanize(values['last_tick'], 's')} ago")
        if measurement.facts["beats"]:
            parts.append(f"{measurement.facts['beats'][0]} answers")
        findings = list(_findings(measurement.facts))
        return self.result(measurement, summary=", ".join(parts), findings=findings)


def _findings(facts: Any) -> Iterator[Finding]:
    late = facts["overdue_tasks"]
    if late:
        names = ", ".join(f"{row['name']} ({humanize(row['late'], 's')})" for row in late[:SHOWN])
        more = f" and {facts['overdue_count'] - SHOWN} more" if facts["overdue_count"] > SHOWN else ""
        yield Finding(
            status=Status.CRITICAL, kind=Kind.LAGGING, summary=f"{facts['overdue_count']} overdue",
            message=f"These periodic tasks are overdue: {names}{more}", hint=START,
        )  # fmt: skip
    if facts["asked"] and not facts["beats"]:
        yield Finding(
            status=Status.CRITICAL, kind=Kind.MISSING, summary="beat does not answer",
            message="beat_enable_remote_control is set, and no beat answers: none runs, or it has stopped to tick",
            hint=START,
        )  # fmt: skip
