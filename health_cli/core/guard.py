"""Guard: calls code that is not ours, and hands back whatever it raised as a value.

The only broad `except` of the project: checks, settings modules and plugins all run through it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, TypeVar

from health_cli.core.excerpt import MAX_RAW, cut, last_lines

T = TypeVar("T")
MAX_TRACE = 16 * 1024  # characters; the end of a traceback is what helps


class Crash(NamedTuple):
    """What a call raised."""

    error: BaseException

    @property
    def name(self) -> str:
        """The class of the exception."""
        return type(self.error).__name__

    @property
    def text(self) -> str:
        """The text of the exception, even of one whose `str()` raises."""
        text = attempt(lambda: str(self.error))
        return f"(no text: its str() raised {text.name})" if isinstance(text, Crash) else text

    @property
    def place(self) -> str:
        """Function, file and line where it was raised."""
        trace = self.error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        code = trace.tb_frame.f_code if trace else None
        return f"{code.co_name}, {code.co_filename}:{trace.tb_lineno}" if code and trace else "an unknown place"

    @property
    def trace(self) -> str:
        """The traceback, as `-vv` shows it."""
        frames = "".join(import_module("traceback").format_tb(self.error.__traceback__))
        return f"{last_lines(frames, MAX_TRACE)}{self.name}: {cut(self.text, MAX_RAW)}"


def attempt(call: Callable[[], T]) -> T | Crash:
    """Call, and return the value or the crash.

    SystemExit is caught too, since a check has no say in when the program ends. KeyboardInterrupt and
    cancellation pass through.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:
        return Crash(error)
