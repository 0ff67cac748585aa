"""The processes of a worker's pool, where they run on this host: a worker answers even when they do not."""

import socket
import time
from collections.abc import Sequence

from health_cli.checks.host.procfs import read
from health_cli.core.worker import children_of

_STATES = {"T": "stopped", "t": "stopped", "Z": "dead", "X": "dead"}
AGAIN = 0.5  # seconds until a second look at a pool that lacks processes: one that died is replaced within 0.2 s


def states_of(node: str, worker: int | None, processes: Sequence[int]) -> dict[str, str]:
    """Return the pids of a pool that are not well and stay so, each with `stopped` or `dead`; Linux only.

    Nothing is said of a worker of another host or container: its pids mean other processes here. It is ours
    when its name ends in this host's, and the process that has its pid is the parent of one of the pool's.
    """
    parents = {_state_and_parent(pid)[1] for pid in processes}
    if node.rpartition("@")[2] != socket.gethostname() or worker not in parents:
        return {}
    bad = _not_well(worker or 0, processes)
    if "dead" in bad.values():
        time.sleep(AGAIN)
        bad = _not_well(worker or 0, processes)
    return bad


def _not_well(worker: int, processes: Sequence[int]) -> dict[str, str]:
    """Return those of a pool that are not well now; the dead have been replaced where enough others live."""
    children = {pid: _STATES.get(_state_and_parent(pid)[0], "") for pid in children_of(worker)}
    living = sum(state != "dead" for state in children.values())
    bad = {pid: children[pid] for pid in processes if children.get(pid)}
    return {str(pid): state for pid, state in bad.items() if state != "dead" or living < len(processes)}


def _state_and_parent(pid: int) -> tuple[str, int]:
    """Return the state letter of a process and its parent's pid, from /proc/PID/stat (proc(5))."""
    text = read(f"/proc/{pid}/stat")
    if not text:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)
