"""Elsewhere: the last run of any host, out of the database."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import DatabaseError, connections

from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.report import Report
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD, Last, joined
from health_cli.history.loading import explain, fitting
from health_cli.history.opening import Record
from health_cli.models import HOST, HealthRun, HealthSelection

LIMIT = 3.0  # seconds that the database may take to answer

# The newest run of each selection of checks: it has all that those before it of the same selection had. `whole` is the
# newest of all checks, and what came before it is over. Each part by an index, and the reports of no others are read.
# A run in the future is of when the clock was wrong; one without a scope is of an older version.
NEWEST = """
WITH whole AS (
    SELECT id, started_at FROM health_cli_healthrun
    WHERE host = %(host)s AND complete = %(yes)s AND started_at <= %(until)s ORDER BY started_at DESC LIMIT 1
), scopes (scope) AS (
    SELECT scope FROM health_cli_healthselection WHERE host = %(host)s
    UNION
    SELECT ''
), newest AS (
    SELECT
        (SELECT n.id FROM health_cli_healthrun n WHERE n.host = %(host)s AND n.scope = s.scope
         AND n.started_at <= %(until)s ORDER BY n.started_at DESC LIMIT 1) AS id,
        (SELECT n.started_at FROM health_cli_healthrun n WHERE n.host = %(host)s AND n.scope = s.scope
         AND n.started_at <= %(until)s ORDER BY n.started_at DESC LIMIT 1) AS started_at
    FROM scopes s
), ahead AS (
    SELECT id FROM health_cli_healthrun
    WHERE host = %(host)s AND started_at > %(until)s ORDER BY started_at DESC LIMIT 1
), chosen AS (
    SELECT id FROM whole
    UNION
    SELECT n.id FROM newest n LEFT JOIN whole w ON w.started_at > n.started_at WHERE w.id IS NULL AND n.id IS NOT NULL
    UNION
    SELECT id FROM ahead WHERE NOT EXISTS (SELECT 1 FROM newest WHERE id IS NOT NULL)
)
SELECT r.id, r.uuid, r.started_at, r.complete, r.report, r.state
FROM chosen c JOIN health_cli_healthrun r ON r.id = c.id
UNION ALL
SELECT id, uuid, started_at, complete, NULL, NULL FROM (
    SELECT id, uuid, started_at, complete FROM health_cli_healthrun
    WHERE host = %(host)s AND started_at <= %(until)s ORDER BY started_at DESC LIMIT %(lately)s
) lately
"""


class Runs(NamedTuple):
    """The runs that what is last is made of, the oldest first; the newest ones without reports, the newest first."""

    chosen: Sequence[HealthRun]
    lately: Sequence[HealthRun]


def last_of(host: str, record: Record) -> tuple[Last | None, list[str]]:
    """Return what is last of a host, or None and the hosts there are; ConfigError where the record can't be read."""
    try:
        with record.connected(LIMIT):
            last = last_after(newest_runs(record.alias, host).chosen)
            hosts = [] if last else _hosts(record.alias)
    except DatabaseError as error:
        problem = ConfigError(explain(error, record.alias))
        problem.secrets = record.source.secrets
        raise problem from error
    if last:
        last = last._replace(every=record.setting.RECORD_EVERY, fail_on=record.setting.FAIL_ON)
    return last, hosts


def newest_runs(alias: str, host: str, lately: int = 0) -> Runs:
    """Return the newest runs of each selection of checks since that of all, and the newest so many of any.

    One in the future counts only where there is no other. Takes one query.
    """
    until = connections[alias].ops.adapt_datetimefield_value(moment(time.time() + AHEAD))
    asked = {"host": fitting(host, HOST), "until": until, "yes": True, "lately": lately}
    found = sorted(HealthRun.objects.using(alias).raw(NEWEST, asked), key=lambda run: (run.started_at, run.pk))
    return Runs([run for run in found if run.report], [run for run in reversed(found) if not run.report])


def last_after(runs: Iterable[HealthRun]) -> Last | None:
    """Return what is last after these runs, the oldest first; ConfigError for one that can't be understood."""
    last = attempt(
        lambda: joined((Report.from_json(run.report), seconds_of(run.started_at), run.complete) for run in runs)
    )
    if isinstance(last, Crash):
        raise ConfigError(
            f"A recorded run can't be understood ({last.name}: {last.text}).",
            hint="Was it recorded by a newer version? Install that here too.",
        )
    return last


def _hosts(alias: str) -> list[str]:
    return list(HealthSelection.objects.using(alias).order_by().values_list("host", flat=True).distinct()[:20])
