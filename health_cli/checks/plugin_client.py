"""Runs a monitoring plugin, or another program, within a limit, and ends it with all that it has started."""

import os
import select
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
AFTER = 0.1  # seconds that what a plugin left behind may go on writing


def run(command: Sequence[str], limit: float, written: str, most: int = MOST) -> Ended:
    """Run a command, known to its user as `written`; Failure where there is none, or it does not end in time.

    Of its output the first `most` bytes are kept.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the command of the setting, which no shell reads
            command, cwd="/", env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        code = NOT_EXECUTABLE if isinstance(error, PermissionError) else NOT_THERE
        raise Failure(
            Kind.MISSING, f"{command[0]} can't be run: {error.strerror}.", summary=f"can't be run ({code})",
            hint="Install the package that has it (monitoring-plugins-basic), and give its whole path.",
            status=Status.UNKNOWN,
        ) from error  # fmt: skip
    try:
        output, errors = _read(process, time.monotonic() + limit, most)
    finally:
        late = process.poll() is None
        _end(process)
    if late:
        raise Failure(
            Kind.TIMEOUT, f"{command[0]} did not end within {limit:g} s, and was killed.",
            summary=f"no answer in {limit:g} s", hint=f"Run it by hand: {written}",
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
        ended = process.poll() is not None
        ready = poller.poll(1000 * min(AFTER, max(0.0, until - time.monotonic())))
        for fd, _ in ready:
            part = os.read(fd, MOST)
            fds[fd] = (fds[fd] + part)[:most]
            if not part:
                poller.unregister(fd)
                open_ones.discard(fd)
        if ended and not ready:
            break
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, until - time.monotonic()))
    out, err = (fds[fd].decode(errors="replace") for fd in order)
    return out, err


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what it has started, and itself where it is still there."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
    process.wait()
