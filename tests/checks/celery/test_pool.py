"""The processes of a pool, on real processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from health_cli.checks.celery.pool import states_of
from tests.servers import wait_until

HERE = f"w1@{socket.gethostname()}"
NOBODY = 2**22 + 1  # above the largest pid there can be


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three processes, the first of them well, the second stopped, the third a zombie."""
    found = [subprocess.Popen(["sleep", "60"]) for _ in range(3)]
    try:
        found[1].send_signal(signal.SIGSTOP)
        found[2].kill()
        for process, state in ((found[1], psutil.STATUS_STOPPED), (found[2], psutil.STATUS_ZOMBIE)):
            wait_until(lambda p=process, s=state: psutil.Process(p.pid).status() == s, state)  # type: ignore[misc]
        yield found
    finally:
        for process in found:
            process.kill()
            process.wait()


POOL = """
import signal, subprocess, time
pool = [subprocess.Popen(["sleep", "60"]) for _ in range(3)]
pool[1].send_signal(signal.SIGSTOP)
pool[2].kill()
print(*(process.pid for process in pool), flush=True)
time.sleep(60)
"""


def test_says_who_is_not_well() -> None:
    with subprocess.Popen([sys.executable, "-c", POOL], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        well, stopped, dead = map(int, worker.stdout.readline().split())
        try:
            wait_until(lambda: psutil.Process(dead).status() == psutil.STATUS_ZOMBIE, "its end")
            assert states_of(HERE, worker.pid, [well]) == {}
            found = states_of(HERE, worker.pid, [well, stopped, dead])
        finally:
            worker.kill()
            for pid in (well, stopped):
                os.kill(pid, signal.SIGKILL)
    assert found == {str(stopped): "stopped", str(dead): "dead"}


def test_a_process_that_is_no_child_of_the_worker_any_more_has_been_replaced(
    children: list[subprocess.Popen[bytes]],
) -> None:
    well = children[0].pid
    assert states_of(HERE, os.getpid(), [well, NOBODY]) == {}
    assert states_of(HERE, os.getpid(), [well, os.getpid()]) == {}


def test_a_child_that_is_dead_for_a_moment_is_being_replaced() -> None:
    child = subprocess.Popen(["true"])
    wait_until(lambda: Path(f"/proc/{child.pid}/stat").read_text().split()[2] == "Z", "its end")
    reaper = threading.Timer(0.1, child.wait)
    reaper.start()
    assert states_of(HERE, os.getpid(), [child.pid]) == {}
    reaper.join()


@pytest.mark.parametrize("node", ["w1@elsewhere", "w1", f"{HERE}.example"])
def test_nothing_is_said_of_another_host(children: list[subprocess.Popen[bytes]], node: str) -> None:
    assert states_of(node, os.getpid(), [children[1].pid]) == {}


def test_nothing_is_said_where_the_pids_mean_other_processes(children: list[subprocess.Popen[bytes]]) -> None:
    stopped = children[1].pid
    assert states_of(HERE, os.getppid(), [stopped]) == {}
    assert states_of(HERE, None, [stopped]) == {}
    assert states_of(HERE, os.getpid(), []) == {}
    assert states_of(HERE, os.getpid(), [NOBODY]) == {}
