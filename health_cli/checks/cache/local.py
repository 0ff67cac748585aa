"""cache:ALIAS where there is nothing to measure from outside: local memory and the dummy."""

from dataclasses import dataclass

from health_cli.checks.cache.base import Cache
from health_cli.core.measurement import Measurement
from health_cli.core.result import Result

_WHAT = {
    "LocMemCache": "local memory, one for each process",
    "DummyCache": "dummy, it stores nothing",
}


@dataclass(frozen=True, kw_only=True)
class LocalCache(Cache):
    """A cache inside each process (LocMem), or none (Dummy).

    It is said to be what it is, and always healthy: no other process can see into it. With several web
    processes, local memory is several caches that do not know of each other.
    """

    def gather(self) -> Measurement:
        """Nothing can be read."""
        backend = str(self.settings.get("BACKEND") or "").rpartition(".")[2]
        return Measurement(facts={"backend": backend})

    def judge(self, measurement: Measurement) -> Result:
        """Say what it is."""
        return self.result(measurement, summary=_WHAT[measurement.facts["backend"]])
