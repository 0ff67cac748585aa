"""Reads the periodic tasks of django-celery-beat, through its own models. Loads the project."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from celery.utils.time import maybe_make_aware
from django.db import Error, router
from django.utils import timezone

from health_cli.checks.answering import words
from health_cli.checks.bounded import bounded
from health_cli.checks.celery.beat_client import Periodic, late_by, understood
from health_cli.checks.project import load_project
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.guard import Crash
from health_cli.core.kind import Kind
from health_cli.core.status import Status

TABLE = "django_celery_beat_periodictask"


def tasks(app: Any, limit: float) -> tuple[list[Periodic | tuple[str, Crash]], set[str]]:
    """Return the tasks that are enabled, and the names of all; Failure where the table can't be read."""
    load_project()
    model = import_module("django_celery_beat.models").PeriodicTask
    alias = router.db_for_read(model)
    try:
        with bounded(alias, limit):
            rows = model.objects.using(alias)
            enabled = rows.filter(enabled=True).select_related("interval", "crontab", "solar", "clocked")
            return list(_periodic(enabled, app)), set(rows.values_list("name", flat=True))
    except (Error, ConfigError) as error:
        missing = TABLE in str(error)
        raise Failure(
            Kind.MISSING if missing else Kind.REFUSED, f"The table {TABLE} can't be read: {words(error)}",
            summary="no table of tasks" if missing else "its database can't be read", status=Status.UNKNOWN,
            hint="Run 'manage.py migrate django_celery_beat'." if missing else f"See the check database:{alias}.",
        ) from error  # fmt: skip


def _periodic(rows: Any, app: Any) -> Iterator[Periodic | tuple[str, Crash]]:
    now = datetime.now(UTC)
    for row in rows:
        begins, ends = _aware(row.start_time), _aware(row.expires)
        if (begins and begins > now) or (ends and ends <= now) or (row.one_off and row.total_run_count):
            continue  # beat sends it later, or never again
        yield understood(row.name, lambda r=row, b=begins: _of_row(r, b, app, now))  # type: ignore[misc]  # binds them


def _of_row(row: Any, begins: datetime | None, app: Any, now: datetime) -> Periodic:
    # Its scheduler writes UTC where it writes no zone, as Celery itself reads it; Django writes all else.
    ran = maybe_make_aware(row.last_run_at) if row.last_run_at else None
    changed = _aware(row.date_changed) or now
    late = late_by(row.schedule, ran or changed, app)
    if ran is None:  # one that begins then is sent at once; before it was there, it could not be late
        late = min((now - begins).total_seconds() if begins else late, (now - changed).total_seconds())
    return Periodic(row.name, ran, late)


def _aware(when: datetime | None) -> datetime | None:
    """Return a time with its zone: without USE_TZ, it is that of the project."""
    return timezone.make_aware(when) if when and timezone.is_naive(when) else when
