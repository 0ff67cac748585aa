"""celery.failures: how many tasks failed lately, from whoever kept it."""

from dataclasses import dataclass, field

from health_cli.checks.celery.base import CELERY, CeleryCheck
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result, fill
from health_cli.core.status import Status
from health_cli.core.units import humanize

LEAST = 20  # finished tasks below which a percentage says nothing

METRICS = (
    metric("failed", help="Tasks that ended in FAILURE within the window."),
    metric("finished", help="Tasks that ended at all, in SUCCESS, FAILURE or REVOKED."),
    metric(
        "failed_percent", "%", warning="5", critical="20",
        hint="See failed_exceptions or failed_tasks in its data (-f json), and the workers' logs.",
        help=f"Of those finished; null below {LEAST} of them. 5 % is the alert of celery-exporter's mixin.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Failures(CeleryCheck):
    """Failed tasks of the last `window` seconds, as far as anything kept them; `source` in the data says what.

    With django-celery-results they are counted in its table (a SELECT on it), else in a Redis result backend,
    by the keys that Celery keeps for each task (`+scan +getrange +pttl ~celery-task-meta-*`). There it
    looks at no more than `budget` seconds' worth of keys; with more of them the percentage is that of a
    sample, and says so. The age of a key is its expiry's age, so with result_expires off nothing can be told.

    Neither sees tasks with ignore_result, nor results that were forgotten or have expired. Where nothing
    keeps results, the check is skipped and says why.
    """

    name: str = "celery.failures"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    needs: tuple[str, ...] = ("celery.results",)
    window: float = 3600.0
    budget: float = 0.5

    def gather(self) -> Measurement:
        """Count in the first source there is."""
        app = self.project.app
        client = load_client("health_cli.checks.celery.failures_client", CELERY)
        measurement: Measurement = client.gather(app, window=self.window, budget=self.budget, limit=self.timeout)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say how many, and from where."""
        facts = measurement.facts
        if not facts["source"]:
            summary = "results can't be read" if facts.get("unreadable") else "nothing keeps results"
            return Result(
                name=self.name, status=Status.SKIPPED, summary=summary, message=measurement.missing["failed"],
                metrics=fill(self.metrics, measurement),
            )  # fmt: skip
        part = " of a sample" if facts.get("sampled") else ""
        counts = f"{facts['failed_seen']} of {facts['finished_seen']} tasks{part} failed"
        return self.result(measurement, summary=f"{counts} in {humanize(self.window, 's')} ({facts['source']})")
