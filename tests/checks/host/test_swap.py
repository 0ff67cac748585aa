"""host.swap: full swap is a fault only while it is read."""

from pathlib import Path

import pytest

from health_cli.checks.host.swap import Swap
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.testing import run_check

GIB = 1 << 30


def judged(used_percent: float, in_rate: float, swap: Swap | None = None) -> Result:
    used = int(2 * GIB * used_percent / 100)
    values = {"used_percent": used_percent, "used": used, "total": 2 * GIB, "in_rate": in_rate}
    return (swap or Swap()).judge(Measurement(values=values))


@pytest.mark.parametrize(
    ("used", "rate", "status"),
    [
        (0, 0, Status.HEALTHY),
        (100, 0, Status.HEALTHY),
        (80, 4096, Status.HEALTHY),
        (10, 1e9, Status.HEALTHY),
        (80.1, 4096, Status.WARNING),
        (100, 1e6, Status.WARNING),
    ],
)
def test_it_warns_when_swap_is_full_and_read_at_once(used: float, rate: float, status: Status) -> None:
    assert judged(used, rate).status is status


def test_a_warning_says_how_full_how_fast_and_what_to_do() -> None:
    result = judged(95.5, 2 * 1024 * 1024)
    assert result.message == "Swap is 95.5 % used (more than 80 %) and being read at 2 MiB a second"
    assert result.summary == "swapping, 96 % used"
    assert result.kind is Kind.FULL
    assert "host.memory" in result.hint


def test_the_percentage_is_an_option() -> None:
    assert judged(60, 4096, Swap(busy_percent=50)).status is Status.WARNING
    assert judged(60, 4096, Swap(busy_percent=70)).status is Status.HEALTHY


def test_no_swap_is_healthy_and_every_number_null_with_the_reason() -> None:
    result = Swap().judge(Measurement(missing={"used_percent": "this host has no swap space"}))
    assert (result.status, result.summary) == (Status.HEALTHY, "no swap space")
    assert [metric.value for metric in result.metrics] == [None] * 4
    assert result.metrics[0].reason == "this host has no swap space"


def test_the_real_host_agrees_with_the_kernel() -> None:
    result = run_check(Swap(sample=0.01))
    total = sum(int(line.split()[2]) * 1024 for line in Path("/proc/swaps").read_text().splitlines()[1:])
    values = {metric.name: metric.value for metric in result.metrics}
    assert values["total"] == (total or None)
    assert result.status in {Status.HEALTHY, Status.WARNING}
    if not total:
        assert {metric.reason for metric in result.metrics} == {"this host has no swap space"}
