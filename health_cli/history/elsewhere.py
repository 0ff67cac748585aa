"""Elsewhere: the last run of any host, out of the database."""

from django.db import DatabaseError

from health_cli.core.errors import ConfigError
from health_cli.core.report import Report
from health_cli.history.database import seconds_of
from health_cli.history.last import Last
from health_cli.history.loading import explain, fitting
from health_cli.history.opening import Record
from health_cli.models import HOST, HealthRun

LIMIT = 3.0  # seconds that the database may take to answer


def last_of(host: str, record: Record) -> Last | None:
    """Return the last run of a host, None where there is none; ConfigError where the record can't be read."""
    try:
        with record.connected(LIMIT):
            runs = HealthRun.objects.using(record.alias)
            run = runs.filter(host=fitting(host, HOST)).order_by("-started_at").first()
            hosts = [] if run else list(runs.order_by().values_list("host", flat=True).distinct()[:20])
    except DatabaseError as error:
        problem = ConfigError(explain(error, record.alias))
        problem.secrets = record.source.secrets
        raise problem from error
    if run is None and hosts:
        raise ConfigError(f"The record has runs of {', '.join(hosts)}, and none of {host}.")
    if run is None:
        return None
    return Last(Report.from_json(run.report), seconds_of(run.started_at), record.setting.RECORD_EVERY)
