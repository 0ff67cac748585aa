"""Worker: a forked process that loads a plan and runs it, and the supervisor's handle on it."""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.plan import Loader, Plan, planned
from health_cli.core.result import SETUP, Result, failed
from health_cli.core.runner import Threads, crashed
from health_cli.core.wire import Reader, Writer

Record = Mapping[str, Any]
MAX_NOISE = 64 * 1024  # bytes kept of what the checks print
MAX_DRAIN = 32 << 20  # bytes read from a pipe after the end of its process
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class Worker:
    """The supervisor's handle: reads the records, knows whether it lives, ends it with its children."""

    def __init__(self, load: Loader, *, only: str | None = None, plugins: bool = True) -> None:
        """Fork. The child runs all checks of the plan, or `only` the one of this name."""
        self.only = only
        self.started_at = self.alive_at = time.monotonic()
        self.loaded = self.done = False
        self.running: dict[str, float] = {}
        token = os.urandom(8).hex()
        self._reader, self._noise = Reader(token), b""
        ends: list[int] = []
        try:
            ends += os.pipe()
            ends += os.pipe()
            self._pid = os.fork()
        except OSError:
            for fd in ends:
                os.close(fd)
            raise
        records, record_end, noise, noise_end = ends
        if not self._pid:
            os.close(records)
            os.close(noise)
            _child(load, Writer(record_end, token), noise_end, only, plugins)
        os.close(record_end)
        os.close(noise_end)
        self.fds = {records: "records", noise: "noise"}
        for fd in self.fds:
            os.set_blocking(fd, False)
        self._exit: int | None = None

    def read(self, fd: int) -> Iterator[Record]:
        """Take what has arrived on one of our pipes; yield the records in it."""
        try:
            chunk = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if not chunk:
            os.close(fd)
            del self.fds[fd]
        elif self.fds[fd] == "noise":
            self._noise = (self._noise + chunk)[-MAX_NOISE - 1 :]
        else:
            yield from self._reader.feed(chunk)

    def drain(self) -> Iterator[Record]:
        """Yield what is still in the pipes, within bounds: a process that was left behind may go on writing."""
        for fd in list(self.fds):
            poller = select.poll()
            poller.register(fd, select.POLLIN)
            for _ in range(MAX_DRAIN >> 16):
                if fd not in self.fds or not poller.poll(0):
                    break
                yield from self.read(fd)

    def noise(self) -> str:
        """What the checks printed, to stdout and stderr alike; the last lines of it."""
        whole = self._noise if len(self._noise) <= MAX_NOISE else self._noise.partition(b"\n")[2]
        return whole.decode(errors="replace")

    def death(self) -> str:
        """Say how the process ended, or nothing while it lives."""
        if self._reap() is None:
            return ""
        code = os.waitstatus_to_exitcode(self._exit or 0)
        if code < 0:
            return f"was killed by signal {-code} ({_signal_name(-code)})"
        return f"exited with code {code}"

    def kill(self) -> None:
        """Kill the process and every process it started."""
        if self._exit is None:
            family = _descendants(self._pid)
            for pid in (self._pid, *family):
                _kill(pid)

    def close(self, until: float) -> None:
        """Wait for the end of the process, no longer than `until`, and let go of the pipes.

        A process in uninterruptible sleep ends when the kernel lets it.
        """
        while self._reap() is None and time.monotonic() < until:
            time.sleep(0.001)
        for fd in self.fds:
            os.close(fd)
        self.fds = {}

    def _reap(self) -> int | None:
        if self._exit is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._exit = status
        return self._exit


class Orphans:
    """The processes that checks leave behind when their worker dies: adopted, and ended with the run.

    On Linux, where a process may declare itself the reaper of its descendants (prctl(2)).
    """

    def __init__(self) -> None:
        """Adopt from now on. Children that this process has already are none of ours."""
        self._before = set(children_of(os.getpid()))
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def end(self) -> None:
        """End those there are, and adopt no more."""
        for _ in range(8):  # each round may set free another generation
            found = [pid for pid in children_of(os.getpid()) if pid not in self._before]
            for pid in found:
                _kill(pid)
                _bury(pid)
            if not found:
                break
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def poll(workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Record]]:
    """Wait that long for the workers to say something; yield their records."""
    owners = {fd: worker for worker in workers for fd in worker.fds}
    if not owners:
        time.sleep(seconds)
        return
    poller = select.poll()
    for fd in owners:
        poller.register(fd, select.POLLIN)
    for fd, _ in poller.poll(seconds * 1000):
        for record in owners[fd].read(fd):
            yield owners[fd], record


def _child(load: Loader, writer: Writer, noise: int, only: str | None, plugins: bool) -> NoReturn:
    """The life of the worker process; it never returns into the code that forked it."""
    code = 1
    try:
        _settle_in(noise)
        _work(load, writer, only, plugins)
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())  # into the noise, for -vv
        os._exit(code)


def _settle_in(noise: int) -> None:
    """Die with the supervisor, read nothing of what is its, and send all output to the noise pipe.

    It stays in the supervisor's process group, so that whoever kills the group, as Nagios does, ends
    the checks and what they started as well.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", buffering=1, errors="replace", closefd=False) for fd in (1, 2))


def plan_of_crash(crash: Crash) -> Plan:
    """Return the plan that says why there is none."""
    if isinstance(crash.error, ConfigError):
        return Plan(results=(failed(SETUP, crash.error),), secrets=crash.error.secrets)
    return Plan(results=(crashed(SETUP, crash),))


def _work(load: Loader, writer: Writer, only: str | None, plugins: bool) -> None:
    parent = os.getppid()
    plan = attempt(lambda: load(plugins))
    if isinstance(plan, Crash):
        if plugins and getattr(plan.error, "unexpected", True):
            raise plan.error  # the supervisor tries again without the project's own modules
        plan = plan_of_crash(plan)
    if only:
        plan = replace(plan, checks=[c for c in plan.checks if c.name == only], needs={}, results=())
    sent = writer.send(
        "plan",
        checks=[row.to_json() for row in planned(plan)],
        secrets=sorted(plan.secrets),
        timeout=plan.timeout,
        fail_on=plan.fail_on,
        recording=plan.recording,
    )
    if not sent:
        raise ValueError("the settings hold more secrets than can be kept track of")

    def emit(result: Result) -> None:
        writer.send("result", result={**result.to_json(), "detail": result.detail})

    def tick() -> None:
        if os.getppid() != parent:
            os._exit(1)
        writer.send("beat")

    for result in plan.results:
        emit(result)
    Threads(plan, emit, on_start=lambda name: writer.send("started", name=name)).run(tick=tick)
    writer.send("done")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    found = children_of(pid)
    return found + [deeper for child in found for deeper in _descendants(child)]


def children_of(pid: int) -> list[int]:
    """Return the children of a process as Linux lists them; none on other systems."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as children:
                found += [int(child) for child in children.read().split()]
    except OSError:  # no /proc, or the process went away meanwhile
        return found
    return found


def _bury(pid: int) -> None:
    """Take note of the end of a process, without waiting for one that can't end."""
    patience = time.monotonic() + 0.05
    while time.monotonic() < patience:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
        time.sleep(0.001)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
