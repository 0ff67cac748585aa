"""host.disk: df's arithmetic, thresholds that fit the size, fstab; and real mounts filled to the brim."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health_cli.checks.host.disk import METRICS, Disk, disk, expected_writable, measure
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.testing import run_check
from tests.conftest import Run, health

BLOCK = 4096
MIB, GIB, TB = 1 << 20, 1 << 30, 10**12


def stat(
    total: int, available: int, *, reserved: int = 0, files: int = 1000, files_left: int = 900, flag: int = 0
) -> os.statvfs_result:
    """Return what the kernel would say of a file system of so many bytes."""
    blocks, left, kept = total // BLOCK, available // BLOCK, reserved // BLOCK
    return os.statvfs_result((BLOCK, BLOCK, blocks, left + kept, left, files, files_left, files_left, flag, 255, 1))


def judged(told: os.statvfs_result, *, fstab_writable: bool = False, check: Disk | None = None) -> Result:
    return (check or disk("/")).judge(measure(told, fstab_writable))


def values(result: Result) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in result.metrics}


def thresholds(result: Result, name: str) -> tuple[str, str]:
    metric = next(m for m in result.metrics if m.name == name)
    return str(metric.warning or ""), str(metric.critical or "")


def with_threshold(name: str, **pair: str) -> Disk:
    """Return the check with thresholds as a user sets them."""
    given_by_user = {which: Threshold.parse(text, "B" if name == "available" else "%") for which, text in pair.items()}
    metrics = tuple(replace(m, **given_by_user) if m.name == name else m for m in METRICS)
    return Disk(metrics=metrics)


def test_reserved_blocks_are_neither_used_nor_available() -> None:
    """The figures of a real ext4 whose reserve is larger than what is left."""
    result = judged(stat(270_553_174_016, 85_027_766_272, reserved=161_608_880_128))
    found = values(result)
    assert (found["total"], found["available"], found["reserved"]) == (270_553_174_016, 85_027_766_272, 161_608_880_128)
    used = 270_553_174_016 - 85_027_766_272 - 161_608_880_128
    assert found["used_percent"] == pytest.approx(100 * used / (used + 85_027_766_272), abs=1e-4)


def test_the_real_root_agrees_with_df() -> None:
    done = subprocess.run(
        ["df", "-P", "-B1", "/"],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    _, total, used, available, percent = done.stdout.splitlines()[1].split()[:5]
    found = values(run_check(Disk()))
    assert found["total"] == int(total)
    assert found["available"] == pytest.approx(int(available), abs=GIB)
    assert found["used_percent"] == pytest.approx(100 * int(used) / (int(used) + int(available)), abs=1)
    assert found["used_percent"] == pytest.approx(int(percent.rstrip("%")), abs=1.5), "df rounds up"


@pytest.mark.parametrize(
    ("total", "available", "status"),
    [
        (4 * TB, 400 * GIB, Status.HEALTHY),
        (4 * TB, 51 * GIB, Status.HEALTHY),
        (4 * TB, 49 * GIB, Status.WARNING),
        (4 * TB, 21 * GIB, Status.WARNING),
        (4 * TB, 19 * GIB, Status.CRITICAL),
        (100 * GIB, 51 * GIB, Status.HEALTHY),
        (100 * GIB, 16 * GIB, Status.HEALTHY),
        (100 * GIB, 14 * GIB, Status.WARNING),
        (100 * GIB, 4 * GIB, Status.CRITICAL),
        (6 * GIB, 3 * GIB, Status.HEALTHY),
        (6 * GIB, 499 * MIB, Status.CRITICAL),
        (1 * GIB, 499 * MIB, Status.HEALTHY),
        (1 * GIB, 100 * MIB, Status.WARNING),
        (1 * GIB, 40 * MIB, Status.CRITICAL),
    ],
)
def test_the_defaults_fit_the_size(total: int, available: int, status: Status) -> None:
    assert judged(stat(total, available)).status is status


def test_500_mib_left_are_critical_only_where_there_could_be_more() -> None:
    assert thresholds(judged(stat(6 * GIB, 3 * GIB)), "available") == ("", str(500 * MIB) + ":")
    assert thresholds(judged(stat(5 * GIB, 3 * GIB)), "available") == ("", "")


def test_small_file_systems_keep_the_percentages() -> None:
    assert thresholds(judged(stat(100 * GIB, 50 * GIB)), "used_percent") == ("85", "95")
    assert thresholds(judged(stat(1 * GIB, GIB // 2)), "used_percent") == ("85", "95")


SIZES = st.integers(min_value=GIB, max_value=1 << 60)


@given(
    st.integers(min_value=50 * GIB + 3 * BLOCK, max_value=1 << 60),
    st.integers(min_value=0, max_value=1 << 50),
    st.integers(min_value=0, max_value=1 << 60),
)
def test_more_than_50_gib_left_never_alerts(available: int, reserved: int, used: int) -> None:
    assert judged(stat(available + reserved + used, available, reserved=reserved)).status is Status.HEALTHY


@given(SIZES)
def test_a_full_file_system_is_critical_whatever_its_size(total: int) -> None:
    assert judged(stat(total, 0)).status is Status.CRITICAL


@given(SIZES, st.integers(min_value=0, max_value=1 << 60))
def test_the_less_is_left_the_worse_it_is(total: int, available: int) -> None:
    available %= total + 1
    assert judged(stat(total, available // 2)).status >= judged(stat(total, available)).status


@pytest.mark.parametrize("pair", [{"warning": "80"}, {"critical": "90"}, {"warning": "50", "critical": "60"}])
def test_a_threshold_that_the_user_set_is_left_alone(pair: dict[str, str]) -> None:
    result = judged(stat(4 * TB, 400 * GIB), check=with_threshold("used_percent", **pair))
    assert thresholds(result, "used_percent") == (pair.get("warning", "85"), pair.get("critical", "95"))
    assert result.status > Status.HEALTHY


@pytest.mark.parametrize("pair", [{"warning": "85"}, {"critical": "95"}, {"warning": "85", "critical": "95"}])
def test_a_threshold_that_the_user_set_to_the_very_default_is_left_alone(pair: dict[str, str]) -> None:
    result = judged(stat(4 * TB, 400 * GIB), check=with_threshold("used_percent", **pair))
    which = 0 if "warning" in pair else 1
    assert thresholds(result, "used_percent")[which] == next(iter(pair.values()))


def test_the_users_threshold_for_available_counts_on_small_file_systems_too() -> None:
    result = judged(stat(1 * GIB, 400 * MIB), check=with_threshold("available", critical="500MiB:"))
    assert result.status is Status.CRITICAL


@pytest.mark.parametrize(
    ("left", "status"),
    [(500, Status.HEALTHY), (100, Status.HEALTHY), (99, Status.WARNING), (49, Status.CRITICAL), (0, Status.CRITICAL)],
)
def test_inodes_run_out(left: int, status: Status) -> None:
    result = judged(stat(100 * GIB, 60 * GIB, files=1000, files_left=left))
    assert result.status is status
    assert values(result)["inodes_used_percent"] == 100 - left / 10
    if status is not Status.HEALTHY:
        assert "find / -xdev" in result.hint
        assert "inodes_used_percent" in result.message


def test_a_file_system_without_inodes_is_null_with_the_reason() -> None:
    metric = next(m for m in judged(stat(GIB, GIB, files=0, files_left=0)).metrics if m.name == "inodes_used_percent")
    assert (metric.value, metric.reason) == (None, "this file system has no fixed number of inodes")


def test_a_file_system_without_a_size_is_null_and_divides_by_nothing() -> None:
    result = judged(stat(0, 0, files=0, files_left=0))
    assert values(result)["used_percent"] is None
    assert result.status is Status.HEALTHY


@pytest.mark.parametrize(
    ("flag", "fstab_writable", "status"),
    [
        (0, True, Status.HEALTHY),
        (0, False, Status.HEALTHY),
        (os.ST_RDONLY, False, Status.HEALTHY),
        (os.ST_RDONLY, True, Status.CRITICAL),
        (os.ST_RDONLY | os.ST_NOSUID, True, Status.CRITICAL),
    ],
)
def test_read_only_is_a_fault_where_fstab_mounts_it_for_writing(
    flag: int, fstab_writable: bool, status: Status
) -> None:
    result = judged(stat(GIB, GIB, flag=flag), fstab_writable=fstab_writable)
    assert result.status is status
    assert result.kind is (Kind.READ_ONLY if status is Status.CRITICAL else None)
    assert ("dmesg" in result.hint) is (status is Status.CRITICAL)


FSTAB = """# /etc/fstab
UUID=1234 /        ext4  errors=remount-ro 0 1
UUID=2345 /data    ext4  defaults,noatime  0 2
UUID=3456 /archive ext4  noauto,ro         0 2
  #/dev/sdz1 /old  ext4  defaults 0 0
