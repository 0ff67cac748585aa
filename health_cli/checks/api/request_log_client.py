"""Asks the table of a request log through Django. Loaded only when that is asked."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import Error, OperationalError, router
from django.db.models import CharField, Count, Model, QuerySet, Sum
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from health_cli.checks.answering import words
from health_cli.checks.api.access_lines import METHODS, RouteOf, endpoint_of
from health_cli.checks.api.buckets import DAY, HOUR, MOST, OTHERS
from health_cli.checks.api.histogram import bucket_of
from health_cli.checks.api.request_log import RequestLog
from health_cli.checks.api.routes import routes
from health_cli.checks.api.statistics import LIMITED, Endpoint, Statistics, Window
from health_cli.checks.bounded import bounded
from health_cli.checks.project import set_up
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.status import Status

ROWS = 20_000  # of the last hour, whose latencies are looked at: the newest
GROUPS = 5_000  # of endpoint and status, in a day
PATHS = "path"


def read(log: RequestLog, now: float, limit: float) -> Statistics:
    """Return what the table has of the last hour and the last day; Failure."""
    model = _model(log)
    alias = router.db_for_read(model)
    route_of, notes = routes(limit / 4) if "endpoint" not in log.fields else (None, [])
    try:
        with bounded(alias, limit / 2):
            rows = model._default_manager.using(alias).order_by()
            return replace(_statistics(log, rows, now, route_of), notes=tuple(notes))
    except ConfigError as error:
        raise _refused(error.message, error.hint) from error
    except OperationalError as error:
        raise Failure(
            Kind.TIMEOUT, f"The request log in the database '{alias}' can't be read: {words(error)}",
            summary="no answer", hint=f"See more: health run database:{alias}", status=Status.UNKNOWN,
        ) from error  # fmt: skip
    except Error as error:
        raise _refused(f"The request log {log.model} can't be read: {words(error)}", "Has it been migrated?") from error


def _refused(text: str, hint: str) -> Failure:
    return Failure(Kind.MISCONFIGURED, text, summary="request log not usable", hint=hint, status=Status.UNKNOWN)


def _model(log: RequestLog) -> type[Model]:
    """Return the model, once the project's apps are loaded; Failure where it is none, or its time has no index."""
    ready = attempt(set_up)
    if isinstance(ready, Crash):
        raise _refused(f"The project's apps can't be loaded: {ready.name}: {ready.text}", "Try: manage.py check")
    try:
        model = apps.get_model(log.model)
        fields = {name: _field(model, field) for name, field in log.fields.items()}
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise _refused(
            f"The request log {log.model} can't be used: {error}.",
            "Correct 'request_log' in HEALTH_CLI['API']: a model as app.Model, and names of its fields.",
        ) from error
    time: Any = fields["time"]
    leads = {index.fields[0].removeprefix("-") for index in model._meta.indexes if index.fields}
    if not (time.db_index or time.unique or time.name in leads):
        raise _refused(
            f"{log.model}.{time.name} has no index: each run would read the whole table.",
            f"Add one: models.Index(fields=['{time.name}']).",
        )
    return model


def _field(model: type[Model], name: str) -> Any:
    """Return a field by its name, or by that of its column, as a foreign key has it; FieldDoesNotExist."""
    by_column = {getattr(field, "attname", ""): field for field in model._meta.get_fields()}
    return by_column.get(name) or model._meta.get_field(name)


def _statistics(log: RequestLog, rows: "QuerySet[Any]", now: float, route_of: RouteOf | None) -> Statistics:
    field = log.fields["time"]
    hour, day = (
        rows.filter(**{f"{field}__gte": _moment(now - back), f"{field}__lte": _moment(now)}) for back in (HOUR, DAY)
    )
    windows = [_window(log, part, route_of) for part in (hour, day)]
    windows[1].has_latency = False  # of the last hour alone
    if took := _took(log):
        scale, column = took
        newest = hour.order_by(f"-{field}").values_list(*_columns(log), column)[:ROWS]
        for *who, value in newest:
            if value is not None:
                windows[0].at(_endpoint(log, who, route_of)).latencies[bucket_of(float(value) * scale)] += 1
    first = rows.order_by(field).values_list(field, flat=True).first()
    begin = _seconds(first) if first is not None else now
    since = begin if begin > now - DAY else None
    return Statistics(
        source=log.name, hour=windows[0], day=windows[1], since=since, hours=_hours(log, rows, now, begin)
    )


