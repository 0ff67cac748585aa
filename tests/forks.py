"""Calls of `health`, and code of a project, each in a process forked from one that has loaded most modules already.

Most of the time of a new process goes into loading Django, Celery and us. What is tested of a process itself - how it
starts, what it loads and when, its signals, its environment - is tested with a new one: `tests.conftest.health`.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ORDER = 1 << 17  # bytes that an order may have
BEFOREHAND = (
    "celery celery.app.base celery.loaders.app django.core.management django.db.backends.sqlite3.base "
    "django.db.migrations django.template.loader django.test django.urls.resolvers django.views.generic "
    "health_cli.checks.host.load health_cli.cli.group health_cli.cli.keeping health_cli.cli.run "
    "health_cli.config.load health_cli.formatters.json health_cli.history.channels.webhook health_cli.history.database "
    "health_cli.history.recorder"
).split()  # modules that load without settings


class Forks:
    """The process to fork from, seen from the tests; it starts with the first call, and ends with us."""

    def __init__(self) -> None:
        self._link: socket.socket | None = None
        self._lock = threading.Lock()

    def call(
        self, what: Mapping[str, Any], env: Mapping[str, str], cwd: str | Path, given: str = "", limit: float = 30
    ) -> tuple[int, str, str]:
        """Do what is ordered, as a process with this environment; return its exit code and its output."""
        pipes = [os.pipe() for _ in range(4)]  # standard input, output and error, and how it ended
        (theirs_in, ours_in), *outputs = pipes
        theirs = [theirs_in, *(end for _, end in outputs)]
        order = json.dumps({**what, "env": dict(env), "cwd": str(cwd), "limit": limit}).encode()
        assert len(order) < ORDER
        with self._lock:
            socket.send_fds(self._link or self._start(), [order], theirs)
        for end in theirs:
            os.close(end)
        with ThreadPoolExecutor(4) as pool:
            pool.submit(_write, ours_in, given)
            out, err, code = pool.map(_read, [end for end, _ in outputs])
        assert int(code) != -signal.SIGALRM, f"{what} took longer than {limit} s: {out}{err}"
        return int(code), out, err

    def _start(self) -> socket.socket:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -B: a module that is written twice in a second, each time as long, would be taken from the first's cache.
            server = subprocess.Popen(
                [sys.executable, "-B", "-m", __name__, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={name: os.environ[name] for name in os.environ if name == "PATH" or name.startswith("COVERAGE")},
            )  # fmt: skip
        atexit.register(self._end, server, self._link)
        return self._link

    @staticmethod
    def _end(server: "subprocess.Popen[bytes]", link: socket.socket) -> None:
        link.close()
        server.wait()


def _write(end: int, text: str) -> None:
    with open(end, "w") as file:
        file.write(text)


def _read(end: int) -> str:
    with open(end) as file:
        return file.read()


def serve(link: socket.socket) -> None:
    """Do what is ordered, all at the same time, until nobody orders any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a command is waited for by nobody
    while True:
        message, ends, _, _ = socket.recv_fds(link, ORDER, 4)
        if not message:
            return
        if not os.fork():
            link.close()
            watch(json.loads(message), ends)
        for end in ends:
            os.close(end)


def watch(order: dict[str, Any], ends: list[int]) -> None:
    """Fork the command, and tell how it ended; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = ends
    pid = os.fork()
    if not pid:
        os.close(told)
        be_command(order, streams)
    for end in streams:
        os.close(end)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(told, str(code).encode())
    os._exit(0)


def be_command(order: dict[str, Any], streams: list[int]) -> None:
    """Become the command, as if it had just been started; does not return."""
    signal.alarm(int(order["limit"]) + 1)
    for number, end in enumerate(streams):
        os.dup2(end, number)
        os.close(end)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path[:0] = filter(None, order["env"].get("PYTHONPATH", "").split(os.pathsep))
    if "words" in order:
        import_module("health_cli.cli.entry").main(order["words"])
    sys.modules["__main__"] = ModuleType("__main__")
    exec(order["code"], vars(sys.modules["__main__"]))
    sys.exit()


FORKS = Forks()


def main() -> None:
    """Load what can be loaded, and serve."""
    sys.path.pop(0)  # the folder of the tests, which no command would have there
    for module in BEFOREHAND:
        import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
