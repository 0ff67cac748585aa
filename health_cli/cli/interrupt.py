"""Interrupt: remembers SIGINT and SIGTERM, so that a run ends with what is known instead of dying."""

import signal
import threading
from types import FrameType


class Interrupt:
    """Which signal came, if any. Looked at by the supervisor's loop, many times a second."""

    def __init__(self) -> None:
        """Nothing has come yet, and nothing is caught yet."""
        self.signal: int | None = None

    def catch(self) -> None:
        """Take both signals from now on, where that is possible: in the main thread."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._came)
            signal.signal(signal.SIGTERM, self._came)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number

    def release(self) -> None:
        """Give the signals their usual meaning back, for commands that may simply die."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