def _window(log: RequestLog, rows: "QuerySet[Any]", route_of: RouteOf | None) -> Window:
    """Count by endpoint and status, and the clients."""
    window, took = Window(has_latency=_took(log) is not None), _took(log)
    columns = _columns(log)
    counted = rows.values_list(*columns).annotate(n=Count("pk"), **({"took": Sum(took[1])} if took else {}))
    status_field = log.fields["status"]
    left = Counter({_status(status): n for status, n in rows.values_list(status_field).annotate(n=Count("pk"))})
    for *who, count, total in (row if took else (*row, None) for row in counted.order_by("-n")[:GROUPS]):
        endpoint = window.at(_endpoint(log, who, route_of))
        status = _status(who[columns.index(status_field)])
        left[status] -= count
        endpoint.statuses[status] += count
        endpoint.limited += count if status == LIMITED else 0
        if took and total is not None:
            endpoint.seconds = (endpoint.seconds or 0.0) + float(total) * took[0]
    if rest := +left:  # of more groups than are looked at: the rare ones, among them the errors
        window.at(OTHERS).add(Endpoint(statuses=rest, limited=rest[LIMITED]))
    _fold(window)
    if client := _client(log):
        window.clients = rows.aggregate(n=Count(client, distinct=True))["n"]
    return window


def _status(value: Any) -> int:
    """Return a status, 0 where none was kept; Failure where the field has something else."""
    if value in (None, ""):
        return 0
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _refused(
            f"The field of the status has {value!r}, which is no number.",
            "Correct 'status' in HEALTH_CLI['API']['request_log'].",
        ) from None


def _hours(log: RequestLog, rows: "QuerySet[Any]", now: float, since: float | None) -> dict[int, int]:
    """Return the requests of the last whole hour, and of the same one a day and a week ago."""
    last, field = int(now // HOUR * HOUR) - HOUR, log.fields["time"]
    starts = [last - ago for ago in (0, DAY, 7 * DAY) if since is None or last - ago >= since]
    between = ({f"{field}__gte": _moment(at), f"{field}__lt": _moment(at + HOUR)} for at in starts)
    return {at: rows.filter(**each).count() for at, each in zip(starts, between, strict=True)}


def _fold(window: Window) -> None:
    """Put the endpoints beyond the most frequent ones together."""
    order = sorted(window.endpoints, key=lambda name: -window.endpoints[name].requests)
    for name in order[MOST:]:
        window.endpoints.setdefault(OTHERS, Endpoint()).add(window.endpoints.pop(name))


def _columns(log: RequestLog) -> list[str]:
    """Return the columns that tell endpoints and statuses."""
    wanted = ("method", "endpoint" if "endpoint" in log.fields else PATHS, "status")
    return [log.fields[name] for name in wanted if name in log.fields]


def _endpoint(log: RequestLog, who: list[Any], route_of: RouteOf | None) -> str:
    columns = _columns(log)
    known = dict(zip(columns, who, strict=True))
    method, status = str(known.get(log.fields.get("method", ""), "") or ""), known[log.fields["status"]]
    if "endpoint" in log.fields:
        verb = method if method in METHODS else "OTHER"
        return f"{verb} {known[log.fields['endpoint']] or '(none)'}"
    return endpoint_of(method, str(known.get(log.fields.get(PATHS, ""), "") or "/"), _status(status), route_of)


def _took(log: RequestLog) -> tuple[float, str] | None:
    """Return the column of how long an answer took, and what makes seconds of it."""
    for name, scale in (("milliseconds", 1e-3), ("seconds", 1.0)):
        if name in log.fields:
            return scale, log.fields[name]
    return None


def _client(log: RequestLog) -> Any:
    parts = [Cast(log.fields[name], CharField()) for name in ("user", "address") if name in log.fields]
    if not parts:
        return None
    return Coalesce(*parts) if len(parts) > 1 else parts[0]


def _moment(seconds: float) -> datetime:
    aware = datetime.fromtimestamp(seconds, UTC)
    return aware if settings.USE_TZ else timezone.make_naive(aware, timezone.get_default_timezone())


def _seconds(value: datetime) -> float:
    aware = value if timezone.is_aware(value) else timezone.make_aware(value, timezone.get_default_timezone())
    return aware.timestamp()
