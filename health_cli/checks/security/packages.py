"""security.packages: whether installed packages have known vulnerabilities, by pip-audit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status

SHOWN = 3  # packages in a sentence
UPGRADE = "Upgrade what is named: pip install --upgrade NAME. What does not concern you goes into 'ignore', by its id."

METRICS = (
    metric(
        "vulnerabilities", warning="0", hint=UPGRADE,
        help="Known vulnerabilities of the installed packages. Each is one too many, as pip-audit's exit code has it.",
    ),
    metric("audited", help="Packages that the database of vulnerabilities knows."),
    metric(
        "not_audited",
        help="Packages that it does not know, such as your own: nobody can tell whether these are vulnerable.",
    ),
    metric("age", "s", help="Seconds since it was asked: an answer counts for `fresh` seconds."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Packages(Remembering):
    """Known vulnerabilities of the Python packages that are installed beside health-cli, found by pip-audit.

    pip-audit is looked for in the same environment, then on the PATH: `pip install pip-audit`. Without it the check is
    skipped. It asks the database of PyPI, or the one that `service` names (`pypi`, `osv`, `esms`) at `url` (of OSV
    alone), over the network; where that does not answer, or knows none of the packages, the check is unknown.

    An answer is kept, and counts as long as the same packages are installed, for a day (`fresh`, in seconds). To ask
    may take a minute, longer than a run: `health run security --timeout 120` once a day, from cron, keeps it for all
    others, where `"ALSO": ["security"]` has it in every run. `ignore` lists ids to leave out, as `PYSEC-2026-1`. On
    request.
    """

    name: str = "security.packages"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    timeout: float = 100.0
    service: str = "pypi"
    url: str = ""
    ignore: tuple[str, ...] = ()
    fresh: float = 86_400.0
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Take the answer that is kept, or ask."""
        client = load("health_cli.checks.security.packages_client")
        audit = client.audit(self.memory, self.service, self.url, self.fresh, self.timeout)
        found = [row for row in audit.vulnerable if not set(row["ids"]) & set(self.ignore)]
        values: dict[str, float] = {
            "vulnerabilities": len(found), "audited": audit.audited, "not_audited": len(audit.unknown),
            "age": round(audit.age, 3),
        }  # fmt: skip
        facts = {"vulnerable": found, "unknown_packages": audit.unknown, "service": self.service}
        facts["ignored"] = len(audit.vulnerable) - len(found)
        return Measurement(values=values, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Name the packages, and what they are fixed in."""
        count = measurement.values["audited"]
        summary = f"no known vulnerability in {count:.0f} package{'' if count == 1 else 's'}"
        if measurement.facts["ignored"]:
            summary += f", but for {measurement.facts['ignored']} ignored"
        return self.result(measurement, summary=summary, findings=list(_findings(measurement.facts["vulnerable"])))


def _findings(rows: list[Mapping[str, Any]]) -> Iterator[Finding]:
    if not rows:
        return
    names = list(dict.fromkeys(f"{row['name']} {row['version']}" for row in rows))
    told = [f"{row['name']} {row['version']} ({row['ids'][0]}, {_fixed(row)})" for row in rows[:SHOWN]]
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    yield Finding(
        status=Status.WARNING, kind=Kind.THRESHOLD,
        summary=f"{len(rows)} known in {len(names)} package{'' if len(names) == 1 else 's'}",
        message=f"There are known vulnerabilities: {', '.join(told)}{more}", hint=UPGRADE,
    )  # fmt: skip


def _fixed(row: Mapping[str, Any]) -> str:
    return f"fixed in {', '.join(row['fixed'])}" if row["fixed"] else "not fixed yet"
