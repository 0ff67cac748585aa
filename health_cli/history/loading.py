"""Loading: runs out of the spool into the database, each exactly once by its uuid, oldest first."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import DatabaseError, IntegrityError, connections, transaction

from health_cli.history import spool
from health_cli.history.alerts import Memory
from health_cli.history.child import Say
from health_cli.history.database import moment
from health_cli.history.place import Place
from health_cli.history.spool import SpooledRun
from health_cli.models import CHECK, HOST, METRIC, HealthMetric, HealthRun, SystemAlert

UPDATED = ["message", "hint", "severity", "flapping", "seen_at", "count"]


def load_all(place: Place, alias: str, until: float, say: Say) -> int:
    """Load what waits in the spool until a moment of the monotonic clock; return how many runs that were.

    A damaged file is moved aside and named. DatabaseError where the database can't be reached or takes nothing: what
    was not loaded stays.
    """
    loaded = 0
    for path, run in spool.taken(place, until):
        if isinstance(run, str):
            other = spool.set_aside(place, path)
            say(f"a file of the spool was moved aside, since {run}: {other}")
            continue
        load(run, alias)
        spool.done(path)
        loaded += 1
    return loaded


def load(run: SpooledRun, alias: str) -> bool:
    """Write a run, its metrics and what it changes about alerts in one transaction; False where it is there already."""
    try:
        with transaction.atomic(using=alias):
            _write(run, alias)
    except IntegrityError:
        if not HealthRun.objects.using(alias).filter(uuid=run.uuid).exists():
            raise
        return False
    return True


def _write(run: SpooledRun, alias: str) -> None:
    report = run.report
    row = HealthRun(
        uuid=run.uuid,
        host=fitting(report["host"], HOST),
        started_at=moment(run.at),
        duration=report["duration"],
        status=report["status"],
        trigger=run.trigger,
        report=report,
        state=run.state,
    )
    row.save(using=alias, force_insert=True)
    HealthMetric.objects.using(alias).bulk_create(list(_metrics(row, report["checks"])))
    _reconcile(run, row, alias)


def _metrics(run: HealthRun, checks: list[Mapping[str, Any]]) -> Iterator[HealthMetric]:
    """Yield a row a metric, and one for how long each check took, whose status is the check's."""
    for check in checks:
        took = {"name": "duration", "value": check["duration"], "unit": "s", "status": check["status"]}
        for metric in (took, *check["metrics"]):
            yield HealthMetric(
                run=run,
                host=run.host,
                check_name=fitting(check["name"], CHECK),
                metric_name=fitting(metric["name"], METRIC),
                metric_value={key: value for key, value in metric.items() if key in KEPT and value is not None},
                value=metric["value"],
                unit=metric["unit"][:20],
                status=metric["status"],
                timestamp=run.started_at,
            )


KEPT = {"value", "warning", "critical", "min", "max", "reason"}


def _reconcile(run: SpooledRun, row: HealthRun, alias: str) -> None:
    """Make the open alerts of the host those that the run's state has.

    What is said of a check by a run that is newer than this one stays.
    """
    alerts = SystemAlert.objects.using(alias)
    memories = {name: Memory.from_json(data) for name, data in run.state["checks"].items()}
    there = {alert.alert_type: alert for alert in alerts.filter(host=row.host, resolved=False)}
    open_now = [
        _alert(name, memory, row)
        for name, memory in memories.items()
        if memory.alert and not _newer(there.get(fitting(name, CHECK)), row)
    ]
    if open_now:
        targeted = connections[alias].features.supports_update_conflicts_with_target
        target = ["open_key"] if targeted else None
        alerts.bulk_create(open_now, update_conflicts=True, update_fields=UPDATED, unique_fields=target)
    for reason in sorted({why for name, why in _over(memories, run.ended) if fitting(name, CHECK) in there}):
        names = [fitting(name, CHECK) for name, why in _over(memories, run.ended) if why == reason]
        alerts.filter(host=row.host, resolved=False, alert_type__in=names, seen_at__lte=row.started_at).update(
            resolved=True, resolved_at=row.started_at, resolution=reason, open_key=None
        )


def _over(memories: Mapping[str, Memory], ended: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the checks that have no alert after a run, each with the reason why it has none."""
    yield from ended.items()
    for name, memory in memories.items():
        if not memory.alert and name not in ended and memory.status in {"healthy", "skipped"}:
            yield name, "recovered"


def _newer(alert: SystemAlert | None, run: HealthRun) -> bool:
    return alert is not None and alert.seen_at > run.started_at


def _alert(name: str, memory: Memory, run: HealthRun) -> SystemAlert:
    alert = memory.alert
    assert alert is not None  # noqa: S101  # those without are left out by the caller
    what = fitting(name, CHECK)
    return SystemAlert(
        alert_type=what,
        host=run.host,
        message=alert.message or alert.summary,
        hint=alert.hint,
        severity=alert.severity,
        flapping=alert.flapping,
        created_at=moment(alert.since),
        seen_at=run.started_at,
        count=alert.runs,
        open_key=f"{run.host} {what}",
    )


def fitting(name: str, size: int) -> str:
    """Return a name that fits its column; of one that is too long the end is a hash, so that no two become one."""
    if len(name) <= size:
        return name
    return f"{name[: size - 9]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def explain(error: DatabaseError, alias: str) -> str:
    """Say what a database's refusal means for the record, and what to do."""
    text = str(error)
    if "no such table" in text or "doesn't exist" in text or "does not exist" in text:
        where = "" if alias == "default" else f" --database {alias}"
        return (
            f"the database '{alias}' has no tables for the record: with \"health_cli\" in INSTALLED_APPS "
            f"run 'manage.py migrate health_cli{where}'"
        )
    return f"the database '{alias}' took nothing: {text}"


def monotonic_left(until: float) -> float:
    """Return the seconds that are left, at least none."""
    return max(0.0, until - time.monotonic())
