"""host.processes: counts, with a real zombie among them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from health_cli.checks.host.processes import Processes, measure, open_files
from health_cli.core.status import Status
from health_cli.testing import run_check


def counted(name: str) -> float:
    value = {metric.name: metric.value for metric in run_check(Processes()).metrics}[name]
    assert value is not None
    return value


@pytest.fixture
def zombie() -> Iterator[int]:
    """Make a child that has ended and that nobody has waited for."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "the child did not end"
        time.sleep(0.01)
    yield child.pid
    child.wait()


def zombies_of_the_kernel() -> int:
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found += path.read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:  # it ended while we looked
            continue
    return found


def test_a_real_zombie_is_counted(zombie: int) -> None:
    result = run_check(Processes())
    values = {metric.name: metric.value for metric in result.metrics}
    assert values["zombies"] is not None
    assert values["zombies"] >= 1
    assert abs(values["zombies"] - zombies_of_the_kernel()) <= 2, "another one may have come or gone"
    assert result.summary.startswith(f"{values['processes']} processes, {values['zombies']} zombie")
    os.waitpid(zombie, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(zombie, 0)


def test_processes_are_counted() -> None:
    listed = len([name for name in os.listdir("/proc") if name.isdigit()])
    assert abs(counted("processes") - listed) <= 10


@pytest.mark.parametrize(
    ("used", "status"),
    [(0, Status.HEALTHY), (70, Status.HEALTHY), (71, Status.WARNING), (90, Status.WARNING), (91, Status.CRITICAL)],
)
def test_open_files_are_judged_against_their_maximum(used: int, status: Status) -> None:
    result = Processes().judge(measure(10, 0, (used, 100)))
    assert result.status is status
    assert result.data == {"open_files_max": 100}


def test_zombies_alone_are_no_fault() -> None:
    assert Processes().judge(measure(100, 50, (1, 100))).status is Status.HEALTHY


def test_a_system_that_does_not_tell_gives_null_with_the_reason() -> None:
    result = Processes().judge(measure(10, 0, None))
    reasons = {metric.name: metric.reason for metric in result.metrics if metric.value is None}
    assert reasons == dict.fromkeys(["open_files", "open_files_percent"], "this system does not tell")
    assert result.status is Status.HEALTHY


def test_the_kernels_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file-nr"
    path.write_text("4321\t0\t9223372036854775807\n")
    assert open_files(str(path)) == (4321, 9223372036854775807)
    assert open_files(str(tmp_path / "none")) is None


def test_files_that_are_held_open_are_counted(tmp_path: Path) -> None:
    before = counted("open_files")
    held = [(tmp_path / str(number)).open("w") for number in range(600)]
    try:
        assert counted("open_files") >= before + 300, "the kernel counts in batches, other processes come and go"
    finally:
        for file in held:
            file.close()
