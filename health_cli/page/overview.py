"""Overview: all that the page shows, out of the record, in six queries however many rows there are."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from django.db import connections

from health_cli.config.setting import HealthSetting
from health_cli.core.report import Report
from health_cli.core.status import Status
from health_cli.history.alerts import Memory
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD, Last, joined
from health_cli.history.loading import fitting
from health_cli.models import CHECK, HOST, HealthHour, HealthMetric, HealthRun, SystemAlert

RUNS = 30  # the newest runs of a host: how often they come, and the ends of the sparklines
PARTS = 50  # runs of some checks only that are looked at since the last one of all checks
ALERTS = 100  # open alerts that are shown
HOUR, DAY = 3_600, 86_400

# The hosts one after the other, by the index on host and started_at, and the newest run of each: most servers would
# read the whole index for a DISTINCT or a GROUP BY.
HOSTS = """
WITH RECURSIVE hosts (host) AS (
    SELECT MIN(host) FROM health_cli_healthrun
    UNION ALL
    SELECT (SELECT MIN(r.host) FROM health_cli_healthrun r WHERE r.host > hosts.host) FROM hosts
    WHERE hosts.host IS NOT NULL
)
SELECT r.id, r.host, r.status, r.started_at FROM hosts h JOIN health_cli_healthrun r ON r.id = (
    SELECT n.id FROM health_cli_healthrun n WHERE n.host = h.host ORDER BY n.started_at DESC LIMIT 1
)
"""

# The newest run of all checks and those since then, the reports of no others: with the condition beside the LIMIT,
# MariaDB reads all runs of the host.
NEWEST = """
WITH newest AS (
    SELECT id, started_at, complete FROM health_cli_healthrun
    WHERE host = %s AND started_at <= %s ORDER BY started_at DESC LIMIT %s
)
SELECT r.id, r.uuid, r.started_at, r.complete, r.report, r.state
FROM newest n JOIN health_cli_healthrun r ON r.id = n.id
WHERE n.started_at >= COALESCE(
    (SELECT MAX(started_at) FROM newest WHERE complete), (SELECT MIN(started_at) FROM newest)
)
"""


class Host(NamedTuple):
    """A host that has recorded, with the status of its newest run and when that began, since the epoch."""

    name: str
    status: Status
    at: float


class Span(NamedTuple):
    """What a metric was in one hour, or in one run, where the three are the same."""

    at: float
    low: float
    mean: float
    high: float


Sparks = Mapping[tuple[str, str], Sequence[Span]]


class Newest(NamedTuple):
    """What is last of a host, the runs that it is made of, and what alerting remembers of each check after them."""

    last: Last | None
    runs: Sequence[str]
    memories: Mapping[str, Memory]


class Overview(NamedTuple):
    """What there is to show of one host, and the open alerts of all.

    `every` is the time between two runs in seconds, 0 where it is not known; it is `expected` where the setting says
    so, and else what it usually was.
    """

    host: str
    hosts: Sequence[Host]
    newest: Newest
    alerts: Sequence[SystemAlert]
    sparks: Sparks
    every: float
    expected: bool


def overview(alias: str, host: str, setting: HealthSetting) -> Overview:
    """Return what there is to show of a host; without a name, of the one that is worst. DatabaseError."""
    hosts = known_hosts(alias)
    host = host or max(hosts, key=lambda each: (each.status, each.at), default=Host("", Status.UNKNOWN, 0)).name
    runs = _runs(alias, host)
    return Overview(
        host=host,
        hosts=hosts,
        newest=newest_of(alias, host, setting),
        alerts=open_alerts(alias),
        sparks=_sparks(alias, host, [number for number, _ in runs]),
        every=setting.RECORD_EVERY or _usual([at for _, at in runs]),
        expected=bool(setting.RECORD_EVERY),
    )


def known_hosts(alias: str) -> list[Host]:
    """Return the hosts by their names."""
    rows = HealthRun.objects.using(alias).raw(HOSTS)
    found = [Host(row.host, Status.parse(row.status), seconds_of(row.started_at)) for row in rows]
    return sorted(found)


def newest_of(alias: str, host: str, setting: HealthSetting) -> Newest:
    """Return what is last of a host: its newest run of all checks, and the runs of some of them since then."""
    until = connections[alias].ops.adapt_datetimefield_value(moment(time.time() + AHEAD))
    found = HealthRun.objects.using(alias).raw(NEWEST, [fitting(host, HOST), until, PARTS])
    rows = sorted(found, key=lambda row: row.started_at)
    last = joined((Report.from_json(row.report), seconds_of(row.started_at), row.complete) for row in rows)
    last = last and last._replace(every=setting.RECORD_EVERY, fail_on=setting.FAIL_ON)
    memories = rows[-1].state.get("checks", {}) if rows else {}
    return Newest(
        last, [str(row.uuid) for row in rows], {name: Memory.from_json(data) for name, data in memories.items()}
    )


def open_alerts(alias: str) -> list[SystemAlert]:
    """Return the open alerts of all hosts, the worst and among these the newest first."""
    rows = SystemAlert.objects.using(alias).filter(resolved=False)
    return list(rows.order_by("severity", "-created_at")[:ALERTS])  # "critical" is the first by the alphabet, too


def known_alerts(alias: str, *, host: str, check: str) -> list[SystemAlert]:
    """Return alerts of a host and a check, or of all, the open ones and the newest first."""
    rows = SystemAlert.objects.using(alias)
    rows = rows.filter(host=fitting(host, HOST)) if host else rows
    return list((rows.filter(alert_type=fitting(check, CHECK)) if check else rows)[:ALERTS])


def _runs(alias: str, host: str) -> list[tuple[int, float]]:
    """Return the ids of the newest runs, and when they began, the newest first."""
    runs = HealthRun.objects.using(alias).filter(host=fitting(host, HOST))
    runs = runs.filter(started_at__lte=moment(time.time() + AHEAD))  # one in the future is of when the clock was wrong
    rows = runs.order_by("-started_at").values_list("id", "started_at")[:RUNS]
    return [(number, seconds_of(at)) for number, at in rows]


def _usual(times: Sequence[float]) -> float:
    """Return how far apart runs usually are, in seconds; 0 where there are too few to tell."""
    gaps = [later - earlier for later, earlier in pairwise(times)]
    return median(gaps) if len(gaps) > 1 else 0.0


def _sparks(alias: str, host: str, runs: Sequence[int]) -> Sparks:
    """Return what each metric was in the last day: by hours, and from where they end by runs."""
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    begin = time.time() - DAY
    hours = HealthHour.objects.using(alias).filter(host=fitting(host, HOST), hour__gte=moment(begin), count__gt=0)
    over = 0.0
    for check, metric, hour, *numbers in hours.order_by("hour").values_list(
        "check_name", "metric_name", "hour", "minimum", "mean", "maximum"
    ):
        at = seconds_of(hour)
        found[check, metric].append(Span(at + HOUR / 2, *numbers))
        over = max(over, at + HOUR)
    rows = HealthMetric.objects.using(alias).filter(run__in=runs, value__isnull=False)
    for check, metric, time_, value in rows.order_by("run_id", "id").values_list(
        "check_name", "metric_name", "timestamp", "value"
    ):
        if (at := seconds_of(time_)) >= max(over, begin):
            found[check, metric].append(Span(at, value, value, value))
    return {name: sorted(spans) for name, spans in found.items()}
