"""Present: from what is known to what the template writes. Pure, but for the clock that it is given."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence

from health_cli.core.assembly import iso_utc
from health_cli.core.metric import Metric
from health_cli.core.report import Report
from health_cli.core.result import LAST, Result
from health_cli.core.units import humanize
from health_cli.history.database import seconds_of
from health_cli.history.last import AHEAD, Last, aged
from health_cli.history.loading import fitting
from health_cli.models import CHECK, METRIC, SystemAlert
from health_cli.page.bars import bar_of
from health_cli.page.hosts import NOBODY, Host, patience
from health_cli.page.overview import ALERTS, Newest, Overview, worth
from health_cli.page.shown import LATE, Age, Card, Group, Moment, Notice, Page, Pill, Row
from health_cli.page.sparklines import sparkline

HOSTS = 60  # that can be chosen from
TITLES = {"api": "API", "database": "Databases", "cache": "Caches", "health": "health-cli"}


def page_of(found: Overview, now: float) -> Page:
    """Return what the page shows of a host at that time, in seconds since the epoch."""
    last, pills = found.newest.last, pills_of(found, now)
    page = Page(
        etag=etag_of(found.newest, aged(last, None) if last else None, found.alerts),
        others=_hashed([(pill.name, pill.status) for pill in pills]),
        now=iso_utc(now),
        hosts=pills,
        more_hosts=len(found.hosts) - len(pills),
        notices=[_notice(alert, found, now) for alert in found.alerts[:ALERTS]],
        more_alerts=len(found.alerts) > ALERTS,
    )
    if last is None:
        return page
    limit = limit_of(found)
    age = age_of(last, found.every, limit, now)._replace(expected=found.expected)
    report = aged(last, limit if age.word == "stale" else None)
    verdict = next((result for result in report.checks if result.name == LAST), None)
    alerts = {alert.alert_type for alert in found.alerts if alert.host == found.host}
    shown = last.report if verdict else report  # what is too old counts no more, and is shown as it was
    cards = [_card(result, found, alerts, now) for result in shown.worst_first]
    own = [pill._replace(status=report.status.word) if pill.current else pill for pill in pills]
    return page._replace(report=report, hosts=own, age=age, verdict=verdict, groups=list(_groups(cards)))


def pills_of(found: Overview, now: float) -> Sequence[Pill]:
    """Return the hosts to choose from by their names; where there are too many, the worst of them and the one shown."""
    worst = sorted(found.hosts, key=lambda host: (host.name != found.host, -host.status, host.name))[:HOSTS]
    return [
        Pill(
            name=host.name,
            status=host.status.word,
            ago=humanize(round(now - host.at), "s") if now - host.at > host_limit(host, found) else "",
            current=host.name == found.host,
        )
        for host in sorted(worst)
    ]


def etag_of(newest: Newest, report: Report | None, alerts: Sequence[SystemAlert]) -> str:
    """Return what changes whenever there is something new to see; the age alone is nothing new."""
    seen = [(alert.pk, alert.severity, alert.count, alert.flapping, str(alert.acknowledged_at)) for alert in alerts]
    statuses = [(result.name, result.status.word) for result in report.checks] if report else []
    return f'W/"{_hashed((newest.runs, statuses, seen))}"'


def _hashed(value: object) -> str:
    return hashlib.sha256(repr(value).encode(errors="replace")).hexdigest()[:32]


def age_of(last: Last, every: float, limit: float, now: float) -> Age:
    """Return how old the newest run is against the interval between two, 0 if unknown, and the age that is too old."""
    at = max(last.times.values())
    age = now - at
    word = "stale" if age > limit or age < -AHEAD else "" if not every else "fresh" if age <= every * LATE else "late"
    return Age(word, Moment.of(at, now), every, limit)


def limit_of(found: Overview) -> float:
    """Return after how many seconds the newest run of the host that is shown is too old to count."""
    host = next((host for host in found.hosts if host.name == found.host), NOBODY)
    return patience(found.every, host.at, host.before)


def host_limit(host: Host, found: Overview) -> float:
    """Return the same of any host, of which the usual interval is not known."""
    return patience(found.every if found.expected else 0.0, host.at, host.before)


def _groups(cards: Sequence[Card]) -> Iterator[Group]:
    """Yield the groups, the one with the worst check first; else in the order of the plan."""
    order = list(dict.fromkeys(card.result.subsystem for card in cards))
    for subsystem in order:
        title = TITLES.get(subsystem, subsystem.replace("_", " ").capitalize())
        yield Group(title, [card for card in cards if card.result.subsystem == subsystem])


def _notice(alert: SystemAlert, found: Overview, now: float) -> Notice:
    since = Moment.of(seconds_of(alert.created_at), now)
    return Notice(alert, worth(alert).word, since, alert.host != found.host, found.silence_of(alert))


def _card(result: Result, found: Overview, alerts: Collection[str], now: float) -> Card:
    memory = found.newest.memories.get(result.name)
    since = Moment.of(memory.since, now) if memory and memory.status == result.status.word else None
    rows = [_row(result.name, metric, found, now) for metric in result.metrics]
    return Card(result, since, rows, list(_data(result)), fitting(result.name, CHECK) in alerts)


def _row(check: str, metric: Metric, found: Overview, now: float) -> Row:
    spark = sparkline(found.sparks.get((fitting(check, CHECK), fitting(metric.name, METRIC)), ()), now, found.every)
    limits = [
        f"{word} {limit.describe(metric.unit)}"
        for word, limit in (("warning", metric.warning), ("critical", metric.critical))
        if limit and not limit.never
    ]
    return Row(
        metric=metric,
        full_name=f"{check}/{metric.name}",
        value="n/a" if metric.value is None else humanize(metric.value, metric.unit),
        status=metric.status.word,
        limits=", ".join(limits),
        bar=bar_of(metric),
        spark=spark,
        day=f"{humanize(spark.low, metric.unit)} to {humanize(spark.high, metric.unit)}" if spark else "",
    )


def _data(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what else is known of a check, each as a name and a text."""
    for name, value in result.data.items():
        yield name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
