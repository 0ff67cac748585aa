"""Reads the periodic tasks of django-celery-beat, through its own models. Loads the project."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from django.db import Error, router
from django.utils import timezone

from health_cli.checks.answering import words
from health_cli.checks.bounded import bounded
from health_cli.checks.celery.beat_client import Periodic, late_by
from health_cli.checks.project import load_project
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

TABLE = "django_celery_beat_periodictask"


def tasks(app: Any, limit: float) -> list[Periodic]:
    """Return the tasks that are enabled; Failure where the table can't be read."""
    load_project()
    model = import_module("django_celery_beat.models").PeriodicTask
    alias = router.db_for_read(model)
    try:
        with bounded(alias, limit):
            rows = model.objects.using(alias).filter(enabled=True)
            return list(_periodic(rows.select_related("interval", "crontab", "solar", "clocked"), app))
    except (Error, ConfigError) as error:
        missing = TABLE in str(error)
        raise Failure(
            Kind.MISSING if missing else Kind.REFUSED, f"The table {TABLE} can't be read: {words(error)}",
            summary="no table of tasks" if missing else "its database can't be read", status=Status.UNKNOWN,
            hint="Run 'manage.py migrate django_celery_beat'." if missing else f"See the check database:{alias}.",
        ) from error  # fmt: skip


def _periodic(rows: Any, app: Any) -> Iterator[Periodic]:
    now = datetime.now(UTC)
    for row in rows:
        begins, ends = _aware(row.start_time), _aware(row.expires)
        if (begins and begins > now) or (ends and ends <= now) or (row.one_off and row.total_run_count):
            continue  # beat sends it later, or never again
        ran = _aware(row.last_run_at)
        since = ran or _aware(row.date_changed) or now
        late = late_by(row.schedule, since, app)
        if begins and ran is None:
            late = (now - begins).total_seconds()  # the first time at once when that has come
        yield Periodic(row.name, ran, late)


def _aware(when: datetime | None) -> datetime | None:
    """Return a time with its zone: without USE_TZ, it is that of the project."""
    return timezone.make_aware(when) if when and timezone.is_naive(when) else when
