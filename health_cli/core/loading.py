"""Loading: imports modules of ours in the threads of the checks, one after the other.

Two threads that import modules which import each other, as Django's do, may run into a deadlock that Python finds and
ends by an error (_DeadlockError of importlib).
"""

import threading
from importlib import import_module
from types import ModuleType

PATIENCE = 2.0  # seconds to wait for another import: one that hangs must not hold up the other checks
_LOCK = threading.RLock()


def load(path: str) -> ModuleType:
    """Import a module and return it; raises what it raises."""
    ours = _LOCK.acquire(timeout=PATIENCE)
    try:
        return import_module(path)
    finally:
        if ours:
            _LOCK.release()
