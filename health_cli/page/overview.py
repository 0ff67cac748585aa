"""Overview: all that the page shows, out of the record, in six queries however many rows there are."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from django.db.models import Case, When

from health_cli.config.setting import HealthSetting
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches
from health_cli.core.status import Status
from health_cli.history.alerts import Memory
from health_cli.history.database import moment, seconds_of
from health_cli.history.elsewhere import last_after, newest_runs
from health_cli.history.last import AHEAD, Last
from health_cli.history.loading import fitting
from health_cli.models import CHECK, HOST, HealthHour, HealthMetric, Silence, SystemAlert
from health_cli.page.hosts import Host, known_hosts, worst_of

MOST_RUNS, RUNS = 120, 30  # newest runs whose times are known; at the ends of the sparklines are at least so many,
NUMBERS = 6_000  # and more where these are no more numbers than that
REGULAR = 5  # gaps between runs that tell how often they come, most of them near the middle one
ALERTS = 100  # open alerts that are shown
SILENCES = 200  # of which may be shown with them
HOUR, DAY = 3_600, 86_400


class Span(NamedTuple):
    """What a metric was in one hour, or in one run, where the three are the same."""

    at: float
    low: float
    mean: float
    high: float


Sparks = Mapping[tuple[str, str], Sequence[Span]]


class Newest(NamedTuple):
    """What is last of a host, the runs that it is made of, and what alerting remembers of each check after them.

    `lately` has the ids of the newest runs, and when they began, the newest first.
    """

    last: Last | None
    runs: Sequence[str]
    memories: Mapping[str, Memory]
    lately: Sequence[tuple[int, float]] = ()


class Overview(NamedTuple):
    """What there is to show of one host, and the open alerts of all with what silences them.

    `every` is the time between two runs in seconds, 0 where it is not known; it is `expected` where the setting says
    so, and else what it usually was.
    """

    host: str
    hosts: Sequence[Host]
    newest: Newest
    alerts: Sequence[SystemAlert]
    silences: Sequence[Silence]
    sparks: Sparks
    every: float
    expected: bool

    def silence_of(self, alert: SystemAlert) -> Silence | None:
        """Return the silence that lasts longest of those that hold an alert back."""
        found = (s for s in self.silences if s.host in {"", alert.host} and matches(alert.alert_type, s.pattern))
        return max(found, key=lambda silence: silence.until, default=None)


def overview(alias: str, host: str, setting: HealthSetting) -> Overview:
    """Return what there is to show of a host; without a name, of the one that is worst. DatabaseError."""
    now, given = time.time(), setting.RECORD_EVERY
    hosts = [each.judged(given, now) for each in known_hosts(alias)]
    host = host or worst_of(hosts, given, now).name
    newest = newest_of(alias, host, setting)
    every = setting.RECORD_EVERY or usual([at for _, at in newest.lately])
    return Overview(
        host=host,
        hosts=hosts,
        newest=newest,
        alerts=open_alerts(alias, host),
        silences=list(Silence.objects.using(alias).filter(until__gt=moment(now))[:SILENCES]),
        sparks=_sparks(alias, host, newest, now),
        every=every,
        expected=bool(setting.RECORD_EVERY),
    )


def newest_of(alias: str, host: str, setting: HealthSetting) -> Newest:
    """Return what is last of a host: its newest run of all checks, and the runs of some of them since then."""
    runs, lately = newest_runs(alias, host, MOST_RUNS)
    last = last_after(runs)
    return Newest(
        last and last._replace(every=setting.RECORD_EVERY, fail_on=setting.FAIL_ON),
        [str(run.uuid) for run in runs],
        _memories(runs[-1].state) if runs else {},
        [(run.pk, seconds_of(run.started_at)) for run in lately],
    )


def _memories(state: Any) -> Mapping[str, Memory]:
    """Return what is remembered of each check; nothing where that is of another version: the page can do without."""
    found = attempt(lambda: {name: Memory.from_json(data) for name, data in state["checks"].items()})
    return {} if isinstance(found, Crash) else found


def worth(alert: SystemAlert) -> Status:
    """Return the status that an open alert stands for."""
    return Status.CRITICAL if alert.severity == SystemAlert.Severity.CRITICAL else Status.WARNING


def open_alerts(alias: str, host: str) -> list[SystemAlert]:
    """Return the open alerts of all hosts, the worst first, then those of this host, then the newest.

    One more than are shown; those of this host are among them before others of the same severity.
    """
    ours = Case(When(host=fitting(host, HOST), then=0), default=1)
    rows = SystemAlert.objects.using(alias).filter(resolved=False)
    return list(
        rows.order_by("severity", ours, "-created_at")[: ALERTS + 1]
    )  # "critical" is first by the alphabet, too


def known_alerts(alias: str, *, host: str, check: str) -> list[SystemAlert]:
    """Return alerts of a host and a check, or of all, the open ones and the newest first."""
    rows = SystemAlert.objects.using(alias)
    rows = rows.filter(host=fitting(host, HOST)) if host else rows
    return list((rows.filter(alert_type=fitting(check, CHECK)) if check else rows)[:ALERTS])


def usual(times: Sequence[float]) -> float:
    """Return how far apart runs usually are, in seconds, the newest run first; 0 where nobody can tell.

    Runs that begin soon after one another, as those of two selections do, are one. It takes some gaps, and three of
    four within the double and the half of the middle one: runs by hand tell nothing.
    """
    gaps = sorted(later - earlier for later, earlier in pairwise(times))
    large = gaps[len(gaps) * 3 // 4] if gaps else 0.0
    gaps = [gap for gap in gaps if gap > large / 5]
    if len(gaps) < REGULAR:
        return 0.0
    middle = median(gaps)
    near = sum(middle / 2 <= gap <= middle * 2 for gap in gaps)
    return middle if near >= len(gaps) * 3 / 4 else 0.0


def _sparks(alias: str, host: str, newest: Newest, now: float) -> Sparks:
    """Return what each metric was in the last day: by hours, and from where they end by runs."""
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    begin = over = now - DAY
    hours = HealthHour.objects.using(alias).filter(host=fitting(host, HOST), count__gt=0)
    hours = hours.filter(hour__gte=moment(begin), hour__lte=moment(now + AHEAD)).order_by("hour")
    for check, metric, hour, *numbers in hours.values_list(
        "check_name", "metric_name", "hour", "minimum", "mean", "maximum"
    ):
        at = seconds_of(hour)
        found[check, metric].append(Span(at + HOUR / 2, *numbers))
        over = max(over, at + HOUR)
    times = {number: at for number, at in newest.lately[: _most(newest)] if at >= over}
    rows = HealthMetric.objects.using(alias).filter(run__in=times, value__isnull=False)
    for number, check, metric, value in rows.values_list("run_id", "check_name", "metric_name", "value"):
        found[check, metric].append(Span(times[number], value, value, value))
    return {name: sorted(spans) for name, spans in found.items()}


def _most(newest: Newest) -> int:
    """Return of how many runs the numbers are read: the more of them the less each has."""
    numbers = sum(len(result.metrics) for result in newest.last.report.checks) if newest.last else 0
    return max(NUMBERS // max(numbers, 1), RUNS)
