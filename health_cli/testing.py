"""Fakes for the tests of a project's own checks: run one without a stack, and make reports to look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from health_cli.core.assembly import Stamp
from health_cli.core.check import Check, declared
from health_cli.core.errors import HealthError
from health_cli.core.metric import Metric
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.runner import execute
from health_cli.core.status import Status


def find(name: str) -> Check:
    """Return the declared check of this name; LookupError names those there are.

    Import the module that declares it first, as Django does in a run.
    """
    for check in declared:
        if check.name == name:
            return check
    names = ", ".join(check.name for check in declared) or "none"
    raise LookupError(f"no check is declared as '{name}' (declared: {names})")


def run_check(check: Check | str) -> Result:
    """Run one check, given itself or its name, in this thread, as a run would; it never raises."""
    return execute(find(check) if isinstance(check, str) else check)


@dataclass(frozen=True, kw_only=True)
class FakeCheck(Check):
    """A check with a canned outcome: `measurement` goes to judge, `error` is raised by gather."""

    name: str = "fake.check"
    measurement: Any = None
    error: HealthError | None = None
    status: Status = Status.HEALTHY

    def gather(self) -> Any:
        """Return or raise what was given."""
        if self.error is not None:
            raise self.error
        return self.measurement

    def judge(self, measurement: Any) -> Result:
        """Judge a Measurement by the metrics' thresholds; without one, give the status that was set."""
        if measurement is not None:
            return super().judge(measurement)  # type: ignore[no-any-return]  # Any by its contract
        return fake_result(self.name, self.status)


def fake_result(
    name: str = "fake.check", status: Status = Status.HEALTHY, metrics: Sequence[Metric] = (), **fields: Any
) -> Result:
    """Return a result with a plausible text for its status."""
    texts: dict[str, Any] = {"summary": status.word, "message": f"{name} is {status.word}"}
    if status > Status.HEALTHY:
        texts["hint"] = "This is a fake."
    return Result(name=name, status=status, metrics=tuple(metrics), **{**texts, **fields})


@dataclass
class FakeRun:
    """Collects fake results and makes a report of them, as a run would."""

    results: list[Result] = field(default_factory=list)

    def add(self, name: str, status: Status = Status.HEALTHY, **fields: Any) -> "FakeRun":
        """Add a result and return the run, so that calls can be chained."""
        self.results.append(fake_result(name, status, **fields))
        return self

    def report(self) -> Report:
        """Return the report of all results so far."""
        return Stamp("test").finish(self.results)
