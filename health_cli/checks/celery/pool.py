"""The processes of a worker's pool, where they run on this host: a worker answers even when they do not."""

import socket
from collections.abc import Sequence
from pathlib import Path

_STATES = {"T": "stopped", "t": "stopped", "Z": "dead", "X": "dead"}
GONE = "gone"


def states_of(node: str, worker: int | None, processes: Sequence[int]) -> dict[str, str]:
    """Return the pids of a pool that are not well, each with `stopped`, `dead` or `gone`; Linux only.

    Nothing is said of a worker of another host or container: its pids mean other processes here. It is ours
    when its name ends in this host's, and the process that has its pid is the parent of one of the pool's.
    """
    found = {pid: _state_and_parent(pid) for pid in processes}
    if node.rpartition("@")[2] != socket.gethostname() or worker not in {parent for _, parent in found.values()}:
        return {}
    states = {str(pid): _STATES.get(state, "") if parent == worker else GONE for pid, (state, parent) in found.items()}
    return {pid: state for pid, state in states.items() if state}


def _state_and_parent(pid: int) -> tuple[str, int]:
    """Return the state letter of a process and its parent's pid, from /proc/PID/stat (proc(5))."""
    try:
        text = Path("/proc", str(pid), "stat").read_text(errors="replace")
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)
