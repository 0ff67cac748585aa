"""Loading: runs out of the spool into the database, each exactly once by its uuid, oldest first."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connections, transaction
from django.db.models import DateTimeField, Q, Value
from django.db.models.functions import Greatest

from health_cli.checks.answering import NoAnswer, words
from health_cli.core.guard import Crash, attempt
from health_cli.core.status import Status
from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.alerts import Alert, Memory
from health_cli.history.child import Say
from health_cli.history.database import lacking, moment, seconds_of
from health_cli.history.place import Place
from health_cli.history.spool import SpooledRun
from health_cli.models import (
    CHECK,
    HOST,
    METRIC,
    PROJECT,
    SCOPE,
    HealthMetric,
    HealthRun,
    HealthSelection,
    Silence,
    SystemAlert,
)

UPDATED = ["message", "hint", "severity", "flapping", "seen_at", "count"]
ENDED = ["resolved", "resolved_at", "resolution", "open_key"]
MISSING = ("no such table", "doesn't exist", "does not exist")  # what SQLite, MySQL and PostgreSQL say of a table
INCORRECT_STRING = 1366  # MySQL's error for text that the character set of a column has not

Text = Callable[[Any], Any]  # what is done to what a run says, before it is written


def load_all(place: Place, alias: str, until: float, say: Say) -> None:
    """Load what waits in the spool until a moment of the monotonic clock.

    A file that is damaged, or that no database can take, is moved aside and named. One that a database refuses which
    takes others stays, is named, and keeps no other waiting. DatabaseError where the database can't be reached, or
    takes nothing at all: what was not loaded stays.
    """
    for path, run in spool.taken(place, until):
        if isinstance(run, str):
            say(_aside(place, path, run))
            continue
        try:
            problem = _load_or_tell(run, alias)
        except OperationalError as error:
            if isinstance(error, NoAnswer) or not _takes(alias):
                raise
            say(f"{explain(error, alias)}: {path}")
            continue
        if not states.settle(place, run):
            return
        if problem:
            say(_aside(place, path, problem))
        else:
            spool.done(path)


def _aside(place: Place, path: Path, problem: str) -> str:
    """Move a file aside, and return what there is to say about it; one that can't be moved keeps no other waiting."""
    moved = attempt(lambda: spool.set_aside(place, path))
    if isinstance(moved, Crash):
        return f"a file of the spool can't be used, since {problem}, nor moved aside ({moved.text}): {path}"
    return f"a file of the spool was moved aside, since {problem}: {moved}"


def _load_or_tell(run: SpooledRun, alias: str) -> str:
    """Load a run; return what is wrong with it if no database could take it. DatabaseError for all that may pass."""
    outcome = attempt(lambda: load(run, alias))
    if not isinstance(outcome, Crash):
        return ""
    lasting = isinstance(outcome.error, DataError | IntegrityError) or _of_text(outcome.error)
    if isinstance(outcome.error, DatabaseError) and not lasting:
        raise outcome.error
    return f"it can't be loaded ({outcome.name}: {outcome.text})"


def _takes(alias: str) -> bool:
    """Tell whether the database takes anything after it has refused something: by a row that is taken back."""
    now = moment(time.time())
    try:
        connections[alias].close()
        with transaction.atomic(using=alias):
            Silence(pattern="health", until=now, why="", by="", created_at=now).save(using=alias, force_insert=True)
            transaction.set_rollback(True, using=alias)
    except DatabaseError:
        return False
    return True


def load(run: SpooledRun, alias: str) -> bool:
    """Write a run, its metrics and what it changes about alerts in one transaction; False where it is there already.

    Where the character set of the database has not all that the run says, it is written in ASCII, the rest escaped.
    """
    try:
        return _load(run, alias, lambda text: text)
    except (DataError, OperationalError) as error:
        if not _of_text(error):
            raise
        return _load(run, alias, escaped)


def _of_text(error: BaseException) -> bool:
    """Tell whether a database refuses a value, and so may refuse a text, for good."""
    return isinstance(error, DataError) or error.args[:1] == (INCORRECT_STRING,)


