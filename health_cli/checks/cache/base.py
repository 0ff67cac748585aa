"""What the checks of all caches share: the metric of the round trip, and the key that it uses."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from health_cli.core.check import Check
from health_cli.core.metric import metric

ROUNDTRIP_TIME = metric(
    "roundtrip_time", "s", warning="0.1", critical="1",
    hint="The cache is slow: a blocking command, swapping, or the network between. Look at its own log.",
    help="Time to write, read back and delete a random key of ours: the only test that sees a cache which "
    "answers but takes no writes.",
)  # fmt: skip
PROBE_PREFIX = "health-cli:probe:"
PROBE_TTL = 30  # seconds; what is left behind by a probe that was killed goes away by itself


def probe_key() -> str:
    """Return a key that nobody else uses."""
    return PROBE_PREFIX + os.urandom(8).hex()


@dataclass(frozen=True, kw_only=True)
class Cache(Check):
    """One alias of CACHES; `settings` is its entry there."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def locations(self) -> tuple[str, ...]:
        """The servers of this alias: a list, or one text with `,` or `;` between them, as Django reads it."""
        given = self.settings.get("LOCATION") or ""
        parts = given.replace(";", ",").split(",") if isinstance(given, str) else [str(item) for item in given]
        return tuple(part.strip() for part in parts if part.strip())
