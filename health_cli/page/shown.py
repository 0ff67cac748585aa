"""Shown: what the template writes, part by part."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from health_cli.core.assembly import iso_utc
from health_cli.core.metric import Metric
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import fixed_point, humanize
from health_cli.history.database import moment
from health_cli.models import Silence, SystemAlert
from health_cli.page.bars import Bar
from health_cli.page.ranges import RANGES
from health_cli.page.sparklines import Sparkline

LATE = 1.25  # times the interval between two runs after which the next one is late: a run takes some time itself


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