def escaped(data: Any) -> Any:
    """Return JSON's data in ASCII, with a backslash escape for every other character."""
    if isinstance(data, Mapping):
        return {escaped(key): escaped(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [escaped(value) for value in data]
    return data.encode("ascii", "backslashreplace").decode() if isinstance(data, str) else data


def _load(run: SpooledRun, alias: str, text: Text) -> bool:
    try:
        with transaction.atomic(using=alias):
            _write(run, alias, text)
    except IntegrityError:
        if not HealthRun.objects.using(alias).filter(uuid=run.uuid).exists():
            raise
        return False
    return True


def _write(run: SpooledRun, alias: str, text: Text) -> None:
    report = run.report
    row = HealthRun(
        uuid=run.uuid,
        host=fitting(report["host"], HOST),
        started_at=moment(run.at),
        duration=report["duration"],
        status=report["status"],
        trigger=run.trigger,
        project=fitting(run.project, PROJECT),
        complete=run.complete,
        scope=scope_of(report["checks"]),
        standing=standing_of(report["status"], run.state),
        report=text(report),
        state=text(run.state),
    )
    row.save(using=alias, force_insert=True)
    HealthMetric.objects.using(alias).bulk_create(list(_metrics(row, report["checks"], text)))
    _reconcile(run, row, alias, text)
    note_selection(row, alias)


def note_selection(run: HealthRun, alias: str) -> None:
    """Note that a host has a run of these checks. The row is locked until the end: it can't be pruned meanwhile."""
    ours = HealthSelection.objects.using(alias).filter(host=run.host, scope=run.scope)
    if not ours.update(seen_at=Greatest("seen_at", Value(run.started_at, DateTimeField()))):
        new = HealthSelection(host=run.host, scope=run.scope, seen_at=run.started_at)
        HealthSelection.objects.using(alias).bulk_create([new], ignore_conflicts=True)  # another may have been quicker


def scope_of(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return what runs of the same checks have in common."""
    names = "\n".join(sorted(check["name"] for check in checks))
    return hashlib.blake2b(names.encode(errors="surrogatepass"), digest_size=SCOPE // 2).hexdigest()


def standing_of(status: str, state: Mapping[str, Any]) -> str:
    """Return the worst status of a run and of all that is remembered of its host after it."""
    memories = state.get("checks", {}).values()
    return max(Status.parse(word) for word in (status, *(memory["status"] for memory in memories))).word


def _metrics(run: HealthRun, checks: list[Mapping[str, Any]], text: Text) -> Iterator[HealthMetric]:
    """Yield a row a metric, and one for how long each check took, whose status is the check's."""
    for check in checks:
        took = {"name": "duration", "value": check["duration"], "unit": "s", "status": check["status"]}
        for metric in (took, *check["metrics"]):
            yield HealthMetric(
                run_id=run.pk,  # by its number: a router that knows other databases would forbid the relation
                host=run.host,
                check_name=fitting(check["name"], CHECK),
                metric_name=fitting(metric["name"], METRIC),
                metric_value=text({key: value for key, value in metric.items() if key in KEPT and value is not None}),
                value=metric["value"],
                unit=text(metric["unit"])[:20],
                status=metric["status"],
                timestamp=run.started_at,
            )


MOST = 400  # values in one condition: SQLite may take no more than 999
KEPT = {"value", "warning", "critical", "min", "max", "reason"}


def _reconcile(run: SpooledRun, row: HealthRun, alias: str, text: Text) -> None:
    """Open, change and end the alerts of the checks that the run has looked at.

    An alert that the run found open and that somebody has ended by hand is not opened again here. One that is not
    there at all is: the run that opened it could not be loaded.
    """
    alerts = SystemAlert.objects.using(alias)
    if run.renamed:
        _leave(run, row, alias)
    rows = alerts.filter(host=row.host, resolved=False)
    there = {alert.alert_type: alert for alert in rows if alert.host == row.host}
    memories = {name: Memory.from_json(data) for name, data in run.state["checks"].items()}
    looked_at = {check["name"] for check in run.report["checks"] if not check["blocked_by"]}
    lost = [name for name in looked_at & memories.keys() - set(run.opened) if fitting(name, CHECK) not in there]
    absent = {name: memories[name].alert for name in lost}
    opened = {*run.opened, *absent} - ended_by_hand(absent, row.host, alias).keys()
    changed = [
        _alert(name, memory.alert, row, text)
        for name, memory in memories.items()
        if memory.alert and name in looked_at and (name in opened or _changes(there.get(fitting(name, CHECK)), memory))
    ]
    if changed:
        targeted = connections[alias].features.supports_update_conflicts_with_target
        target = ["open_key"] if targeted else None
        alerts.bulk_create(changed, update_conflicts=True, update_fields=UPDATED, unique_fields=target)
    over = [
        _resolved(there[fitting(name, CHECK)], row, why)
        for name, why in _over(memories, looked_at, run.ended)
        if fitting(name, CHECK) in there
    ]
    if over:
        alerts.bulk_update(over, ENDED)


def _leave(run: SpooledRun, row: HealthRun, alias: str) -> None:
    """End what this host has open under the name that it had before: those alerts go on under the new one, or are over.

    An alert that this run did not end is known by when it began, as another host may have the old name by now.
    """
    memories = {name: Memory.from_json(data) for name, data in run.state["checks"].items()}
    since = {moment(memory.alert.since) for memory in memories.values() if memory.alert}
    names = [fitting(name, CHECK) for name, memory in memories.items() if memory.alert]
    over = [fitting(name, CHECK) for name in run.ended]
    ours = Q(alert_type__in=names[:MOST], created_at__in=list(since)[:MOST])
    ours |= Q(alert_type__in=over[:MOST], created_at__lte=row.started_at)
    SystemAlert.objects.using(alias).filter(ours, host=fitting(run.renamed, HOST), resolved=False).update(
        resolved=True, resolved_at=row.started_at, resolution=f"the host is called {row.host} now", open_key=None
    )


def ended_by_hand(alerts: Mapping[str, Alert | None], host: str, alias: str) -> dict[str, str]:
    """Return those checks whose alert is in the record, and over there, each with how it ended.

    It ended after the alert began that is remembered. Where what was remembered got lost, that is a later one than the
    record's, which goes on.
    """
    known = {fitting(name, CHECK): (name, alert.since) for name, alert in alerts.items() if alert}
    if not known:
        return {}
    rows = SystemAlert.objects.using(alias).filter(host=host, resolved=True, alert_type__in=list(known)[:MOST])
    earliest = moment(min(since for _, since in known.values()))
    over = rows.filter(resolved_at__gte=earliest).order_by("resolved_at")
    return {
        known[kept][0]: why
        for kept, at, why in over.values_list("alert_type", "resolved_at", "resolution")
        if seconds_of(at) >= known[kept][1]
    }


def _changes(alert: SystemAlert | None, memory: Memory) -> bool:
    """Tell whether a run has to say something new of an alert that is there: it found the state, or flapping turned."""
    if alert is None or memory.alert is None:
        return False
    return memory.bad > 0 or alert.flapping != memory.alert.flapping


def _over(memories: Mapping[str, Memory], looked_at: set[str], ended: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the checks that have no alert after a run, each with the reason why it has none."""
    yield from ended.items()
    for name, memory in memories.items():
        if not memory.alert and not memory.bad and name in looked_at and name not in ended:
            yield name, "recovered"


def _resolved(alert: SystemAlert, run: HealthRun, why: str) -> SystemAlert:
    alert.resolved, alert.resolved_at, alert.resolution, alert.open_key = True, run.started_at, why, None
    return alert


def _alert(name: str, alert: Alert, run: HealthRun, text: Text) -> SystemAlert:
    what = fitting(name, CHECK)
    return SystemAlert(
        alert_type=what,
        host=run.host,
        message=text(alert.message or alert.summary),
        hint=text(alert.hint),
        severity=alert.severity,
        flapping=alert.flapping,
        created_at=moment(alert.since),
        seen_at=run.started_at,
        count=alert.runs,
        open_key=hashlib.sha256(f"{run.host}\0{what}".encode()).hexdigest(),
    )


def fitting(name: str, size: int) -> str:
    """Return a name that fits its column; of one that is too long the end is a hash, so that no two become one."""
    if len(name) <= size:
        return name
    return f"{name[: size - 9]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def explain(error: DatabaseError, alias: str) -> str:
    """Say what a database's refusal means for the record, and what to do."""
    if isinstance(error, NoAnswer):
        return str(error)
    text = str(error)
    if "health_cli_" in text and any(part in text for part in MISSING):
        return lacking(alias)
    return f"the database '{alias}' can't be used: {words(error)}"
