"""The processes of a worker's pool, where they run on this host: a worker answers even when they do not."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path

_STATES = {"T": "stopped", "t": "stopped", "Z": "dead", "X": "dead"}
# Seconds until a second look: a child that has done its share (max_tasks_per_child) is dead until it is replaced,
# which takes 0.2 s.
AGAIN = 0.5


def states_of(node: str, worker: int | None, processes: Sequence[int]) -> dict[str, str]:
    """Return the pids of a pool that are not well and stay so, each with `stopped` or `dead`; Linux only.

    Nothing is said of a worker of another host or container: its pids mean other processes here. It is ours
    when its name ends in this host's, and the process that has its pid is the parent of one of the pool's.
    """
    found = {pid: _state_and_parent(pid) for pid in processes}
    if node.rpartition("@")[2] != socket.gethostname() or worker not in {parent for _, parent in found.values()}:
        return {}
    bad = [pid for pid, (state, parent) in found.items() if parent == worker and state in _STATES]
    if bad:
        time.sleep(AGAIN)
    again = {pid: _state_and_parent(pid) for pid in bad}
    return {str(pid): _STATES[state] for pid, (state, parent) in again.items() if parent == worker and state in _STATES}


def _state_and_parent(pid: int) -> tuple[str, int]:
    """Return the state letter of a process and its parent's pid, from /proc/PID/stat (proc(5))."""
    try:
        text = Path("/proc", str(pid), "stat").read_text(errors="replace")
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)
