"""Runs a monitoring plugin, or another program, within a limit, and ends it with all that it has started."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from health_cli.checks.plugin import NOT_EXECUTABLE, NOT_THERE, Ended
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

MOST = 64 << 10  # bytes of an output that are read at once, and kept of a plugin's
STEP = 0.01  # seconds between two looks at whether it has ended
DYING = 1.0  # seconds that one that was killed may take, on a busy machine
AFTER = 0.1  # seconds that what a plugin left behind may go on writing


def run(command: Sequence[str], limit: float, written: str, most: int = MOST) -> Ended:
    """Run a command, known to its user as `written`; Failure where there is none, or it does not end in time.

    Of its output the first `most` bytes are kept.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the command of the setting, which no shell reads
            command, cwd="/", env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:  # a word has a NUL in it
        code = NOT_EXECUTABLE if isinstance(error, PermissionError) else NOT_THERE
        raise Failure(
            Kind.MISSING, f"{command[0]} can't be run: {getattr(error, 'strerror', None) or error}.",
            summary=f"can't be run ({code})",
            hint="Install the package that has it (monitoring-plugins-basic), give its whole path, and let it be "
            "executable.",
            status=Status.UNKNOWN,
        ) from error  # fmt: skip
    try:
        output, errors = _read(process, time.monotonic() + limit, most)
    finally:
        ended = _has_ended(process)
        gone = _end(process)
    if ended is False:
        raise Failure(
            Kind.TIMEOUT, f"{command[0]} did not end within {limit:g} s, and {'was' if gone else 'can not be'} killed.",
            summary=f"no answer in {limit:g} s", hint=f"Run it by hand: {written}",
        )  # fmt: skip
    if ended is None:
        raise Failure(
            Kind.CRASHED, f"How {command[0]} ended is not known: this process ignores the end of others (SIGCHLD).",
            summary="end not known", status=Status.UNKNOWN, hint="Run it by 'health run', in a process of its own.",
        )  # fmt: skip
    return Ended(process.returncode, output, errors)


def _read(process: "subprocess.Popen[bytes]", until: float, most: int) -> tuple[str, str]:
    """Return the beginning of what it writes on both ways, until it ends or the time is over."""
    fds = {pipe.fileno(): b"" for pipe in (process.stdout, process.stderr) if pipe}
    order, open_ones = list(fds), set(fds)
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    while open_ones and time.monotonic() < until:
        ended = _has_ended(process) is not False
        ready = poller.poll(1000 * min(AFTER, max(0.0, until - time.monotonic())))
        for fd, _ in ready:
            part = os.read(fd, MOST)
            fds[fd] = (fds[fd] + part)[:most]
            if not part:
                poller.unregister(fd)
                open_ones.discard(fd)
        if ended and not ready:
            break
    while _has_ended(process) is False and time.monotonic() < until:
        time.sleep(STEP)
    out, err = (fds[fd].decode(errors="replace") for fd in order)
    return out, err


def _has_ended(process: "subprocess.Popen[bytes]") -> bool | None:
    """Tell whether it has ended, without asking how: that would set its number free. None where nobody can tell."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return None


def _end(process: "subprocess.Popen[bytes]") -> bool:
    """Kill what it has started, and itself where it is still there; only then is its end asked for.

    Until then nobody else can have its number, which is that of its group, too. Tell whether it has ended now: one of
    another user, by setuid, can't be killed.
    """
    if _has_ended(process) is not None:
        with suppress(psutil.Error):
            for each in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    each.kill()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(DYING)
    return process.returncode is not None
