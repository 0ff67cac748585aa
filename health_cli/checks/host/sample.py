"""Sample: two readings of the kernel's counters with some time between them.

`health` takes the first one before it loads anything else. By the time that a check is ready to look, the
sample is over, and nobody has to wait for it.
"""

import os
import time
from typing import NamedTuple

from health_cli.checks.host.system import system

MOST = 10  # samples: what was read longer ago tells of the past, not of now


class Reading(NamedTuple):
    """The counters at one moment; `pid` and `process_time` are those of the process that read them."""

    at: float
    cpu_times: dict[str, float]
    swapped_in: int
    pid: int
    process_time: float


_begun: list[Reading] = []


def begin() -> None:
    """Take the first reading now, for every sample that is asked for soon, in this process or one that it forks."""
    _begun[:] = [_read()]


def sample(seconds: float, *, anew: bool = False) -> tuple[Reading, Reading]:
    """Return two readings that are at least so many seconds apart; wait only for what is missing of them.

    With `anew` the first one is taken now, for a caller who has readings of its own to set beside them.
    """
    recent = [first for first in _begun if not anew and time.monotonic() - first.at < MOST * seconds]
    first = recent[0] if recent else _read()
    time.sleep(max(0.0, first.at + seconds - time.monotonic()))
    return first, _read()


def ours(first: Reading, second: Reading) -> float:
    """Return the CPU seconds that went into our own work between two readings.

    That is the work of this process, and of the supervisor where that has taken the first reading. In the
    process of somebody else, where nobody has begun a sample, it is not ours.
    """
    if not _begun:
        return 0.0
    if first.pid == second.pid:
        return second.process_time - first.process_time
    return second.process_time + system.process_time(first.pid) - first.process_time


def _read() -> Reading:
    return Reading(time.monotonic(), system.cpu_times(), system.swapped_in(), os.getpid(), time.process_time())
