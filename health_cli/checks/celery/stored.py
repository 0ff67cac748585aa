"""The table of django-celery-results, read over a connection of our own. Needs Django."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.utils import DatabaseError

from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import alone

ALIAS = "default"  # what a router says is known only with the apps loaded
TABLE = "django_celery_results_taskresult"
ONE = "SELECT id FROM django_celery_results_taskresult LIMIT 1"
COUNTS = "SELECT status, COUNT(*) FROM django_celery_results_taskresult WHERE date_done >= %s GROUP BY status"
WORST = (
    "SELECT task_name, COUNT(*) FROM django_celery_results_taskresult "
    "WHERE date_done >= %s AND status = 'FAILURE' GROUP BY task_name ORDER BY 2 DESC LIMIT 5"
)


def table_exists() -> None:
    """Read one row; Failure where the table is not there or the database is not."""
    with _cursor() as (cursor, _):
        cursor.execute(ONE)
        cursor.fetchall()


def counts_since(window: float) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many tasks ended in which state in the last `window` seconds, and which names failed most."""
    with _cursor() as (cursor, database):
        since = datetime.now(UTC) - timedelta(seconds=window)
        stamp = since if settings.USE_TZ else since.astimezone().replace(tzinfo=None)
        at = database.ops.adapt_datetimefield_value(stamp)
        cursor.execute(COUNTS, [at])
        counts = {str(status): int(number) for status, number in cursor.fetchall()}
        cursor.execute(WORST, [at])
        return counts, {str(name): int(number) for name, number in cursor.fetchall()}


@contextmanager
def _cursor() -> Iterator[tuple[Any, Any]]:
    """Yield a cursor of a connection of our own, and the connection."""
    wrapper = alone(lambda: connections[ALIAS]).copy()
    try:
        with wrapper.cursor() as cursor:
            yield cursor, wrapper
    except DatabaseError as error:
        missing = "no such table" in str(error) or (TABLE in str(error) and "exist" in str(error))
        raise Failure(
            Kind.MISSING if missing else Kind.REFUSED,
            f"The table {TABLE} can't be read: {error}",
            summary="no table of results" if missing else "its database can't be read",
            hint="Run 'manage.py migrate django_celery_results'."
            if missing
            else f"See the check database:{ALIAS} for what is wrong with it.",
        ) from error
    finally:
        wrapper.close()
