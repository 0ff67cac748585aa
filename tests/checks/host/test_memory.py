"""host.memory: the pure measure, and the real thing against /proc/meminfo."""

from pathlib import Path

import pytest

from health_cli.checks.host.cgroup import MemoryLimit
from health_cli.checks.host.memory import Memory, measure, oom_kills
from health_cli.core.kind import Kind
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.testing import run_check

MIB, GIB = 1 << 20, 1 << 30


def judged(available: int, limit: MemoryLimit | None = None, kills: int | None = 0) -> Result:
    return Memory().judge(measure(64 * GIB, available, limit, kills))


def limited(limit: int, used: int) -> MemoryLimit:
    return MemoryLimit(limit=limit, used=used, path="/sys/fs/cgroup/shop")


def values(result: Result) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in result.metrics}


@pytest.mark.parametrize(
    ("left_percent", "status"),
    [(50, Status.HEALTHY), (10, Status.HEALTHY), (9.9, Status.WARNING), (5, Status.WARNING), (4.9, Status.CRITICAL)],
)
def test_the_host_is_judged_by_what_is_available(left_percent: float, status: Status) -> None:
    result = judged(int(64 * GIB * left_percent / 100) + 1)
    assert result.status is status
    assert (result.kind is Kind.THRESHOLD) is (status is not Status.HEALTHY)
    assert values(result)["cgroup_used_percent"] is None
    assert values(result)["total"] == 64 * GIB


def test_a_bad_result_says_value_threshold_and_what_to_do() -> None:
    result = judged(2 * GIB)
    assert result.message == "used_percent is 96.9 % (critical above 95 %)"
    assert result.summary == "used percent 96.9 %"
    assert "ps aux" in result.hint


@pytest.mark.parametrize(
    ("used", "status"),
    [
        (100, Status.HEALTHY),
        (435, Status.HEALTHY),
        (436, Status.WARNING),
        (486, Status.WARNING),
        (487, Status.CRITICAL),
    ],
)
def test_a_container_on_a_large_host_is_judged_by_its_own_limit(used: int, status: Status) -> None:
    result = judged(60 * GIB, limited(512 * MIB, used * MIB))
    assert result.status is status
    assert values(result)["total"] == 512 * MIB
    assert values(result)["available"] == (512 - used) * MIB
    assert values(result)["used_percent"] == 6.25, "the host's own"
    assert result.data["scope"] == "cgroup"
    assert (result.data["host_total"], result.data["host_available"]) == (64 * GIB, 60 * GIB)


def test_a_full_host_is_seen_from_a_container_with_room() -> None:
    result = judged(1 * GIB, limited(512 * MIB, 100 * MIB))
    assert result.status is Status.CRITICAL
    assert result.message.startswith("used_percent is 98.4 %")


def test_the_summary_says_that_it_is_the_limit_of_a_group() -> None:
    assert judged(60 * GIB, limited(512 * MIB, 100 * MIB)).summary == "412 MiB of 512 MiB available (cgroup limit)"
    assert judged(60 * GIB).summary == "60 GiB of 64 GiB available"


@pytest.mark.parametrize("limit", [64 * GIB, 65 * GIB, 1 << 60])
def test_a_limit_that_is_not_below_the_hosts_memory_does_not_bind(limit: int) -> None:
    result = judged(32 * GIB, limited(limit, 1 * GIB))
    assert result.data["scope"] == "host"
    assert values(result)["used_percent"] == 50


def test_a_host_that_is_full_is_seen_from_within_a_container_with_room() -> None:
    result = judged(1 * GIB // 2, limited(16 * GIB, 1 * GIB))
    assert values(result)["available"] == 1 * GIB // 2
    assert result.status is Status.CRITICAL, "the tighter of the two is judged, and that is the host"


def test_a_group_over_its_limit_has_nothing_left_rather_than_less() -> None:
    result = judged(60 * GIB, limited(512 * MIB, 600 * MIB))
    assert values(result)["available"] == 0
    assert result.status is Status.CRITICAL


def test_kills_that_are_not_counted_are_null_with_the_reason() -> None:
    metric = next(m for m in judged(32 * GIB, kills=None).metrics if m.name == "oom_kills")
    assert (metric.value, metric.reason) == (None, "this kernel does not count them")
    assert values(judged(32 * GIB, kills=3))["oom_kills"] == 3


def test_kills_are_read_from_their_own_line(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 123\noom_kill_other 9\noom_kill 4\npswpin 0\n")
    assert oom_kills(str(vmstat)) == 4
    vmstat.write_text("pgfault 123\n")
    assert oom_kills(str(vmstat)) is None
    assert oom_kills(str(tmp_path / "none")) is None


def test_the_real_host_agrees_with_the_kernel() -> None:
    result = run_check(Memory())
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total = int(meminfo["MemTotal"].split()[0]) * 1024
    assert result.data["host_total"] == total
    available = values(result)["available"]
    assert available is not None
    assert 0 < available <= total
    percents = [values(result)["used_percent"], values(result)["cgroup_used_percent"]]
    assert sum(percent is not None for percent in percents) >= 1
