"""Status: how well one check, or a whole run, is doing.

The order of the members is the order of badness. Unknown stands above warning because a gate that
cannot see must not open, and below critical because a proven fault must never hide behind a probe
that failed. Skipped stands lowest and never counts as good news.
"""

from collections.abc import Iterable
from enum import IntEnum


class Status(IntEnum):
    """The five states, ordered from the least to the worst."""

    SKIPPED = 0
    HEALTHY = 1
    WARNING = 2
    UNKNOWN = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The lower-case word used in every output and in the database."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> "Status":
        """Return the status of this word; ValueError names the allowed words."""
        try:
            return cls[word.upper()]
        except KeyError:
            allowed = ", ".join(status.word for status in cls)
            raise ValueError(f"'{word}' is not a status: use one of {allowed}") from None


# What the monitoring-plugins agreed on: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
EXIT_CODES = {
    Status.HEALTHY: 0,
    Status.WARNING: 1,
    Status.CRITICAL: 2,
    Status.UNKNOWN: 3,
    Status.SKIPPED: 3,
}


def worst(statuses: Iterable[Status]) -> Status:
    """Fold statuses into one. Nothing at all, or nothing but skipped, is unknown."""
    counted = [status for status in statuses if status is not Status.SKIPPED]
    return max(counted, default=Status.UNKNOWN)
