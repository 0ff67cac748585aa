"""Elsewhere: the last run of any host, out of the database."""

import time

from django.db import DatabaseError

from health_cli.core.errors import ConfigError
from health_cli.core.report import Report
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD, Last, joined
from health_cli.history.loading import explain, fitting
from health_cli.history.opening import Record
from health_cli.models import HOST, HealthRun

LIMIT = 3.0  # seconds that the database may take to answer
MOST = 50  # runs that are looked at, where none of them was complete


def last_of(host: str, record: Record) -> tuple[Last | None, list[str]]:
    """Return what is last of a host, or None and the hosts there are; ConfigError where the record can't be read."""
    try:
        with record.connected(LIMIT):
            last = _last(host, record.alias)
            hosts = [] if last else _hosts(record.alias)
    except DatabaseError as error:
        problem = ConfigError(explain(error, record.alias))
        problem.secrets = record.source.secrets
        raise problem from error
    if last:
        last = last._replace(every=record.setting.RECORD_EVERY, fail_on=record.setting.FAIL_ON)
    return last, hosts


def _last(host: str, alias: str) -> Last | None:
    """Join the newest complete run of a host and those that came after it.

    A run in the future, of when the clock was wrong, counts only where there is no other.
    """
    every = HealthRun.objects.using(alias).filter(host=fitting(host, HOST)).order_by("-started_at")
    runs = every.filter(started_at__lte=moment(time.time() + AHEAD))
    newest = list(runs[:1]) or list(every[:1])
    if newest and not newest[0].complete:
        newest = list(runs[:MOST]) or newest
        complete = next((place for place, run in enumerate(newest) if run.complete), len(newest))
        newest = newest[: complete + 1]
    return joined((Report.from_json(run.report), seconds_of(run.started_at), run.complete) for run in newest[::-1])


def _hosts(alias: str) -> list[str]:
    return list(HealthRun.objects.using(alias).order_by().values_list("host", flat=True).distinct()[:20])
