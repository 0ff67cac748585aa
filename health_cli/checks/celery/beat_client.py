"""Looks at what Celery's scheduler has left, and asks it. Loaded only when that is looked at, since it needs Celery."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from celery.utils.time import maybe_make_aware

from health_cli.checks.celery.beat_file import Unreadable, entries_of, files_of, written_at
from health_cli.checks.celery.link import any_link
from health_cli.core.age import age_of
from health_cli.core.errors import Failure, Skipped
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status

PATIENCE = 1.0  # seconds that a beat is waited for; one that answers is not waited for longer than it takes
MOST = 20  # names of tasks
OF_TASKS = ("last_run", "tasks", "overdue", "longest_overdue")


class Periodic(NamedTuple):
    """A periodic task: when it was last sent, None where never, and how many seconds ago it was due since."""

    name: str
    last_run: datetime | None
    late: float


@dataclass
class Known:
    """What has been found out so far."""

    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add_tasks(self, found: Iterable[Periodic | tuple[str, Crash]], grace: float) -> None:
        """Take in the tasks of a schedule, and those that can't be understood."""
        rows = list(found)
        tasks = [row for row in rows if isinstance(row, Periodic)]
        late = sorted((task for task in tasks if task.late > grace), key=lambda task: -task.late)
        self.facts["overdue_tasks"] = [{"name": task.name, "late": round(task.late, 1)} for task in late[:MOST]]
        self.facts["overdue_count"] = len(late)
        odd = [(row[0], row[1]) for row in rows if not isinstance(row, Periodic)]
        self.facts["odd_tasks"] = [f"{name} ({crash.name}: {crash.text})" for name, crash in odd[:MOST]]
        self.values |= {"tasks": len(tasks), "overdue": len(late)}
        self.values["longest_overdue"] = round(late[0].late, 1) if late else 0.0
        ran = [task.last_run.timestamp() for task in tasks if task.last_run]
        if ran:
            self.values["last_run"] = round(max(0.0, time.time() - max(ran)), 3)


def gather(app: Any, *, in_database: bool, path: str, node: str, grace: float, limit: float) -> Measurement:
    """Bring together what is known; Skipped where nothing tells, Failure where what should tell can't be read."""
    known = Known(facts={"source": "", "overdue_tasks": [], "overdue_count": 0, "odd_tasks": [], "not_in_table": []})
    asked = bool(getattr(app.conf, "beat_enable_remote_control", False))
    files = [] if in_database else files_of(path or app.conf.beat_schedule_filename)
    if in_database:
        _by_table(known, app, grace, limit / 2)
    elif files:
        _by_file(known, app, files, grace)
    elif path:
        raise Failure(
            Kind.MISSING, f"There is no file {Path(path).absolute()}: no beat has ever run with it.",
            summary="no schedule's file", hint="Is it the one of 'beat -s'? Then start beat. Or correct it in OPTIONS.",
        )  # fmt: skip
    elif not asked:
        raise Skipped(
            f"There is no file {app.conf.beat_schedule_filename} here. Where beat runs on another host, look "
            "there, or set beat_enable_remote_control (Celery 5.7). If it runs here, name its file as 'schedule' in "
            "the OPTIONS of celery.beat.",
            summary="nothing tells of beat",
        )
    else:
        known.missing |= dict.fromkeys(("last_tick", *OF_TASKS), "its file is not on this host")
    known.facts |= _asked(app, node, limit / 2, alone=not known.values) if asked else {"asked": False, "beats": []}
    return Measurement(values=known.values, missing=known.missing, facts=known.facts)


def _by_table(known: Known, app: Any, grace: float, limit: float) -> None:
    """Look at the table of django-celery-beat; what it lacks of the settings, its scheduler has never put there."""
    rows, names = load("health_cli.checks.celery.beat_database").tasks(app, limit)
    known.facts["source"] = "django-celery-beat"
    known.facts["not_in_table"] = sorted(map(str, set(app.conf.beat_schedule or ()) - names))[:MOST]
    known.missing |= {
        "last_tick": "django-celery-beat writes only what it has sent",
        "last_run": "none was sent so far",
    }
    known.add_tasks(rows, grace)


def _by_file(known: Known, app: Any, files: Sequence[str], grace: float) -> None:
    """Look at the file of Celery's own scheduler."""
    known.facts["source"] = str(Path(files[0]).resolve())
    try:
        known.values["last_tick"] = round(age_of(files[0], written_at(files)), 3)
    except Failure as failure:
        known.missing["last_tick"] = failure.message
    known.missing["last_run"] = "beat has not written down so far that it sent one"
    try:
        entries = entries_of(files)
    except Unreadable as error:
        known.missing |= dict.fromkeys(OF_TASKS, str(error))
        known.facts |= {"unreadable": str(error), "denied": error.denied}
        return
    known.add_tasks((understood(entry.name, lambda e=entry: _of_entry(e, app)) for entry in entries), grace)  # type: ignore[misc]  # binds it


def understood(name: str, call: Callable[[], Periodic]) -> Periodic | tuple[str, Crash]:
    """Return a task, or its name and why it can't be understood: one that is odd must not hide the others."""
    found = attempt(call)
    return (name, found) if isinstance(found, Crash) else found


def late_by(schedule: Any, last_run: datetime, app: Any) -> float:
    """Return how many seconds ago a task should have been sent that was last sent then; below 0 what is left."""
    if not hasattr(schedule, "remaining_estimate"):
        raise TypeError("its schedule is of a class that is none of Celery's own")
    schedule.app = app
    there = maybe_make_aware(last_run).astimezone(getattr(schedule, "tz", None) or app.timezone)
    return -float(schedule.remaining_estimate(there).total_seconds())


def _of_entry(entry: Any, app: Any) -> Periodic:
    ran = maybe_make_aware(entry.last_run_at)
    return Periodic(entry.name, ran if entry.total_run_count else None, late_by(entry.schedule, ran, app))


def _asked(app: Any, node: str, limit: float, *, alone: bool) -> dict[str, Any]:
    """Return who answers a ping; a broker that is down is Failure where nothing else tells of beat."""
    try:
        return {"asked": True, "beats": _answers(app, node, limit)}
    except Failure as failure:
        if alone:
            raise failure.but(status=Status.UNKNOWN) from failure
        return {"asked": False, "beats": [], "not_asked": failure.message}


def _answers(app: Any, node: str, limit: float) -> list[str]:
    """Return the name of a beat that answers: the first one's."""
    with any_link(app, limit) as connection:
        replies = app.control.broadcast(
            "ping", reply=True, timeout=min(PATIENCE, limit), limit=1, connection=connection,
            pattern=node, matcher="glob",
        )  # fmt: skip
    return sorted(name for reply in replies or () for name in reply)
