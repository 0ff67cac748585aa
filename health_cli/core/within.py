"""Within: calls code that may hang, and waits no longer for it than a limit."""

import threading
from collections.abc import Callable
from typing import TypeVar

from health_cli.core.guard import Crash, attempt

T = TypeVar("T")


def within(limit: float, call: Callable[[], T], late: str) -> T | Crash:
    """Return what a call gives or raises within so many seconds, else a Crash of TimeoutError that says `late`.

    It goes on in its daemon thread then, which is left alone: Python has no way to end it.
    """
    done: list[T | Crash] = []
    thread = threading.Thread(target=lambda: done.append(attempt(call)), name="health-cli within", daemon=True)
    thread.start()
    thread.join(limit)
    return done[0] if done else Crash(TimeoutError(late))
