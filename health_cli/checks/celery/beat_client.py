"""Looks at what Celery's scheduler has left, and asks it. Loaded only when that is looked at, since it needs Celery."""

import time
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from celery.utils.time import maybe_make_aware

from health_cli.checks.celery.beat_file import Unreadable, entries_of, files_of, written_at
from health_cli.checks.celery.link import any_link
from health_cli.checks.celery.roll_call import BEAT
from health_cli.core.errors import Failure, Skipped
from health_cli.core.measurement import Measurement

PATIENCE = 1.0  # seconds that a beat is waited for; one that answers is not waited for longer than it takes
MOST = 20  # names of tasks that are overdue
OF_TASKS = ("last_run", "tasks", "overdue", "longest_overdue")


class Periodic(NamedTuple):
    """A periodic task: when it was last sent, None where never, and how many seconds ago it was due since."""

    name: str
    last_run: datetime | None
    late: float


def gather(app: Any, *, in_database: bool, path: str, grace: float, limit: float) -> Measurement:
    """Bring together what is known; Skipped where nothing is, Failure where what should be there can't be read."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    facts: dict[str, Any] = {"source": "", "overdue_tasks": [], "overdue_count": 0}
    asked = bool(getattr(app.conf, "beat_enable_remote_control", False))
    if in_database:
        tasks = import_module("health_cli.checks.celery.beat_database").tasks(app, limit / 2)
        facts["source"] = "django-celery-beat"
        missing["last_tick"] = "django-celery-beat writes only what it has sent"
        values |= _of_tasks(tasks, grace, facts)
        missing["last_run"] = "none was sent so far"
    elif files := files_of(path or app.conf.beat_schedule_filename):
        facts["source"] = str(Path(files[0]).resolve())
        values["last_tick"] = round(max(0.0, time.time() - written_at(files)), 3)
        missing["last_run"] = "beat has not written down so far that it sent one"
        try:
            entries = entries_of(files)
            values |= _of_tasks([_of_entry(entry, app) for entry in entries], grace, facts)
        except Unreadable as error:
            missing |= dict.fromkeys(OF_TASKS, str(error))
    elif not asked:
        raise Skipped(
            f"There is no file {path or app.conf.beat_schedule_filename} here. Where beat runs on another host, look "
            "there, or set beat_enable_remote_control (Celery 5.7). If it runs here, name its file as 'schedule' in "
            "the OPTIONS of celery.beat.",
            summary="nothing tells of beat",
        )
    else:
        missing |= dict.fromkeys(("last_tick", *OF_TASKS), "its file is not on this host")
    beats: list[str] = []
    if asked:
        try:
            beats = _answers(app, limit / 2)
        except Failure as failure:
            asked, facts["not_asked"] = False, failure.message
    return Measurement(values=values, missing=missing, facts={**facts, "asked": asked, "beats": beats})


def _of_tasks(tasks: Sequence[Periodic], grace: float, facts: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of the tasks, and note the names of those that are overdue."""
    late = sorted((task for task in tasks if task.late > grace), key=lambda task: -task.late)
    facts["overdue_tasks"] = [{"name": task.name, "late": round(task.late, 1)} for task in late[:MOST]]
    facts["overdue_count"] = len(late)
    values: dict[str, float] = {"tasks": len(tasks), "overdue": len(late)}
    values["longest_overdue"] = round(late[0].late, 1) if late else 0.0
    ran = [task.last_run.timestamp() for task in tasks if task.last_run]
    if ran:
        values["last_run"] = round(max(0.0, time.time() - max(ran)), 3)
    return values


def late_by(schedule: Any, last_run: datetime, app: Any) -> float:
    """Return how many seconds ago a task should have been sent that was last sent then; below 0 what is left."""
    schedule.app = app
    there = maybe_make_aware(last_run).astimezone(getattr(schedule, "tz", None) or app.timezone)
    return -float(schedule.remaining_estimate(there).total_seconds())


def _of_entry(entry: Any, app: Any) -> Periodic:
    ran = maybe_make_aware(entry.last_run_at)
    return Periodic(entry.name, ran if entry.total_run_count else None, late_by(entry.schedule, ran, app))


def _answers(app: Any, limit: float) -> list[str]:
    """Return the name of a beat that answers: the first one's."""
    with any_link(app, limit) as connection:
        replies = app.control.broadcast(
            "ping", reply=True, timeout=min(PATIENCE, limit), limit=1, connection=connection,
            pattern=f"{BEAT}*", matcher="glob",
        )  # fmt: skip
    return sorted(name for reply in replies or () for name in reply)
