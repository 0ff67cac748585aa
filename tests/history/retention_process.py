"""A process with the record's models, for the tests of retention: it does what it is told, a line of JSON a call.

Django can be set up once in a process, with one set of databases and one time zone; so the tests have it elsewhere.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
MODELS = ("HealthMetric", "HealthRun", "HealthHour", "HealthSelection", "SystemAlert", "Silence")
# host, start in seconds since the epoch, and check/metric -> (value, status)
Run = tuple[str, float, Mapping[str, tuple[float | None, str]]]


class Process:
    """The process, seen from the tests; call the functions below by their names."""

    def __init__(self, database: Mapping[str, Any], time_zone: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.history.retention_process", json.dumps(database), time_zone],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def __getattr__(self, function: str) -> Any:
        def call(*values: Any, **named: Any) -> Any:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps([function, values, named]) + "\n")
            said = self._process.stdout.readline()
            assert said, f"{function} ended the process"
            done = json.loads(said)
            assert "error" not in done, done["error"]
            return done["value"]

        return call

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(20) == 0
        self._process.stdout.close()


def clear() -> None:
    """Empty the tables."""
    from health_cli import models

    for name in MODELS:
        getattr(models, name).objects.all()._raw_delete("default")


def record(runs: Sequence[Run]) -> None:
    """Record runs, all at once."""
    from django.db import transaction

    from health_cli.history.database import moment
    from health_cli.history.loading import note_selection
    from health_cli.models import HealthMetric, HealthRun

    about: dict[str, Any] = {"duration": 0.1, "status": "healthy", "trigger": "command", "complete": True, "report": {}}
    new = [HealthRun(uuid=uuid.uuid4(), host=host, started_at=moment(start), **about) for host, start, _ in runs]
    with transaction.atomic():
        HealthRun.objects.bulk_create(new)
        for run in new:
            note_selection(run, "default")
        found = HealthRun.objects.in_bulk([run.uuid for run in new], field_name="uuid")
        HealthMetric.objects.bulk_create(
            HealthMetric(
                run=found[run.uuid], host=run.host, check_name=name.rpartition("/")[0],
                metric_name=name.rpartition("/")[2], value=value, unit="s", status=status, metric_value={},
                timestamp=run.started_at,
            )
            for run, (_, _, metrics) in zip(new, runs, strict=True)
            for name, (value, status) in metrics.items()
        )  # fmt: skip


def add_others(hours: Sequence[float], alerts: Sequence[tuple[float, float | None]], silences: Sequence[float]) -> None:
    """Add hours, alerts from when to when, and silences until when."""
    from health_cli.history.database import moment
    from health_cli.models import HealthHour, Silence, SystemAlert

    HealthHour.objects.bulk_create(
        HealthHour(host="h", check_name="c", metric_name="m", status="healthy", hour=moment(hour), count=0)
        for hour in hours
    )
    SystemAlert.objects.bulk_create(
        SystemAlert(
            alert_type="c", host="h", message="", severity="warning", created_at=moment(created),
            seen_at=moment(created), resolved=resolved is not None, resolved_at=resolved and moment(resolved),
        )
        for created, resolved in alerts
    )  # fmt: skip
    Silence.objects.bulk_create(
        Silence(pattern="c", until=moment(until), why="", by="", created_at=moment(until)) for until in silences
    )


def prune(now: float, seconds: float = 60, **how: Any) -> dict[str, Any]:
    """Prune, with this many seconds for it, on a bounded connection as everybody does."""
    from health_cli.checks.bounded import bounded
    from health_cli.history.retention import prune as real

    days = {"keep_days": how.pop("keep_days", 30), "keep_hourly_days": how.pop("keep_hourly_days", 400)}
    with bounded("default", 10):
        return real("default", now=now, until=time.monotonic() + seconds, **days, **how)._asdict()


def analyze() -> None:
    """Have the database look at what its tables hold."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            tables = ", ".join(connection.introspection.table_names())
            cursor.execute(f"ANALYZE TABLE {tables}")
        else:
            cursor.execute("ANALYZE")


def statements(now: float, **how: Any) -> list[Any]:
    """Prune; return each statement that reads or deletes, as [SQL, rows of its plan]."""
    from django.db import connection

    found: list[Any] = []

    def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            with connection.cursor() as cursor:
                cursor.cursor.execute(f"{explain} {sql}", values)
                found.append([sql, [list(map(str, row)) for row in cursor.fetchall()]])
        return execute(sql, values, many, context)

    _prune_watched(note, now, **how)
    return found


def _prune_watched(wrapper: Any, now: float, **how: Any) -> None:
    from django.db import connection

    from health_cli.history.retention import prune as real

    with connection.execute_wrapper(wrapper):
        real("default", now=now, until=time.monotonic() + 60, keep_days=30, keep_hourly_days=400, **how)


def prune_killed(now: float, statement: int, **how: Any) -> bool:
    """Prune in a child that is killed at the start of this statement; return whether it was."""
    from django.db import connections

    connections.close_all()
    if child := os.fork():
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = statement

    def kill(execute: Any, *call: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*call)

    _prune_watched(kill, now, **how)
    os._exit(0)


def prune_beside(now: float, others: int, **how: Any) -> list[int]:
    """Prune in several processes at the same time; return how each has ended."""
    from django.db import connections

    connections.close_all()
    children = []
    for _ in range(others):
        if child := os.fork():
            children.append(child)
            continue
        _prune_watched(lambda execute, *call: execute(*call), now, **how)
        os._exit(0)
    return [os.waitpid(child, 0)[1] for child in children]


def hours() -> list[Any]:
    """Return the hours, as [host, check/metric, start, minimum, mean, maximum, count, status, unit]."""
    from health_cli.history.database import seconds_of
    from health_cli.models import HealthHour

    return sorted(
        [h.host, f"{h.check_name}/{h.metric_name}", seconds_of(h.hour), h.minimum,
         h.mean if h.mean is None else round(h.mean, 9), h.maximum, h.count, h.status, h.unit]
        for h in HealthHour.objects.all()
    )  # fmt: skip


def counts() -> dict[str, int]:
    """Return how many rows each table has."""
    from health_cli import models

    return {name: getattr(models, name).objects.count() for name in MODELS}


def starts() -> list[float]:
    """Return when the runs that are left have started."""
    from health_cli.history.database import seconds_of
    from health_cli.models import HealthRun

    return sorted(seconds_of(start) for start in HealthRun.objects.values_list("started_at", flat=True))


def main(database: str, time_zone: str) -> None:
    """Create the tables, and do what is asked until there is no more."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        DATABASES={"default": json.loads(database)}, INSTALLED_APPS=["health_cli"], SECRET_KEY="none",
        USE_TZ=not time_zone, TIME_ZONE=time_zone or "UTC",
    )  # fmt: skip
    django.setup()
    call_command("migrate", verbosity=0)
    for line in sys.stdin:
        function, values, named = json.loads(line)
        try:
            done = {"value": globals()[function](*values, **named)}
        except Exception as error:
            done = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
