"""What /proc says of this host is what psutil says of it."""

import os
import time
from pathlib import Path

import pytest

from health_cli.checks.host import elsewhere, linux

MIB = 1 << 20


def test_the_cpu_times_are_those_of_psutil() -> None:
    ours, theirs = linux.cpu_times(), elsewhere.cpu_times()
    assert list(ours) == list(theirs)
    assert ours == pytest.approx(theirs, abs=2)


def test_the_clock_of_a_process_is_its_own() -> None:
    assert linux.process_time(os.getpid()) == pytest.approx(time.process_time(), abs=0.5)
    assert linux.process_time(os.getppid()) == pytest.approx(elsewhere.process_time(os.getppid()), abs=0.5)
    with pytest.raises(OSError):
        linux.process_time(2**22 + 1)


def test_memory_and_swap_are_those_of_psutil() -> None:
    (total, available), theirs = linux.memory(), elsewhere.memory()
    assert total == theirs[0]
    assert available == pytest.approx(theirs[1], abs=512 * MIB)
    assert linux.swap() == pytest.approx(elsewhere.swap(), abs=512 * MIB)
    assert linux.swapped_in() == pytest.approx(elsewhere.swapped_in(), abs=512 * MIB)


def test_processes_are_those_of_psutil() -> None:
    assert linux.processes() == pytest.approx(elsewhere.processes(), abs=10)


@pytest.mark.parametrize(
    ("text", "available"),
    [
        ("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n", 400),
        ("MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 20 kB\nCached: 300 kB\n", 420),
        ("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 0 kB\nCached: 300 kB\n", 400),
        ("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 5000 kB\n", 100),
    ],
    ids=["as it says", "before Linux 3.14", "says none", "more than there is, as in LXC"],
)
def test_available_memory(tmp_path: Path, text: str, available: int) -> None:
    (tmp_path / "meminfo").write_text(text)
    assert linux.memory(str(tmp_path / "meminfo")) == (1000 << 10, available << 10)
