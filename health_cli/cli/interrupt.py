"""Interrupt: remembers the signals that end a program, so that a run ends with what is known instead."""

import signal
import threading
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Which signal came, if any. Looked at by the supervisor's loop, many times a second."""

    def __init__(self) -> None:
        """Nothing has come yet, and nothing is caught yet."""
        self.signal: int | None = None

    def catch(self) -> None:
        """Take the signals from now on, where that is possible: in the main thread."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a parent that ignores it leaves us no child to wait for
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                    signal.signal(number, self._came)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number

    def release(self) -> None:
        """Give the signals their usual meaning back, for commands that may simply die."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in set(ENDING) - {signal.SIGINT}:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, signal.SIG_DFL)
