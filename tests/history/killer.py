"""Runs `health` again and again, each time in a process forked from this one, and kills it at one of its steps.

A step is a call that changes a file, a lock, a process or the database, made by code of health_cli/history. Each is
written down just before it is made, in a file that parent and children share: its place in there is its number, and
at the number that is asked for the process is killed, alone or with its whole group.

Forked processes have most modules loaded already, so that a run takes a quarter of the time. Orders come as lines of
JSON on standard input; the exit code of each goes to standard output.
"""

import builtins
import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import Any

SIZE = 160  # bytes of a step in the file
OURS = os.path.join("health_cli", "history", "")
LONGEST = 60  # seconds that a run may take
BEFOREHAND = (
    "celery celery.app.base celery.loaders.app django.core.management django.db.backends.sqlite3.base "
    "django.db.migrations health_cli.checks.host.load health_cli.cli.group health_cli.cli.keeping health_cli.cli.run "
    "health_cli.config.load health_cli.formatters.json health_cli.history.channels.webhook health_cli.history.database "
    "health_cli.history.recorder"
).split()  # modules that load without settings
CALLS = ("open", "write", "fchmod", "fsync", "replace", "unlink", "mkdir", "fork")
LATER = {
    "django.db.backends.utils": ("CursorWrapper", ("execute", "executemany")),
    "django.db.backends.base.base": ("BaseDatabaseWrapper", ("connect", "_commit", "_rollback")),
    "http.client": ("HTTPConnection", ("request", "getresponse")),
}

fault: dict[str, Any] = {}  # what was ordered: `log`, `at` and `kind`
_open, _write, _seek, _close = os.open, os.write, os.lseek, os.close


def is_ours() -> bool:
    """Tell whether code of health_cli/history asks for this."""
    frame: Any = sys._getframe(2)
    while frame and OURS not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def step(name: str, *about: object) -> None:
    """Write a step down, and be killed at the one that was named."""
    if not fault:
        return
    line = f"{os.getpid()} {name} {' '.join(str(word) for word in about)}".encode("ascii", "replace")
    line = line.replace(b"\n", b" ")[: SIZE - 1].ljust(SIZE - 1) + b"\n"
    fd = _open(fault["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write(fd, line)
    number = _seek(fd, 0, os.SEEK_CUR) // SIZE
    _close(fd)
    if number == fault["at"]:
        if fault["kind"] == "group":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that is a step where we make it."""

    def watching(*words: Any, **how: Any) -> Any:
        if is_ours():
            step(name, *words[:2])
        return call(*words, **how)

    return watching


class Halves:
    """A file that is written to in two halves, with a step before each."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> "Halves":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        step("write", "the first half")
        self._file.write(text[: len(text) // 2])
        self._file.flush()
        step("write", "the second half")
        self._file.write(text[len(text) // 2 :])
        return len(text)


def opened(file: Any, *words: Any, **how: Any) -> Any:
    """Open as Python does; what we write through a descriptor is written in halves."""
    real = _builtin(file, *words, **how)
    return Halves(real) if isinstance(file, int) and is_ours() else real


class Later(MetaPathFinder):
    """Watches methods of modules that are imported later, if at all."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in LATER:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def watching(module: Any) -> None:
            execute(module)
            kind, names = LATER[name]
            for method in names:
                owner = getattr(module, kind)
                setattr(owner, method, watched(f"{kind}.{method}", getattr(owner, method)))

        spec.loader.exec_module = watching  # type: ignore[method-assign]
        return spec


_builtin = builtins.open


def install() -> None:
    """Watch the calls that are steps."""
    builtins.open = opened
    fcntl.flock = watched("flock", fcntl.flock)
    for call in CALLS:
        setattr(os, call, watched(call, getattr(os, call)))
    sys.meta_path.insert(0, Later())


def serve() -> None:
    """Do what is ordered, one after the other."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            be_command(order)
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        answers.flush()


def be_command(order: dict[str, Any]) -> None:
    """Become the command, as if it had just been started; does not return."""
    os.setsid()
    signal.alarm(LONGEST)
    for number, path in enumerate([os.devnull, order["out"], order["err"]]):
        os.dup2(_open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(order["env"])
    fault.update(order["fault"])
    import_module("health_cli.cli.entry").main(order["argv"])


if __name__ == "__main__":
    install()
    for module in BEFOREHAND:
        import_module(module)
    serve()
