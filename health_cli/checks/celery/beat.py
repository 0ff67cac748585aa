"""celery.beat: whether the scheduler runs, and all periodic tasks are sent in time."""

from collections.abc import Iterator, Mapping
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
    project. One that is named and not there is critical. It is copied, and read without running any code that is in
    it; one that can't be read makes the check unknown, since nobody sees then what is overdue.

    `node` means the beats that are asked, by their names: any that is on the broker. Where several projects share one,
    start each with a name of its own (`beat -n shop@%h`), and set it here.

    `grace` is what a task may be late. Celery writes down what it has sent up to 8 minutes later, django-celery-beat up
    to 200 seconds, so that with less, tasks are overdue that were sent. A task that has never been sent counts from the
    time when it came into the schedule.
    """

    name: str = "celery.beat"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    needs: tuple[str, ...] = ()
    schedule: str = ""
    node: str = "celerybeat@*"
    grace: float = 600.0
    in_database: bool = field(default=False, repr=False)

    def gather(self) -> Measurement:
        """Look at the table or the file, and ask."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.beat_client", CELERY)
        measurement: Measurement = client.gather(
            app, in_database=self.in_database, path=self.schedule, node=self.node, grace=self.grace, limit=self.timeout
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


def _findings(facts: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _about_tasks(facts)
    yield from _about_schedule(facts)
    if facts["asked"] and not facts["beats"]:
        yield Finding(
            status=Status.CRITICAL, kind=Kind.MISSING, summary="beat does not answer",
            message="beat_enable_remote_control is set, and no beat answers: none runs, or it has stopped to tick",
            hint=START,
        )  # fmt: skip


def _about_tasks(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Those that are overdue, and those of which that can't be told."""
    late = facts["overdue_tasks"]
    if late:
        names = ", ".join(f"{row['name']} ({humanize(row['late'], 's')})" for row in late[:SHOWN])
        more = f" and {facts['overdue_count'] - SHOWN} more" if facts["overdue_count"] > SHOWN else ""
        yield Finding(
            status=Status.CRITICAL, kind=Kind.LAGGING, summary=f"{facts['overdue_count']} overdue",
            message=f"These periodic tasks are overdue: {names}{more}", hint=START,
        )  # fmt: skip
    if facts["odd_tasks"]:
        yield Finding(
            status=Status.WARNING, kind=Kind.MISCONFIGURED, summary=f"{len(facts['odd_tasks'])} tasks not understood",
            message=f"It can't be told when these are due: {'; '.join(facts['odd_tasks'][:SHOWN])}",
            hint="Correct their schedules: beat may leave them out, too. One of a class of your own can't be read.",
        )  # fmt: skip


def _about_schedule(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """A file that can't be read, a table that lacks tasks."""
    if facts.get("unreadable"):
        yield Finding(
            status=Status.UNKNOWN, kind=Kind.AUTH if facts["denied"] else Kind.MISCONFIGURED,
            summary="schedule not readable", message=f"What is overdue can't be seen: {facts['unreadable']}",
            hint=f"Run health as the user of beat, or let this one read it: setfacl -m u:USER:r {facts['source']}*"
            if facts["denied"] else "Is it the one of 'beat -s'? One that is damaged beat makes anew when it starts.",
        )  # fmt: skip
    if facts["not_in_table"]:
        yield Finding(
            status=Status.WARNING, kind=Kind.MISSING, summary="tasks of the settings not in the table",
            message=f"beat_schedule has tasks that its table lacks: {', '.join(facts['not_in_table'][:SHOWN])}",
            hint="Its scheduler puts them there as it starts: celery -A PROJECT beat --scheduler django",
        )  # fmt: skip