/dev/sr0  /media   auto  user,romantic     0 0
tmpfs     /short
LABEL=x   /mnt/my\\040disk ext4 defaults 0 2
"""


@pytest.mark.parametrize(
    ("mount", "writable"),
    [
        ("/", True), ("/data", True), ("/archive", False), ("/old", False), ("/media", True), ("/short", False),
        ("/none", False), ("/mnt/my disk", True),
    ],
)  # fmt: skip
def test_what_fstab_says_of_writing(tmp_path: Path, mount: str, writable: bool) -> None:
    (tmp_path / "fstab").write_text(FSTAB)
    assert expected_writable(mount, str(tmp_path / "fstab")) is writable


def test_without_fstab_nothing_is_expected(tmp_path: Path) -> None:
    assert expected_writable("/", str(tmp_path / "none")) is False


def test_a_mount_that_is_not_there_is_missing(tmp_path: Path) -> None:
    result = run_check(disk(str(tmp_path / "gone")))
    assert (result.status, result.kind, result.summary) == (Status.CRITICAL, Kind.MISSING, "not there")
    assert "MOUNTS" in result.hint
    assert all(metric.value is None and metric.reason for metric in result.metrics)


def test_a_mount_below_a_file_is_missing_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run_check(disk(str(tmp_path / "file/gone")))
    assert result.kind is Kind.MISSING


def test_the_hint_names_the_mount() -> None:
    assert "du -xh --max-depth=2 /var/{x}" in judged(stat(GIB, 0), check=disk("/var/{x}")).hint


def test_a_hint_of_the_users_own_may_have_braces() -> None:
    check = Disk(metrics=(Metric(name="available", unit="B", critical=Threshold(1), hint="awk '{print $1}'"),))
    assert judged(stat(GIB, 0), check=check).hint == "awk '{print $1}'"


# Real mounts


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"This test mounts a small file system, which needs root and CAP_SYS_ADMIN "
        f"(docker run --cap-add SYS_ADMIN, or sudo): {done.stderr.strip()}"
    )


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount file systems below the test's folder, and unmount them when it ends."""
    points: list[Path] = []

    def make(*words: str, name: str = "mount") -> Path:
        point = tmp_path / name
        point.mkdir()
        mount(*words, str(point))
        points.append(point)
        return point

    yield make
    for point in reversed(points):
        subprocess.run(["umount", str(point)], check=True, capture_output=True)


