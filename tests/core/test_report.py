"""The verdict on a whole run, and the exit code that follows from it."""

import json
import signal
from typing import Any

import pytest

from health_cli.core.report import FailOn, Report, tally
from health_cli.core.result import Result
from health_cli.core.status import Status

H, W, U, C, S = Status.HEALTHY, Status.WARNING, Status.UNKNOWN, Status.CRITICAL, Status.SKIPPED


def report(*statuses: Status, **fields: Any) -> Report:
    """A report of results that have nothing but a name and a status."""
    checks = tuple(Result(name=f"shop.c{number}", status=status) for number, status in enumerate(statuses))
    base = {"run": "id", "host": "web1", "version": "1", "started_at": "2030-01-01T00:00:00.000Z", "duration": 1.0}
    return Report(**{**base, "checks": checks, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "on_warning", "on_critical"),
    [
        ([H], 0, 0),
        ([H, S], 0, 0),
        ([W], 1, 0),
        ([H, W], 1, 0),
        ([U], 3, 3),
        ([W, U], 3, 3),
        ([C], 2, 2),
        ([U, C], 2, 2),
        ([H, W, U, C, S], 2, 2),
        ([S], 3, 3),
        ([], 3, 3),
    ],
    ids=lambda value: "+".join(status.word for status in value) or "nothing" if isinstance(value, list) else str(value),
)
def test_the_exit_code(statuses: list[Status], on_warning: int, on_critical: int) -> None:
    assert report(*statuses).exit_code == on_warning, "warning is the default"
    assert report(*statuses, fail_on=FailOn.WARNING).exit_code == on_warning
    assert report(*statuses, fail_on=FailOn.CRITICAL).exit_code == on_critical
    assert report(*statuses, fail_on=FailOn.NEVER).exit_code == 0


@pytest.mark.parametrize("fail_on", FailOn, ids=str)
@pytest.mark.parametrize("status", Status, ids=lambda status: status.word)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 3), (signal.SIGHUP, 3)], ids=["INT", "TERM", "HUP"]
)
def test_an_interrupted_run_is_never_a_success(fail_on: FailOn, status: Status, number: int, code: int) -> None:
    assert report(status, fail_on=fail_on, interrupted=number).exit_code == code


@pytest.mark.parametrize(
    ("statuses", "status"), [([H, C, U], C), ([H, U, W], U), ([S, S], U), ([], U)], ids=["C", "U", "skipped", "nothing"]
)
def test_the_status_is_the_worst(statuses: list[Status], status: Status) -> None:
    assert report(*statuses).status is status


def test_counts_and_tally() -> None:
    counts = report(H, H, W, C, S).counts
    assert counts == {"healthy": 2, "warning": 1, "critical": 1, "unknown": 0, "skipped": 1}
    assert list(counts) == ["healthy", "warning", "critical", "unknown", "skipped"], "the order of the schema"
    assert tally(counts) == "1 critical, 1 warning, 2 healthy, 1 skipped"
    assert tally(report(U).counts) == "1 unknown"
    assert tally(report().counts) == "no checks"


def test_the_worst_come_first_and_equals_stay_in_order() -> None:
    names = [result.name for result in report(H, W, C, U, C, S).worst_first]
    assert names == ["shop.c2", "shop.c4", "shop.c3", "shop.c1", "shop.c0", "shop.c5"]


def test_json_is_the_schema() -> None:
    data = json.loads(json.dumps(report(H, C, duration=0.1234567891).to_json(), allow_nan=False))
    assert {
        "schema": "health-cli/1",
        "run": "id",
        "host": "web1",
        "version": "1",
        "started_at": "2030-01-01T00:00:00.000Z",
        "duration": 0.123457,
        "status": "critical",
        "exit_code": 2,
        "counts": {"healthy": 1, "warning": 0, "critical": 1, "unknown": 0, "skipped": 0},
    }.items() <= data.items()
    assert [check["name"] for check in data["checks"]] == ["shop.c0", "shop.c1"]
    assert (data["fail_on"], data["isolation"]) == ("warning", "process")
