"""Flushing: what a process counts for us is added up in its memory, and written to Redis by a thread.

Whoever counts never waits for Redis. While Redis is down the sums are kept for ten minutes, and written once it is
back. Needs the client library.
"""

import atexit
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import redis

from health_cli.core.guard import Crash, attempt

logger = logging.getLogger("health_cli")

Batch = TypeVar("Batch")
ANSWER = 0.5  # seconds that Redis may take to connect and to answer, in the thread that writes
EVERY = 2.0  # seconds between two writes
OVERDUE = 10.0  # seconds that the thread has seen nothing, after which who counts writes: uWSGI may run no threads
LAST = 1.0  # seconds that a process which ends waits for a write that is under way
QUICK = 0.02  # seconds that Redis may take to connect and to answer where somebody waits for it
PAUSE = 10.0  # seconds for which a Redis that failed is left alone
PATIENCE = 600.0  # seconds that sums are kept while it can't be written to


Command = list[str]
# Does the commands, unless those of this name were done: a Redis that was frozen does what it had been sent once it
# goes on, and by then whoever sent it has given up waiting.
ONCE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
    for _, command in ipairs(cjson.decode(ARGV[2])) do redis.call(unpack(command)) end
end
"""


class Flushing(Generic[Batch]):
    """The sums of one process. Who derives from it says how they are taken, written and kept."""

    def __init__(self, connect: Callable[[float], redis.Redis]) -> None:
        """`connect` makes the client, with the most seconds that it may wait.

        Nothing is written yet, and no thread runs before something is counted.
        """
        self._connect = connect
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.flush, LAST)

    def _begin(self) -> None:
        """Begin anew, as a child does: what its parent has counted the parent writes."""
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._client: redis.Redis | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._unseen = self._paused_until = 0.0
        self._said = ""
        self._held: _Held[Batch] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all sums."""
        raise NotImplementedError

    def take(self) -> Batch | None:
        """Return the sums and begin new ones, under the lock; None where there are none."""
        raise NotImplementedError

    def forget(self, oldest: float) -> None:
        """Forget the sums from before a time, since the epoch; under the lock."""
        raise NotImplementedError

    def commands(self, client: redis.Redis, batch: Batch) -> list[Command]:
        """Return the commands that add sums to what is there. It may read before; RedisError."""
        raise NotImplementedError

    def counted(self) -> None:
        """See to it that somebody writes: the thread, or where none runs, who counts."""
        now = time.monotonic()
        if not self._wake.is_set():  # the thread has seen all before
            self._unseen = now
            self._wake.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._write_again_and_again, name="health-cli", daemon=True)
                    self._thread.start()
        elif now - self._unseen > OVERDUE:
            self._unseen = now
            self.flush(within=QUICK)

    def _write_again_and_again(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(EVERY)
            if not self.flush() and not self._wake.is_set():
                self._unseen = time.monotonic()
                self._wake.set()

    def flush(self, patience: float = 0.0, within: float = 0.0) -> bool:
        """Write what there is, if Redis takes it, and tell whether nothing is left; what is, is kept for a while.

        `within` is the most seconds for which Redis is waited for, where that is less than a thread would wait.
        """
        if time.monotonic() < self._paused_until or not self._writing.acquire(timeout=patience):
            return False
        try:
            if self._held and not self._write_or_keep(self._held, within):
                return False
            with self._lock:
                batch = self.take()
            return batch is None or self._write_or_keep(_Held(batch), within)
        finally:
            self._writing.release()

    def _write_or_keep(self, held: "_Held[Batch]", within: float) -> bool:
        crash = attempt(lambda: self._write(held, within))
        self._held = held if isinstance(crash, Crash) and held.at > time.time() - PATIENCE else None
        if not isinstance(crash, Crash):
            return True
        if not isinstance(crash.error, redis.ConnectionError | redis.TimeoutError) and crash.text != self._said:
            self._said = crash.text  # once; that Redis is down the check of the cache says
            logger.warning("what was counted can't be written: %s: %s", crash.name, crash.text)
        self._paused_until = time.monotonic() + PAUSE
        self._client = None
        with self._lock:
            self.forget(time.time() - PATIENCE)
        return False

    def _write(self, held: "_Held[Batch]", within: float) -> None:
        client = self._client
        if client is None or within:
            client = self._connect(within or ANSWER)
        if not within:
            self._client = client
        if held.commands is None:
            held.commands = json.dumps(self.commands(client, held.batch))
        client.eval(ONCE, 1, f"health-cli:written:{held.name}", str(2 * int(PATIENCE)), held.commands)


class _Held(Generic[Batch]):
    """Sums that are being written, and how: under a name, so that a write of which nobody knows whether it was done is
    done once. `at` is when they were taken, since the epoch.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch, self.name, self.at = batch, os.urandom(8).hex(), time.time()
        self.commands: str | None = None
