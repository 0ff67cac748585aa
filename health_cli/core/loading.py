"""Loading: imports modules of ours in the threads of the checks, one after the other.

Two threads that import modules which import each other, as Django's do, may run into a deadlock that Python finds and
ends by an error (_DeadlockError of importlib).
"""

import os
import sys
import threading
from importlib import import_module
from types import ModuleType

PATIENCE = 2.0  # seconds to wait for another import: one that hangs must not hold up the other checks
_LOCK = threading.RLock()


def _new_lock() -> None:
    """Begin anew in a process that was forked while another thread held the lock."""
    global _LOCK  # noqa: PLW0603  # there is one for the process
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def load(path: str) -> ModuleType:
    """Import a module and return it; raises what it raises."""
    known = sys.modules.get(path)
    if known is not None and not getattr(known.__spec__, "_initializing", False):
        return known
    lock = _LOCK
    ours = lock.acquire(timeout=PATIENCE)
    try:
        return import_module(path)
    finally:
        if ours:
            lock.release()
