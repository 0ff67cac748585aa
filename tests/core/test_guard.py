"""Whatever foreign code raises comes back as a value; Ctrl-C and cancellation pass through."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from health_cli.core.guard import MAX_TRACE, Crash, attempt


class MuteError(Exception):
    """An error that can't even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("mute")


def fail(error: BaseException) -> Callable[[], Any]:
    """A call that raises this."""

    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize("value", [None, 0, "text", ValueError("a value, not raised")], ids=repr)
def test_a_value_is_handed_back(value: object) -> None:
    assert attempt(lambda: value) is value


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (ValueError("odd"), "ValueError", "odd"),
        (KeyError("key"), "KeyError", "'key'"),
        (Exception(), "Exception", ""),
        (SystemExit(0), "SystemExit", "0"),
        (MemoryError(), "MemoryError", ""),
        (RecursionError("deep"), "RecursionError", "deep"),
        (StopIteration(), "StopIteration", ""),
        (ExceptionGroup("two", [ValueError(), TypeError()]), "ExceptionGroup", "two (2 sub-exceptions)"),
        (MuteError(), "MuteError", "(no text: its str() raised RuntimeError)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_crash_is_a_value(error: BaseException, name: str, text: str) -> None:
    crash = attempt(fail(error))
    assert isinstance(crash, Crash)
    assert (crash.error, crash.name, crash.text) == (error, name, text)


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_these_pass_through(error: type[BaseException]) -> None:
    with pytest.raises(error):
        attempt(fail(error()))


def test_a_crash_knows_its_place_and_its_trace() -> None:
    crash = attempt(fail(ValueError("odd")))
    assert isinstance(crash, Crash)
    assert crash.place.startswith(f"call, {__file__}:")
    assert crash.trace.endswith("ValueError: odd")
    assert "raise error" in crash.trace


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert Crash(ValueError("odd")).place == "an unknown place"
    assert Crash(ValueError("odd")).trace == "ValueError: odd"


def test_of_a_long_trace_the_end_is_kept() -> None:
    # Every frame differs, since equal ones are folded into one line.
    code = "\n".join(f"def f{n}(): f{n + 1}()" for n in range(500)) + "\ndef f500(): raise ValueError('deepest')"
    names: dict[str, Any] = {}
    exec(code, names)
    crash = attempt(names["f0"])
    assert isinstance(crash, Crash)
    assert len(crash.trace) <= MAX_TRACE + 100
    assert "in f500" in crash.trace
    assert "in f0\n" not in crash.trace
