"""cache:ALIAS on any other backend, asked through Django: files, database tables, and third parties'."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from health_cli.checks.cache.base import ROUNDTRIP_TIME, Cache
from health_cli.core.check import Requirement
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    ROUNDTRIP_TIME,
    metric("entries", help="Entries of a file or database cache, expired ones among them; counted up to 10000 files."),
    metric("size", "B", help="Bytes of a file cache, of the files counted."),
)
MAX_FILES = 10_000


@dataclass(frozen=True, kw_only=True)
class DjangoCache(Cache):
    """A cache that is reached through Django's own backend.

    A random key is written, read back and deleted. Of a file cache the files are counted too, of a
    database cache the rows.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)

    @property
    def backend(self) -> str:
        """The class of the backend."""
        return str(self.settings.get("BACKEND") or "").rpartition(".")[2]

    @property
    def folder(self) -> str:
        """The folder of a file cache."""
        return str(self.settings.get("LOCATION") or "")

    def gather(self) -> Measurement:
        """Make the round trip; whatever the backend raises is a failure of the cache."""
        if self.backend == "FileBasedCache" and not os.path.exists(self.folder):
            raise Failure(
                Kind.MISSING, f"The folder {self.folder} is not there.", summary="no such folder",
                status=Status.WARNING,
                hint="The application makes it when it first writes; we don't, since it must belong to its user.",
            )  # fmt: skip
        client = load_client("health_cli.checks.cache.django_client", Requirement("django", "all"))
        found = attempt(lambda: client.gather(self.name.partition(":")[2]))
        if isinstance(found, Crash):
            if isinstance(found.error, Failure):
                raise found.error
            raise Failure(
                Kind.REFUSED,
                f"The {self.backend} fails: {found.name}: {found.text}",
                summary=f"fails: {found.name}",
                hint="Try it by hand: manage.py shell, then caches['...'].set('a', 1). Is createcachetable done?",
            ) from found.error
        values: dict[str, float] = dict(found)
        missing = dict.fromkeys(("entries", "size"), "this backend does not tell")
        if self.backend == "FileBasedCache":
            values |= count_files(Path(self.folder))
        return Measurement(values=values, missing=missing, facts={"backend": self.backend})

    def judge(self, measurement: Measurement) -> Result:
        """Judge the round trip."""
        trip = humanize(measurement.values["roundtrip_time"], "s")
        return self.result(measurement, summary=f"{self.backend}, write and read {trip}")


def count_files(folder: Path) -> dict[str, float]:
    """Count a file cache's files and their bytes, up to MAX_FILES; one that goes away meanwhile is passed over."""
    files = [entry for entry in os.scandir(folder) if entry.name.endswith(".djcache")][:MAX_FILES]
    sizes = [size for entry in files if (size := attempt(lambda e=entry: e.stat().st_size)) is not None]  # type: ignore[misc]
    known = [size for size in sizes if isinstance(size, int)]
    return {"entries": len(known), "size": sum(known)}
