"""Tasks that tests can tell a worker to do; the shop itself has no use for them."""

import time

from celery import shared_task


@shared_task(name="tests.nap")
def nap(seconds: float) -> float:
    """Keep the worker busy."""
    time.sleep(seconds)
    return seconds


@shared_task(name="tests.fail")
def fail(text: str) -> None:
    """Fail, with a reason."""
    raise RuntimeError(text)


@shared_task(name="tests.add")
def add(x: float, y: float) -> float:
    """Give a result."""
    return x + y
