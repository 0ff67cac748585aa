"""host.time: how far this host's clock is off that of somebody else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.errors import Failure, Skipped
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

PART = 0.8  # of the check's limit that all sources together may take

METRICS = (
    metric(
        "certain_offset", "s", warning="0.05", critical="16",
        hint="One of the two clocks is wrong: see 'timedatectl' or 'chronyc tracking' on both, and let NTP set them.",
        help="Seconds that the clocks differ for certain: the offset less its error, never below 0. The warning is "
        "node-mixin's NodeClockSkewDetected, the critical one what Celery's workers complain of (HEARTBEAT_DRIFT_MAX).",
    ),
    metric("offset", "s", help="Seconds that this host's clock is ahead of the other; negative where it is behind."),
    metric("error", "s", help="Seconds that the offset may be wrong by: half of the time the answer took, and more."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Time(Check):
    """The clock of this host against another, where tokens expire, tasks have an ETA, and rows are ordered by time.

    The first source that answers is taken, of those that there are: `ntp`, a server of NTP, as `ntp.example.org`;
    `http`, a URL whose answer has a Date, which has whole seconds alone; `database`, an alias of DATABASES. Where none
    is named, it is the first alias that is a server. A source that is named and fails, where another answers, is a
    warning; where none answers, the check is unknown.

    `"OPTIONS": {"host.time": {"ntp": "ntp.example.org"}}`

    On request, since it asks others. `"ALSO": ["host.time"]` has it in every run.
    """

    name: str = "host.time"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    ntp: str = ""
    http: str = ""
    database: str = ""
    servers: tuple[str, ...] = field(default=(), repr=False)
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Ask the sources in turn; Failure, the first one's, where none answers."""
        sources = list(self._sources())
        if not sources:
            raise Skipped(
                "There is no clock to compare with: name one, as 'ntp', 'http' or 'database' in its OPTIONS.",
                summary="no other clock is known",
            )
        failures: list[Failure] = []
        for what, where in sources:
            try:
                return self._asked(what, where, self.timeout * PART / len(sources), failures)
            except Failure as failure:
                failures.append(failure)
        first = failures[0]
        text = "; ".join(failure.message.rstrip(".") for failure in failures)
        raise Failure(first.kind, f"{text}.", summary=first.summary, hint=first.hint, status=Status.UNKNOWN)

    def _sources(self) -> Iterator[tuple[str, str]]:
        named = {"ntp": self.ntp, "http": self.http, "database": self.database}
        found = [(what, where) for what, where in named.items() if where]
        yield from found or [("database", alias) for alias in self.servers[:1]]

    def _asked(self, what: str, where: str, limit: float, failures: list[Failure]) -> Measurement:
        client = load(f"health_cli.checks.host.{what}_clock")
        offset, error = client.offset(where, limit)
        rows = [{"kind": f.kind.value, "summary": f.summary, "message": f.message, "hint": f.hint} for f in failures]
        facts = {"source": what, "asked": where, **({"failed": rows} if rows else {})}
        certain = max(0.0, abs(offset) - error)
        values = {"certain_offset": certain, "offset": offset, "error": error}
        return Measurement(values={name: round(value, 6) for name, value in values.items()}, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say which is ahead, and by how much."""
        values, facts = measurement.values, measurement.facts
        ahead = "ahead of" if values["offset"] >= 0 else "behind"
        seconds, error = (humanize(abs(values[name]), "s") for name in ("offset", "error"))
        summary = f"{seconds} {ahead} {facts['asked']} (± {error})"
        return self.result(measurement, summary=summary, findings=[_silent(row) for row in facts.get("failed", ())])


def _silent(row: Mapping[str, Any]) -> Finding:
    """Return the finding for a source that was named and fails, where another answers."""
    return Finding(
        status=Status.WARNING, kind=Kind(row["kind"]), summary=f"a source fails: {row['summary']}",
        message=f"{row['message'].rstrip('.')}; the next source was asked", hint=row["hint"],
    )  # fmt: skip
