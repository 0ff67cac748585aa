"""Answering: ends the wait for a database that does not answer, and says so in words of ours.

Whatever Django asks of a driver, connecting, fetching and committing too, goes through the `wrap_database_errors` of
the connection: that is where the clock runs. MySQL's driver ends the wait itself. PostgreSQL's leaves that to the
server, and a frozen one can't; nor does TCP notice, since the kernel still acknowledges. There a thread shuts the
connection's socket down, and the driver raises.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseErrorWrapper

GRACE = 1.0  # seconds that a server which lives has to end a statement itself
TICK = 0.2  # seconds between two looks at the clock
NEARLY = 0.95  # of a limit: drivers round, and their clocks are not ours


class NoAnswer(OperationalError):
    """The server took longer than it may."""


POOLER = "let PgBouncer have 'ignore_startup_parameters = options'"


def words(error: Exception) -> str:
    """Return what a driver says, in one line, and what to do where that is known: MySQL's gives a number and a text."""
    text = " ".join(str(error.args[-1] if error.args else type(error).__name__).split())
    return f"{text}: {POOLER}" if "unsupported startup parameter" in text else text


class Clock(DatabaseErrorWrapper):
    """Knows since when a driver waits for its server; what comes of waiting too long is NoAnswer."""

    def __init__(self, connection: BaseDatabaseWrapper, connect: float, answer: float) -> None:
        """Limits are in seconds: for a connection, and for the answer to a statement."""
        super().__init__(connection)
        self._link: Any = connection
        self._connect, self._answer = connect, answer
        self._begun: list[float] = []  # one in another: a statement of those that make a connection ready
        self._since: float | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._since = time.monotonic()
            self._begun.append(self._since)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            now = time.monotonic()
            took = now - self._begun.pop()
            self._since = now if self._begun else None
        limit = self._answer if self._link.connection else self._connect
        try:
            super().__exit__(kind, error, trace)
        except OperationalError as refused:
            if took < limit * NEARLY:
                raise
            raise NoAnswer(f"the database '{self._link.alias}' did not answer in {limit:.2g} s") from refused

    def watch(self, over: threading.Event) -> None:
        """Shut the socket down once a statement has waited too long; until it is over, in a thread of its own."""
        unconnected = time.monotonic()
        while not over.wait(TICK):
            if self._link.connection is None:  # what connecting may take, the drivers know
                unconnected = time.monotonic()
                continue
            with self._lock:
                waited = time.monotonic() - max(self._since, unconnected) if self._since else 0.0
                if waited > self._answer + GRACE:
                    self._hang_up()

    def _hang_up(self) -> None:
        """End the connection below its driver, which must not be called while it waits in another thread."""
        with suppress(OSError, self._link.Database.Error):  # it has just ended by itself
            wire = socket.socket(fileno=os.dup(self._link.connection.fileno()))
            with wire:
                wire.shutdown(socket.SHUT_RDWR)


@contextmanager
def limited(connection: BaseDatabaseWrapper, connect: float, answer: float) -> Iterator[None]:
    """Let no call to a connection's driver wait longer than these seconds, where a server can keep it waiting."""
    if connection.vendor not in {"mysql", "postgresql"}:
        yield
        return
    clock = Clock(connection, connect, answer)
    connection.__dict__["wrap_database_errors"] = clock
    if connection.vendor == "mysql":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=clock.watch, args=(over,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
