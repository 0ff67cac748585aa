"""Database: the record's models and its times.

Where Django is set up, inside manage.py or a worker, its models are used. Else only our own app is loaded: nothing
of the project but its settings has to work for a run to be recorded.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import timezone


def load_models() -> None:
    """Make `health_cli.models` importable."""
    if not apps.ready:
        apps.populate(["health_cli"])


def lacking(alias: str) -> str:
    """Say that a database has none of our tables, and what to do."""
    where = "" if alias == "default" else f" --database {alias}"
    return (
        f"the database '{alias}' has no tables for the record: with \"health_cli\" in INSTALLED_APPS "
        f"run 'manage.py migrate health_cli{where}'"
    )


def moment(seconds: float) -> Any:
    """Return a time since the epoch as the project's datetimes are: aware, or naive in its own time zone."""
    from datetime import UTC, datetime

    aware = datetime.fromtimestamp(seconds, UTC)
    return aware if settings.USE_TZ else timezone.make_naive(aware, timezone.get_default_timezone())


def seconds_of(value: Any) -> float:
    """Return a datetime of the record as seconds since the epoch."""
    aware = value if timezone.is_aware(value) else timezone.make_aware(value, timezone.get_default_timezone())
    return float(aware.timestamp())
