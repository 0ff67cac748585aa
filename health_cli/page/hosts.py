"""Hosts: those that have recorded, and what each is like now, in one query however many runs there are."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connections

from health_cli.core.status import Status
from health_cli.history.database import moment, seconds_of
from health_cli.history.last import AHEAD, STALE
from health_cli.models import HealthRun

FEW_RUNS = 2 * 86_400  # seconds of patience with fewer than six runs
GONE = 7  # times the patience, and a day at least, after which a host is gone
HOUR, DAY = 3_600, 86_400

# The newest run of each, when the newest of all checks was, and when the last but five; a run in the future, of when
# the clock was wrong, only where there is no other.
NEWEST_OF_EACH = """
WITH hosts AS (SELECT DISTINCT host FROM health_cli_healthselection)
SELECT r.id, r.host, r.status, r.standing, r.started_at,
    (SELECT n.started_at FROM health_cli_healthrun n
     WHERE n.host = h.host AND n.complete = %(yes)s AND n.started_at <= %(until)s ORDER BY n.started_at DESC LIMIT 1
    ) AS whole_at,
    (SELECT n.started_at FROM health_cli_healthrun n
     WHERE n.host = h.host AND n.started_at <= %(until)s ORDER BY n.started_at DESC LIMIT 1 OFFSET 5) AS before_at
FROM hosts h JOIN health_cli_healthrun r ON r.id = COALESCE(
    (SELECT n.id FROM health_cli_healthrun n
     WHERE n.host = h.host AND n.started_at <= %(until)s ORDER BY n.started_at DESC LIMIT 1),
    (SELECT n.id FROM health_cli_healthrun n WHERE n.host = h.host ORDER BY n.started_at DESC LIMIT 1)
)
"""


class Host(NamedTuple):
    """A host that has recorded: what it is like after its newest run, and when that began, since the epoch.

    `whole_at` is when its newest run of all checks began, `before` when the last but five; None where there was none.
    """

    name: str
    status: Status
    at: float
    whole_at: float | None = None
    before: float | None = None

    def judged(self, every: float, now: float) -> "Host":
        """Return the host with the status that it has now, where runs are due every so many seconds (0: unknown).

        A run that is stale, or in the future, tells nothing.
        """
        oldest = self.at if self.whole_at is None or not every else self.whole_at
        silent = now - oldest > patience(every, self.at, self.before)
        return self._replace(status=Status.UNKNOWN) if silent or self.at > now + AHEAD else self

    def is_gone(self, every: float, now: float) -> bool:
        """Tell whether it has been silent for so long that it may be no more."""
        return now - self.at > max(GONE * patience(every, self.at, self.before), DAY)


def patience(every: float, at: float, before: float | None) -> float:
    """Return after how many seconds a newest run is too old to count.

    Where nobody says how often runs are due, that is the time of the last six, an hour at least; two days of fewer.
    """
    if every:
        return every * STALE
    return max(at - before, HOUR) if before is not None else FEW_RUNS


NOBODY = Host("", Status.UNKNOWN, 0.0)


def known_hosts(alias: str) -> list[Host]:
    """Return the hosts by their names, each with what its newest run found."""
    rows = HealthRun.objects.using(alias).raw(NEWEST_OF_EACH, {"yes": True, "until": _soon(alias)})
    return sorted(
        Host(row.host, Status.parse(row.standing or row.status), seconds_of(row.started_at), *_times(row))
        for row in rows
    )


def _times(row: Any) -> Iterator[float | None]:
    """Yield the times of a row that are no columns of the model, which the database may give in a form of its own."""
    field: Any = HealthRun._meta.get_field("started_at")
    connection, column = connections[row._state.db], field.get_col(HealthRun._meta.db_table)
    for at in (row.whole_at, row.before_at):
        for convert in connection.ops.get_db_converters(column):
            at = convert(at, column, connection)  # noqa: PLW2901  # one after the other, as Django does
        yield None if at is None else seconds_of(at)


def worst_of(hosts: Sequence[Host], every: float, now: float) -> Host:
    """Return the host to look at first: the worst of those that are not gone, and of these the newest."""
    return max(hosts, key=lambda each: (not each.is_gone(every, now), each.status, each.at), default=NOBODY)


def _soon(alias: str) -> object:
    """Return the end of what is not in the future, for raw SQL; clocks differ a little."""
    return connections[alias].ops.adapt_datetimefield_value(moment(time.time() + AHEAD))
