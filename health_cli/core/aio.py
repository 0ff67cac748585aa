"""Runs an async check to its end. Apart from the runner, so that asyncio (60 ms) is loaded only then."""

from collections.abc import Awaitable
from importlib import import_module
from typing import Any


def run(awaitable: Awaitable[Any]) -> Any:
    """Wait for an awaitable in an event loop of this thread's own and return its value.

    RuntimeError where it cancels itself: that would end the thread without a word.
    """

    asyncio = import_module("asyncio")

    async def wait() -> Any:
        return await awaitable

    try:
        return asyncio.run(wait())
    except asyncio.CancelledError:
        raise RuntimeError("it was cancelled") from None
