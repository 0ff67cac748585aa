"""Plan: what a run is going to do, as the configuration and the command line together want it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from health_cli.core.check import Check
from health_cli.core.report import FailOn
from health_cli.core.result import Result
from health_cli.core.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The checks to run, what is known before running, and the run's own settings.

    `needs` has the names each check waits for; `results` are verdicts reached while loading, such as
    a plugin that can't be imported; `secrets` are the values to keep out of every output; `timeout`
    is the run's deadline in seconds; `after_check` is called in the thread of each check when it is
    through, to close what belongs to that thread; `recording` is what the settings say about the record.
    """

    checks: Sequence[Check] = ()
    needs: Mapping[str, set[str]] = field(default_factory=dict)
    results: Sequence[Result] = ()
    secrets: frozenset[str] = frozenset()
    timeout: float = 10.0
    fail_on: FailOn = FailOn.WARNING
    after_check: Callable[[], object] = lambda: None
    recording: Mapping[str, Any] = field(default_factory=dict)


# Loads the plan; with False, without the checks of the project's own modules, for when these hang.
Loader = Callable[[bool], Plan]


class Planned(NamedTuple):
    """What a scheduler needs to know of a check, without the check itself."""

    name: str
    timeout: float
    needs: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """The row that goes up the pipe."""
        return {"name": self.name, "timeout": self.timeout, "needs": sorted(self.needs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Planned":
        """Read back what `to_json` wrote."""
        return cls(name=data["name"], timeout=data["timeout"], needs=frozenset(data["needs"]))


def planned(plan: Plan) -> list[Planned]:
    """Return a row for each check of the plan."""
    return [Planned(name=c.name, timeout=c.timeout, needs=frozenset(plan.needs.get(c.name, ()))) for c in plan.checks]


def sort_out(waiting: Sequence[Planned], statuses: Mapping[str, Status]) -> tuple[list[Planned], dict[str, str]]:
    """Say which waiting checks may start now, and which are blocked, each with the name that blocks it.

    `statuses` are the verdicts so far. A need that is critical, unknown or skipped blocks.
    """
    ready, blocked = [], {}
    for item in waiting:
        bad = [need for need in sorted(item.needs) if not _well(statuses.get(need))]
        known_bad = [need for need in bad if need in statuses]
        if known_bad:
            blocked[item.name] = known_bad[0]
        elif not bad:
            ready.append(item)
    return ready, blocked


def _well(status: Status | None) -> bool:
    return status in {Status.HEALTHY, Status.WARNING}
