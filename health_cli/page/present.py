"""Present: from what is known to what the template writes. Pure, but for the clock that it is given."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from health_cli.core.assembly import iso_utc
from health_cli.core.metric import Metric
from health_cli.core.report import Report
from health_cli.core.result import LAST, Result
from health_cli.core.status import Status
from health_cli.core.units import fixed_point, humanize
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD, Last, aged
from health_cli.history.loading import fitting
from health_cli.models import CHECK, METRIC, Silence, SystemAlert
from health_cli.page.bars import Bar, bar_of
from health_cli.page.overview import ALERTS, NOBODY, Host, Newest, Overview, patience, worth
from health_cli.page.ranges import RANGES
from health_cli.page.sparklines import Sparkline, sparkline

HOSTS = 60  # that can be chosen from
LATE = 1.25  # times the interval between two runs after which the next one is late: a run takes some time itself
TITLES = {"api": "API", "database": "Databases", "cache": "Caches", "health": "health-cli"}


class Moment(NamedTuple):
    """A time: for Django, for machines, and how long ago that is in words."""

    at: datetime
    iso: str
    ago: str

    @classmethod
    def of(cls, seconds: float, now: float) -> "Moment":
        """Return the moment that is so many seconds since the epoch."""
        return cls(moment(seconds), iso_utc(seconds), humanize(max(0, round(now - seconds)), "s"))


class Age(NamedTuple):
    """How old the last run is: `fresh`, `late` or `stale`, nothing where nobody knows how often runs come.

    `every` says how often, in seconds, 0 where that is not known; it is `expected` where the setting says so. Beyond
    `limit` a run is stale.
    """

    word: str
    since: Moment
    every: float
    limit: float
    expected: bool = False

    @property
    def late_after(self) -> str:
        """The age in seconds from where on a run is late."""
        return fixed_point(self.every * LATE)

    @property
    def stale_after(self) -> str:
        """The age in seconds from where on it is stale."""
        return fixed_point(self.limit)

    @property
    def interval(self) -> str:
        """How often runs come, in words."""
        return humanize(round(self.every), "s")


class Row(NamedTuple):
    """One metric of a check."""

    metric: Metric
    full_name: str
    value: str
    status: str
    limits: str
    bar: Bar | None
    spark: Sparkline | None
    day: str


class Card(NamedTuple):
    """One check."""

    result: Result
    since: Moment | None
    rows: Sequence[Row]
    data: Sequence[tuple[str, str]]
    has_alert: bool

    @property
    def is_news(self) -> bool:
        """Whether it is not well, and no alert above says so."""
        return not self.is_well and not self.has_alert

    @property
    def status(self) -> str:
        """The word of its status."""
        return self.result.status.word

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return self.result.status in {Status.HEALTHY, Status.SKIPPED}

    @property
    def charted(self) -> Row | None:
        """The metric that its chart begins with: the one over a threshold, else the first that has one."""
        return next(iter((*self.leading, *self.rows)), None)

    @property
    def leading(self) -> Sequence[Row]:
        """The metrics that show while the card is closed: those over a threshold, else the first that has one."""
        crossed = [row for word in ("critical", "warning") for row in self.rows if row.status == word]
        return crossed or [row for row in self.rows if row.limits and row.bar][:1]


class Group(NamedTuple):
    """The checks of a subsystem, the worst first."""

    title: str
    cards: Sequence[Card]


class Notice(NamedTuple):
    """An open alert, and what holds it back, if anything does."""

    alert: SystemAlert
    status: str
    since: Moment
    elsewhere: bool
    silence: Silence | None


class Pill(NamedTuple):
    """A host to switch to; `ago` says how old its newest run is where that is too old."""

    name: str
    status: str
    ago: str
    current: bool


class Page(NamedTuple):
    """All that the template writes; `verdict` is on a last run that is too old to count."""

    etag: str
    others: str
    now: str
    hosts: Sequence[Pill]
    more_hosts: int
    notices: Sequence[Notice]
    more_alerts: bool
    report: Report | None = None
    age: Age | None = None
    verdict: Result | None = None
    groups: Sequence[Group] = ()

    @property
    def ranges(self) -> Sequence[tuple[str, str]]:
        """The times that a chart can show, each with its text."""
        return [(name, each.text) for name, each in RANGES.items()]

    @property
    def status(self) -> str:
        """The word for the whole."""
        return self.report.status.word if self.report else "unknown"

    @property
    def counts(self) -> Sequence[tuple[str, int]]:
        """How many checks have each status, the worst first, where that are any."""
        counts = self.report.counts if self.report else {}
        words = ("critical", "unknown", "warning", "healthy", "skipped")
        return [(word, counts[word]) for word in words if counts.get(word)]

    @property
    def took(self) -> str:
        """How long the run took."""
        return humanize(self.report.duration, "s") if self.report else ""


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
