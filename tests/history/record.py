"""Fills the record of the example project, through a script that runs in it."""

import json
from collections.abc import Sequence
from typing import Any

from tests.conftest import Shop

_FILL = """
import json, sys, uuid
from health_cli.history.database import moment
from health_cli.models import HealthHour, HealthMetric, HealthRun
alias = sys.argv[1] if len(sys.argv) > 1 else "default"
for batch in json.load(sys.stdin):
    host, name, unit, extra = batch["host"], batch["name"], batch["unit"], batch["extra"]
    check, _, metric = name.rpartition("/")
    series = {"host": host, "check_name": check, "metric_name": metric, "unit": unit, "status": "healthy"}
    began = moment(max((seconds for seconds, _ in batch["runs"]), default=0))
    run = HealthRun.objects.using(alias).create(
        uuid=uuid.uuid4(), host=host, started_at=began, duration=1, status="healthy", trigger="command",
        complete=True, report={}
    )
    HealthMetric.objects.using(alias).bulk_create(
        (HealthMetric(run=run, value=value, metric_value=extra, timestamp=moment(seconds), **series)
         for seconds, value in batch["runs"]), batch_size=1000,
    )
    HealthHour.objects.using(alias).bulk_create(
        HealthHour(hour=moment(seconds), minimum=low, mean=mean, maximum=high, count=count, **series)
        for seconds, low, mean, high, count in batch["hours"]
    )
"""

_EMPTY = """
from health_cli.models import *
for model in (HealthMetric, HealthRun, HealthHour, HealthSelection, SystemAlert, Silence): model.objects.all().delete()
"""


def batch(
    name: str,
    runs: Sequence[tuple[float, float | None]] = (),
    *,
    host: str = "web1",
    unit: str = "",
    hours: Sequence[tuple[float, float | None, float | None, float | None, int]] = (),
    **extra: Any,
) -> dict[str, Any]:
    """Return what is to be recorded of one metric."""
    return {"host": host, "name": name, "unit": unit, "extra": extra, "runs": list(runs), "hours": list(hours)}


def run_in(project: Shop, code: str, given: str = "") -> Any:
    """Run Python in the project; return what it printed as JSON."""
    out = project.python(code, given)
    return json.loads(out) if out.strip() else None


_MIGRATED: list[bytes] = []  # the SQLite file with all tables, once one was made


def migrate(project: Shop, alias: str = "default") -> Shop:
    """Make the tables; all but the first SQLite file of the project's own are copies."""
    own, file = not project.databases and alias == "default", project.state / "db.sqlite3"
    if own and _MIGRATED and not file.exists():
        file.write_bytes(_MIGRATED[0])
        return project
    fresh = own and not file.exists()
    migrated = f"call_command('migrate', verbosity=0, database={alias!r})"
    project.python(f"from django.core.management import call_command\n{migrated}")
    if fresh:
        _MIGRATED[:] = [file.read_bytes()]
    return project


def emptied(project: Shop) -> Shop:
    """Leave nothing in the tables: they are made once for many tests, since that takes a second."""
    run_in(project, _EMPTY)
    return project


def fill(project: Shop, *batches: dict[str, Any], alias: str = "default") -> Shop:
    """Record numbers."""
    run_in(project, _FILL.replace('sys.argv[1] if len(sys.argv) > 1 else "default"', repr(alias)), json.dumps(batches))
    return project
