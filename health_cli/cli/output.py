"""Output: writes text without ever hanging, whoever is or is not reading."""

import contextlib
import errno
import io
import os
import select
import sys
import time
from collections.abc import Iterable
from typing import TextIO

PATIENCE = 0.2  # seconds to wait, at the least, for a reader whose pipe is full
PIPE_BUF = 512  # bytes that a ready pipe takes without blocking, on every POSIX system


class Undelivered(OSError):
    """The text could not be written to where it belongs."""


def keep_open() -> None:
    """Put /dev/null in place of standard streams that are closed, so that no other file gets their number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def write(stream: TextIO | None, text: str, patience: float = PATIENCE) -> bool:
    """Write text to a stream. A reader that went away is no error; False where nobody is there to read more.

    Undelivered where the disk is full, or a reader takes nothing for longer than `patience` seconds in all.
    """
    if stream is None:
        return False
    try:
        stream.flush()
        fd = stream.fileno()
    except (io.UnsupportedOperation, AttributeError):  # a StringIO, as tests and call_command use
        stream.write(text)
        return True
    except (OSError, ValueError):  # closed, by us or by whoever started us
        return False
    encoding = stream.encoding or "utf-8"
    return _write_bytes(fd, text.encode(encoding, errors="backslashreplace"), time.monotonic() + patience)


def _write_bytes(fd: int, data: bytes, until: float) -> bool:
    """Write in pieces that never block, and give up on a pipe that stays full; False where its reader went away."""
    poller = select.poll()
    try:
        poller.register(fd, select.POLLOUT)
        while data:
            ready = poller.poll(max(0.0, until - time.monotonic()) * 1000)
            if not ready:
                raise Undelivered(errno.EAGAIN, "standard output can't be written: nobody reads it")
            if ready[0][1] & select.POLLNVAL:
                return False
            data = data[os.write(fd, data[:PIPE_BUF]) :]
    except BrokenPipeError:
        return False
    except Undelivered:
        raise
    except OSError as error:
        raise Undelivered(error.errno, f"standard output can't be written: {error.strerror}") from error
    return True


def write_file(path: str, text: str | Iterable[str]) -> None:
    """Write a file that is whole or not there: a temporary name beside it, fsync, rename. Mode 0644.

    The text may come in pieces, which are never held together. A link is followed; what is no regular file, such
    as /dev/null, is written to as it is. OSError where the folder is missing, read-only or full.
    """
    pieces = [text] if isinstance(text, str) else text
    if os.path.exists(path) and not os.path.isfile(path):
        _write_special(path, pieces)
        return
    path = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.urandom(8).hex()}")
    try:
        with open(temporary, "x", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def terminal_width() -> int:
    """Return the columns of the terminal: COLUMNS where it is set, 80 where there is no terminal."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def _write_special(path: str, pieces: Iterable[str]) -> None:
    """Write to a device or a pipe, which must never keep us waiting."""
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        for piece in pieces:
            if not _write_bytes(fd, piece.encode(), time.monotonic() + PATIENCE):
                return
    finally:
        os.close(fd)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person sees this stream."""
    return stream is not None and not stream.closed and stream.isatty()


class StatusLine:
    """The line on a terminal that tells which checks are still running. Cleared before anything else."""

    AFTER = 1.0  # seconds; a shorter run shows nothing

    def __init__(self, wanted: bool, width: int) -> None:
        """Show it only where a person would see it."""
        self._wanted, self._width = wanted, width
        self._began, self._shown = time.monotonic(), ""

    def update(self, running: dict[str, float]) -> None:
        """Show the running checks, the oldest first."""
        if not self._wanted or time.monotonic() - self._began < self.AFTER:
            return
        oldest = sorted(running.items(), key=lambda pair: -pair[1])
        text = ", ".join(f"{name} {age:.0f} s" for name, age in oldest)
        line = f"still running: {text}"[: self._width - 1]
        if line != self._shown:
            self._shown = line
            write(sys.stderr, f"\r\x1b[K{line}")

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = ""
            write(sys.stderr, "\r\x1b[K")
