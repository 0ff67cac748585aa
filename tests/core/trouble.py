"""Checks that misbehave in every way that the runner must survive. Loaded as a plugin by name."""

import os
import re
import signal
import sys
import threading
import time
from ctypes import string_at
from typing import Any

from health_cli import Measurement, Metric, Result, Status, check

TROUBLE = os.environ.get("TROUBLE", "").split()


class Hostile(Exception):
    """An exception that can't even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text for you")


def sleeps() -> None:
    """For ever, without holding anything."""
    threading.Event().wait()


def holds() -> None:
    """The interpreter: this expression backtracks for years and never lets another thread in."""
    re.fullmatch(r"(a+)+b", "a" * 64)


def segfaults() -> None:
    """Reads where nothing is."""
    string_at(0)


def killed() -> None:
    """As the kernel's OOM killer would."""
    os.kill(os.getpid(), signal.SIGKILL)


def forks() -> int:
    """And goes on in both processes."""
    return os.fork() and 1


def forks_and_stays() -> int:
    """And leaves a child behind that sleeps."""
    if not os.fork():
        time.sleep(600)
    return 1


def daemonizes() -> int:
    """And leaves a grandchild in a session of its own."""
    child = os.fork()
    if not child:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(600)
    os.waitpid(child, 0)
    return 1


def exits() -> None:
    """Politely."""
    sys.exit(0)


def exits_hard() -> None:
    """At once, looking like success."""
    os._exit(0)


def prints() -> int:
    """To both streams, and below them."""
    print("noise on stdout", flush=True)
    print("noise on stderr", file=sys.stderr)
    os.write(1, b"raw noise\n")
    os.system("echo noise of a child; echo more >&2")
    return 1


def fills() -> Result:
    """The pipe to the supervisor, with a result of many megabytes."""
    return Result(name="x", status=Status.HEALTHY, data={"blob": "x" * 50_000_000})


def scribbles() -> int:
    """Rubbish into every file descriptor there is, the pipe to the supervisor among them."""
    for fd in range(3, 40):
        try:
            os.write(fd, b"\x00rubbish\xff" * 100)
        except OSError:
            continue
    return 1


def nonsense() -> Any:
    """Instead of a number."""
    return {"status": "healthy"}


def true() -> Any:
    """A truth value, which could mean anything."""
    return True


def nan() -> float:
    """No number."""
    return float("nan")


def inner_nan() -> list[Metric]:
    """No number, deeper down."""
    return [Metric(name="value", value=float("nan"))]


def unwritable() -> Result:
    """A result that is no JSON."""
    return Result(name="x", status=Status.HEALTHY, data={"set": {1, 2}})


def measurement() -> Any:
    """A measurement where a result is wanted."""
    return Measurement()


def raises() -> None:
    """An ordinary exception."""
    raise ValueError("ordinary")


def raises_hostile() -> None:
    """An exception whose text can't be had."""
    raise Hostile


def recurses() -> None:
    """Until the stack is full."""
    recurses()


def starts_threads() -> int:
    """That never end and are no daemons."""
    for _ in range(5):
        threading.Thread(target=time.sleep, args=(600,)).start()
    return 1


for _name in TROUBLE:
    check(f"trouble.{_name}", timeout=2.0)(globals()[_name])


@check("calm.quick")
def quick() -> int:
    """At once."""
    return 1


@check("calm.slow")
def slow() -> int:
    """Late enough to be under way while the trouble happens."""
    time.sleep(0.6)
    return 1


@check("calm.last", needs=["calm.slow"])
def last() -> int:
    """After the slow one."""
    return 1
