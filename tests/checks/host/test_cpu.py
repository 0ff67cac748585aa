"""host.cpu: percentages of the time between two readings, and a real sample while something is busy."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from health_cli.checks.host.cgroup import CpuLimit
from health_cli.checks.host.cpu import Cpu, measure, measure_quota
from health_cli.core.metric import metric
from health_cli.core.status import Status
from health_cli.testing import run_check

FIRST = {"user": 100.0, "nice": 0.0, "system": 50.0, "idle": 1000.0, "iowait": 10.0, "irq": 0.0, "softirq": 0.0,
         "steal": 1.0, "guest": 30.0, "guest_nice": 0.0}  # fmt: skip


def later(**changes: float) -> dict[str, float]:
    return {name: value + changes.get(name, 0) for name, value in FIRST.items()}


@pytest.mark.parametrize(
    ("changes", "used", "iowait", "steal"),
    [
        ({"user": 1}, 100, 0, 0),
        ({"idle": 1}, 0, 0, 0),
        ({"user": 1, "idle": 3}, 25, 0, 0),
        ({"iowait": 1, "idle": 3}, 0, 25, 0),
        ({"steal": 1, "idle": 3}, 25, 0, 25),
        ({"user": 1, "nice": 1, "system": 1, "irq": 0.5, "softirq": 0.5, "idle": 4}, 50, 0, 0),
        ({"user": 1, "guest": 1, "idle": 1}, 50, 0, 0),
        ({"user": 1, "iowait": -2, "idle": 1}, 50, 0, 0),
    ],
    ids=["all", "none", "quarter", "iowait", "steal", "every-kind", "guest-is-in-user", "iowait-goes-back"],
)
def test_time_between_the_readings(changes: dict[str, float], used: float, iowait: float, steal: float) -> None:
    values = measure(FIRST, later(**changes)).values
    assert (values["used_percent"], values["iowait_percent"], values["steal_percent"]) == (used, iowait, steal)


def test_no_time_between_the_readings_is_null_not_zero() -> None:
    result = Cpu().judge(measure(FIRST, FIRST))
    values = {item.name: (item.value, item.reason) for item in result.metrics}
    assert values["used_percent"] == (None, "no time passed in the sample")
    assert values["iowait_percent"][0] is None
    assert result.status is Status.HEALTHY


def test_a_system_without_iowait_and_steal_says_so() -> None:
    measurement = measure({"user": 1.0, "system": 1.0, "idle": 1.0}, {"user": 2.0, "system": 1.0, "idle": 2.0})
    assert measurement.values == {"used_percent": 50.0}
    assert set(measurement.missing) == {"iowait_percent", "steal_percent"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, {}),
        (CpuLimit(cpus=0.5, used=10.0), CpuLimit(cpus=0.5, used=10.5), {"cgroup_cpus": 0.5, "cgroup_used_percent": 50}),
        (CpuLimit(cpus=2.0, used=None), CpuLimit(cpus=2.0, used=None), {"cgroup_cpus": 2.0}),
        (None, CpuLimit(cpus=2.0, used=1.0), {"cgroup_cpus": 2.0}),
    ],
    ids=["no quota", "half of it", "no figures", "just set"],
)
def test_the_quota_is_what_the_use_is_a_part_of(
    before: CpuLimit | None, after: CpuLimit | None, expected: dict[str, float]
) -> None:
    values, missing = measure_quota(before, after, 2.0)
    assert values == expected
    assert set(values) | set(missing) == {"cgroup_cpus", "cgroup_used_percent"}


def test_a_threshold_that_the_user_sets_is_judged() -> None:
    strict = Cpu(metrics=(metric("used_percent", "%", warning="50", critical="90"),))
    assert strict.judge(measure(FIRST, later(user=3, idle=1))).status is Status.WARNING
    assert Cpu().judge(measure(FIRST, later(user=3, idle=1))).status is Status.HEALTHY


@pytest.fixture
def busy() -> Iterator[None]:
    """Keep one CPU busy until the test ends."""
    code = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


@pytest.mark.usefixtures("busy")
def test_a_real_sample_is_never_zero_while_a_process_is_busy() -> None:
    for _ in range(5):
        result = run_check(Cpu())
        used = result.metrics[0].value
        assert result.status is Status.HEALTHY
        assert used is not None
        assert 0 < used <= 100
        assert 0.1 <= result.duration < 2
