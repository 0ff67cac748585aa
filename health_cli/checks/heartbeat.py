"""HEARTBEAT in CHECKS: whether something that runs by itself has said that it did."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.age import age_of
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize

AT = "at"
METRICS = (metric("age", "s", help="Seconds since the last beat; critical beyond what HEARTBEAT says."),)


@dataclass(frozen=True, kw_only=True)
class Heartbeat(Remembering):
    """A job that must have run: `"CHECKS": {"jobs.nightly": {"HEARTBEAT": "26h"}}`, and at its end `health beat NAME`.

    A job that did not run, or did not get to its end, is critical once the last beat is older than that; so is one that
    has never beaten. In a shell: `backup.sh && health beat jobs.nightly --chdir /srv/shop`, the folder of manage.py.

    The beat is kept in the state folder of the project, so that it is for jobs on this host, of the same user, which
    name the project by the same path. With `cache`, an alias of CACHES, it is kept there, for jobs on other hosts too,
    and an application may leave it by itself: `cache.set("health-cli:beat:jobs.nightly", time.time(), None)`. A beat of
    a time to come is unknown.
    """

    name: str = "jobs.nightly"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    every: str = ""
    cache: str = ""
    main: ClassVar[str] = "age"

    @property
    def remembered_as(self) -> str:
        """The name under which the beat is kept."""
        return f"beat {self.name}"

    @property
    def implied(self) -> Mapping[str, Mapping[str, str]]:
        """The thresholds that go without saying."""
        return {"critical": {"age": self.every}}

    def verify(self) -> None:
        """Raise ValueError where the time is none."""
        Threshold.parse(self.every, "s")

    def gather(self) -> Measurement:
        """Find the last beat; Failure where there was none."""
        at = self._at()
        if at is None:
            kept = f"there is no {self.memory.where or 'place for it'}"
            where = f"the cache '{self.cache}' has no {key_of(self.name)}" if self.cache else kept
            raise Failure(
                Kind.MISSING, f"{self.name} has never beaten, as far as is known here: {where}.", summary="no beat",
                hint=f"At the end of the job, as the same user, with the same project: health beat {self.name}",
            )  # fmt: skip
        try:
            seconds = float(at)
        except (TypeError, ValueError, OverflowError):
            seconds = math.nan
        return Measurement(values={"age": age_of(f"The beat of {self.name}", seconds)})

    def _at(self) -> Any:
        if not self.cache:
            return self.memory.load().get(AT)
        return load("health_cli.checks.cache_key_client").value_of(self.cache, key_of(self.name))

    def judge(self, measurement: Measurement) -> Result:
        """Say when it was."""
        return self.result(measurement, summary=f"{humanize(measurement.values['age'], 's')} ago")


def key_of(name: str) -> str:
    """Return the key of a beat in a cache."""
    return f"health-cli:beat:{name}"


def beat(check: Heartbeat, now: float) -> None:
    """Keep a beat; Failure where that can't be done."""
    if check.cache:
        load("health_cli.checks.cache_key_client").leave(check.cache, key_of(check.name), now)
    elif why := check.memory.save({AT: now}):
        raise Failure(
            Kind.READ_ONLY, f"The beat can't be kept: {why}", status=Status.UNKNOWN,
            hint="Give this user a state folder in HEALTH_STATE_DIR, the same as for 'health run', or name a cache.",
        )  # fmt: skip
