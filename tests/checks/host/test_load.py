"""host.load: the 15-minute load against the host's CPUs."""

import os

import pytest

from health_cli.checks.host.load import Load, measure
from health_cli.core.status import Status
from health_cli.testing import run_check


@pytest.mark.parametrize(
    ("load15", "cpus", "status"),
    [
        (0.0, 1, Status.HEALTHY),
        (2.0, 1, Status.HEALTHY),
        (2.01, 1, Status.WARNING),
        (5.0, 1, Status.WARNING),
        (5.01, 1, Status.CRITICAL),
        (5.01, 4, Status.HEALTHY),
        (128.0, 64, Status.HEALTHY),
        (129.0, 64, Status.WARNING),
        (321.0, 64, Status.CRITICAL),
    ],
)
def test_the_fifteen_minute_load_is_judged_per_cpu(load15: float, cpus: int, status: Status) -> None:
    assert Load().judge(measure((0.0, 0.0, load15), cpus)).status is status


def test_a_short_peak_is_no_fault() -> None:
    result = Load().judge(measure((90.0, 40.0, 1.5), 1))
    assert result.status is Status.HEALTHY
    assert result.summary == "90.00 40.00 1.50 on 1 CPUs"


def test_the_message_has_value_and_threshold() -> None:
    result = Load().judge(measure((1.0, 2.0, 6.0), 2))
    assert result.message == "load15_per_cpu is 3 (warning above 2)"
    assert result.hint


def test_the_real_host_agrees_with_the_kernel() -> None:
    result = run_check(Load())
    values = {metric.name: metric.value for metric in result.metrics}
    assert result.data["cpus"] == os.cpu_count()
    assert values["load15"] is not None
    assert abs(values["load15"] - os.getloadavg()[2]) < 1
    assert values["load15_per_cpu"] == pytest.approx(values["load15"] / (os.cpu_count() or 1), abs=0.001)
