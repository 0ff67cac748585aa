"""Loading: imports modules in the threads of the checks one after the other.

Two threads that import modules which import each other, as Django's do, get halves of them (ImportError: "partially
initialized module"), or a deadlock that Python finds and ends by an error. So whoever makes something of the project's,
which imports its class, does that alone, too.
"""

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 3.0  # seconds to wait for others: one that hangs must not hold up the other checks
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
    return alone(lambda: import_module(path))


def alone(call: Callable[[], T]) -> T:
    """Call what imports modules while no other thread does; return what it gives, raise what it raises."""
    lock = _LOCK
    ours = lock.acquire(timeout=PATIENCE)
    try:
        return call()
    finally:
        if ours:
            lock.release()
