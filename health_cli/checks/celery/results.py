"""celery.results: can results be stored and read back."""

from dataclasses import dataclass, field

from health_cli.checks.celery.base import CELERY, CeleryCheck
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.units import humanize

METRICS = (
    metric(
        "roundtrip_time", "s", warning="0.1", critical="1",
        hint="The result backend is slow: look at its own log, its memory and disk, and the network between.",
        help="Time to store a result of ours, read it back and delete it.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Results(CeleryCheck):
    """The result backend: without it tasks run, but their results are lost, and who waits for one hangs.

    On Redis a random key of ours is written, read back and deleted. Any other backend stores a result of
    a task that never was, through Celery's own backend, and forgets it. With `rpc://` results travel through
    the broker, which celery.broker looks at; with django-db they are in a database, and the table must be
    there.
    """

    name: str = "celery.results"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    needs: tuple[str, ...] = ()

    def gather(self) -> Measurement:
        """Take a result through the backend."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.results_client", CELERY)
        measurement: Measurement = client.gather(app, self.timeout)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say what it is."""
        summary = str(measurement.facts["backend"])
        if "roundtrip_time" in measurement.values:
            summary += f", round trip {humanize(measurement.values['roundtrip_time'], 's')}"
        return self.result(measurement, summary=summary)
