"""Child: work that must not keep the command waiting, in a process or a thread of its own with a limit."""

import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable

from health_cli.core.guard import Crash, attempt
from health_cli.core.run import can_fork

LOOK = 0.1  # seconds between two looks at whether to stop
BURIAL = 0.1  # seconds that a killed process may take to end: one that the kernel holds is left to it
Say = Callable[[str], None]
Work = Callable[[Say], None]


class Child:
    """Work under way; what it has to say is one line each."""

    def __init__(self, work: Work, seconds: float, *, forks: bool = True) -> None:
        """Start it, in a process where forking is safe, else in a thread."""
        self._until = time.monotonic() + seconds
        self._lines: list[str] = []
        self._pid, self._fd = 0, -1
        self._thread: threading.Thread | None = None
        if not (forks and can_fork()) or not self._fork(work, seconds):
            self._thread = threading.Thread(target=lambda: _guarded(work, self._lines.append), daemon=True)
            self._thread.start()

    def finish(self, until: float = math.inf, stop: Callable[[], bool] = lambda: False) -> tuple[list[str], bool]:
        """Wait for its end or its limit, or until an earlier moment of the monotonic clock, or until `stop`.

        Return what it said, and whether it came to its end.
        """
        self._until = min(self._until, until)
        if self._thread:
            while self._thread.is_alive() and (left := self._left()) and not stop():
                self._thread.join(min(left, LOOK))
            return list(self._lines), not self._thread.is_alive()
        text, ended = self._read(stop)
        os.close(self._fd)
        if not ended:
            os.kill(self._pid, signal.SIGKILL)
        while not os.waitpid(self._pid, os.WNOHANG)[0] and time.monotonic() < self._until + BURIAL:
            time.sleep(0.001)
        return text.decode(errors="replace").splitlines(), ended

    def _fork(self, work: Work, seconds: float) -> bool:
        """Fork; False where there is no process to be had."""
        reading, writing = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            return False
        if not pid:
            os.close(reading)
            _be_child(work, writing, seconds)
        os.close(writing)
        self._pid, self._fd = pid, reading
        return True

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _read(self, stop: Callable[[], bool]) -> tuple[bytes, bool]:
        """Return what came up the pipe, and whether it was closed in time."""
        text = b""
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        while True:
            left = self._left()
            if poller.poll(min(left, LOOK) * 1000):
                chunk = os.read(self._fd, 1 << 16)
                if not chunk:
                    return text, True
                text += chunk
            elif not left or stop():
                return text, False


def _be_child(work: Work, pipe: int, seconds: float) -> None:
    """Do the work and end. The alarm's default action ends the process too, whatever it is stuck in."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 0.5)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    _guarded(work, lambda line: (os.write(pipe, f"{' '.join(line.split())}\n".encode()), None)[1])
    os._exit(0)


def _guarded(work: Work, say: Say) -> None:
    """Do the work; what nobody foresaw is said too."""
    crash = attempt(lambda: work(say))
    if isinstance(crash, Crash):
        attempt(lambda: say(f"{crash.name}: {crash.text} (in {crash.place})"))
