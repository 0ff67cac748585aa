"""Age: the seconds since a time that somebody left, who may have left something else."""

import math
import time

from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status
from health_cli.core.units import humanize

AHEAD = 60.0  # seconds that the clock of whoever left it may be ahead of ours


def age_of(what: str, at: float) -> float:
    """Return the seconds since a time in seconds since 1970; Failure where it is none, or still to come.

    A time to come would stay young until then, whatever happened.
    """
    if not math.isfinite(at):
        raise _unusable(f"{what} is {at}, which is no time in seconds since 1970.", "no time")
    age = time.time() - at
    if age < -AHEAD:
        raise _unusable(f"{what} is of a time to come, in {humanize(-age, 's')}.", "of a time to come")
    return max(0.0, age)


def _unusable(text: str, summary: str) -> Failure:
    return Failure(
        Kind.MISCONFIGURED, text, summary=summary, status=Status.UNKNOWN,
        hint="Is it in seconds, as time.time() gives it, and are the clocks of both hosts right?",
    )  # fmt: skip
