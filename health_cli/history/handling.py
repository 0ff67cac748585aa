"""Handling: what people do about alerts: silence, resolve, acknowledge. Called by the command line and the admin."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from health_cli.core.assembly import clean, iso_utc
from health_cli.history.database import moment, seconds_of
from health_cli.history.reading import distinct
from health_cli.models import HealthRun, Silence, SystemAlert

RECENT = 20  # runs whose checks are known


def silence(alias: str, *, pattern: str, host: str, until: float, why: str, by: str) -> Silence:
    """Let nobody be told of the checks that a pattern means, until a time in seconds since the epoch."""
    row = Silence(
        pattern=pattern, host=host, until=moment(until), why=why, by=by, created_at=timezone.now()
    )  # fmt: skip
    row.save(using=alias)
    return row


def unsilence(alias: str, *, pattern: str, host: str) -> int:
    """End the silences of exactly that pattern and host, and return how many those were."""
    deleted, _ = Silence.objects.using(alias).filter(pattern=pattern, host=host, until__gt=timezone.now()).delete()
    return deleted


def resolve(alerts: QuerySet[SystemAlert], *, by: str, why: str | None = None) -> int:
    """End open alerts by hand, and return how many. What is still bad opens another one at the next recorded run."""
    said = f"by {by}: {why}" if why else f"by {by}"
    return alerts.filter(resolved=False).update(
        resolved=True, resolved_at=timezone.now(), resolution=said, open_key=None
    )


def acknowledge(alerts: QuerySet[SystemAlert], *, by: str, why: str | None = None) -> int:
    """Write down who has seen open alerts, and return how many those are. Without a reason the one before stays."""
    said = {} if why is None else {"why": why}
    return alerts.filter(resolved=False).update(acknowledged_at=timezone.now(), by=by, **said)


def listed(alias: str, *, host: str, past: bool, most: int) -> Sequence[Any]:
    """Return the open alerts, the newest first, and with `past` the ended ones too."""
    alerts = SystemAlert.objects.using(alias)
    alerts = alerts.filter(host=host) if host else alerts
    return list((alerts if past else alerts.filter(resolved=False))[:most])


def as_json(alert: SystemAlert) -> dict[str, Any]:
    """Return an alert for machines."""
    times = {name: getattr(alert, name) for name in ("created_at", "seen_at", "resolved_at", "acknowledged_at")}
    return {
        "id": alert.pk,
        "check": alert.alert_type,
        "host": alert.host,
        "severity": alert.severity,
        "flapping": alert.flapping,
        "message": clean(alert.message),
        "hint": clean(alert.hint),
        "count": alert.count,
        **{name: iso_utc(seconds_of(value)) if value else None for name, value in times.items()},
        "lasted": round(seconds_of(alert.resolved_at or alert.seen_at) - seconds_of(alert.created_at), 3),
        "resolution": clean(alert.resolution) or None,
        "acknowledged_by": clean(alert.by) or None,
        "why": clean(alert.why) or None,
    }


def numbered(alias: str, numbers: Sequence[int]) -> QuerySet[SystemAlert]:
    """Return the alerts of these numbers."""
    return SystemAlert.objects.using(alias).filter(id__in=numbers)


def known(alias: str) -> list[str]:
    """Return the names of the checks that the newest runs of all hosts have, and of those with an open alert."""
    reports = HealthRun.objects.using(alias).order_by("-id").values_list("report", flat=True)[:RECENT]
    opened = SystemAlert.objects.using(alias).filter(resolved=False).values_list("alert_type", flat=True)
    return sorted({check["name"] for report in reports for check in report["checks"]} | set(opened))


def hosts(alias: str) -> list[str]:
    """Return the hosts that have recorded runs which are kept."""
    return list(distinct(HealthRun.objects.using(alias), "host"))


def silences(alias: str) -> list[dict[str, Any]]:
    """Return what is silenced now, for machines."""
    rows = Silence.objects.using(alias).filter(until__gt=timezone.now())
    return [
        {"pattern": s.pattern, "host": s.host, "until": iso_utc(seconds_of(s.until)), "why": s.why, "by": s.by}
        for s in rows
    ]
