"""host.cpu: percentages of the time between two readings, and a real sample while something is busy."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from health_cli.checks.host.cgroup import CpuLimit
from health_cli.checks.host.cpu import Cpu, measure, measure_quota, spare
from health_cli.core.metric import metric
from health_cli.core.status import Status
from health_cli.testing import run_check
from tests.conftest import health

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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"user": 3, "idle": 1}, True), ({"user": 9, "idle": 1}, False), ({"user": 2, "iowait": 1}, True), ({}, False)],
    ids=["some", "little", "waiting for a disk", "no time passed"],
)
def test_idle_time_that_was_left(changes: dict[str, float], expected: bool) -> None:
    assert spare(FIRST, later(**changes)) is expected


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


@pytest.fixture
def all_busy() -> Iterator[None]:
    """Keep every CPU busy, and more, until the test ends."""
    crowd = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in crowd:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("all_busy")
def test_our_own_work_does_not_make_a_busy_host_look_idle() -> None:
    time.sleep(0.3)
    values = [health("run", "host.cpu", "-f", "json").metrics("host.cpu")["used_percent"] for _ in range(3)]
    assert max(values) > 85


@pytest.mark.usefixtures("busy")
def test_a_real_sample_is_never_zero_while_a_process_is_busy() -> None:
    for _ in range(5):
        result = run_check(Cpu())
        used = result.metrics[0].value
        assert result.status is Status.HEALTHY
        assert used is not None
        assert 0 < used <= 100
        assert 0.1 <= result.duration < 2