def run_disk(point: Path, project: Path, *options: str) -> Run:
    """Run `health` for a project whose settings name this mount point."""
    module = f"SECRET_KEY = 'x' * 50\nHEALTH_CLI = {{'MOUNTS': [{str(point)!r}]}}\n"
    (project / "disk_settings.py").write_text(module)
    where = ("--settings", "disk_settings", "--pythonpath", str(project))
    return health("run", f"host.disk:{point}", "-f", "json", *where, *options)


@pytest.mark.parametrize(
    ("fill", "code", "status"), [(0, 0, "healthy"), (29, 1, "warning"), (31, 2, "critical"), (40, 2, "critical")]
)
def test_a_real_tmpfs_fills_up(tmp_path: Path, mounted: Callable[..., Path], fill: int, code: int, status: str) -> None:
    point = mounted("-t", "tmpfs", "-o", "size=32m", "tmpfs")
    with (point / "fill").open("wb") as file:
        try:
            for _ in range(fill):
                file.write(b"x" * MIB)
                file.flush()
        except OSError as error:
            assert fill > 32, error
    run = run_disk(point, tmp_path)
    assert run.code == code, run.err
    check = run.checks[f"host.disk:{point}"]
    found = run.metrics(f"host.disk:{point}")
    assert check["status"] == status
    assert found["total"] == 32 * MIB
    assert found["available"] == max(0, 32 - fill) * MIB
    assert found["used_percent"] == pytest.approx(100 * min(fill, 32) / 32, abs=0.01)
    if code:
        assert check["kind"] == "threshold"
        assert f"du -xh --max-depth=2 {point}" in check["hint"]
        assert check["message"].startswith("used_percent is ")


def test_a_real_file_system_runs_out_of_inodes(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    point = mounted("-t", "tmpfs", "-o", "size=32m,nr_inodes=50", "tmpfs")
    for number in range(48):
        (point / str(number)).touch()
    run = run_disk(point, tmp_path)
    check = run.checks[f"host.disk:{point}"]
    assert (run.code, check["status"]) == (2, "critical")
    assert check["message"].startswith("inodes_used_percent is 98 %")


def test_the_users_threshold_wins_on_a_real_mount(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    point = mounted("-t", "tmpfs", "-o", "size=32m", "tmpfs")
    (point / "fill").write_bytes(b"x" * 16 * MIB)
    assert run_disk(point, tmp_path).code == 0
    assert run_disk(point, tmp_path, "-w", f"host.disk:{point}/used_percent=40").code == 1
    both = ("-w", f"host.disk:{point}/used_percent=30", "-c", f"host.disk:{point}/used_percent=40")
    assert run_disk(point, tmp_path, *both).code == 2
    assert run_disk(point, tmp_path, "-c", f"host.disk:{point}/available=20MiB:").code == 2


def test_a_real_loop_mount_shows_its_reserved_blocks(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    subprocess.run(
        ["mkfs.ext4", "-q", "-m", "10", str(image)], check=True, capture_output=True,
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )  # fmt: skip
    point = mounted("-o", "loop", str(image))
    run = run_disk(point, tmp_path)
    found = run.metrics(f"host.disk:{point}")
    assert run.code == 0, run.err
    assert 6 * MIB < found["reserved"] < 9 * MIB, "a tenth, and what ext4 keeps for itself"
    assert found["available"] < found["total"] - found["reserved"]


def test_a_mount_that_is_gone_is_critical_alone(tmp_path: Path) -> None:
    run = run_disk(tmp_path / "gone", tmp_path)
    assert run.code == 2
    assert run.checks[f"host.disk:{tmp_path}/gone"]["kind"] == "missing"
