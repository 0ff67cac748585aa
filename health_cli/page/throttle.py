"""Throttle: how often something may be done, counted for all processes of the web server together.

The count is in the project's cache, where that is shared and answers. Else it is in a small file in the state folder,
which the processes of one host share; where that can't be written either, each process counts for itself.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import MutableMapping
from typing import Any, ClassVar, NamedTuple

from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS, caches

from health_cli.core.guard import Crash, attempt
from health_cli.history.child import Child
from health_cli.history.place import Place, Project, read_json, write_whole

UNFIT = ("LocMemCache", "DummyCache", "DatabaseCache")  # of one process, of none, and of more queries a request
CACHE_LIMIT = 0.25  # seconds that the cache may take
PAUSE = 30.0  # seconds for which a cache that failed is left alone
LOCK = 0.25  # seconds to wait for the file
LONGEST = 3_600.0  # seconds that any of us counts


class Window(NamedTuple):
    """The time since the first of some requests, in seconds since the epoch, and how many there were in it."""

    began: float
    times: int


def _project() -> str:
    """Return what tells this project from others that have the same cache."""
    return hashlib.sha256(f"health_cli {settings.SECRET_KEY}".encode()).hexdigest()[:12]


class Throttle:
    """Lets something be done so many times in so many seconds, from the first time on."""

    _paused_until = 0.0  # of the monotonic clock: the cache is one for all throttles
    _lock = threading.Lock()
    _own: ClassVar[dict[str, Window]] = {}

    def __init__(self, what: str, times: int, seconds: float) -> None:
        """Name what is counted; throttles of one name count together."""
        self._what, self._times, self._seconds = what, times, seconds

    def wait(self, who: str = "") -> float:
        """Count one more, and return how many seconds to wait until it may be done: 0 where it may be done now."""
        name = f"health_cli:{_project()}:{self._what}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
        window = self._in_cache(name) or self._in_file(name) or self._in_process(name)
        return 0.0 if window.times <= self._times else max(1.0, window.began + self._seconds - time.time())

    def _in_cache(self, name: str) -> Window | None:
        """Count in the cache; None where it is no help."""
        backend = settings.CACHES.get(DEFAULT_CACHE_ALIAS, {}).get("BACKEND", "")
        if backend.endswith(UNFIT) or time.monotonic() < Throttle._paused_until:
            return None
        cache = attempt(lambda: caches[DEFAULT_CACHE_ALIAS])  # each thread has its own: this one's is used
        found: list[Window] = []
        if not isinstance(cache, Crash):
            # in a thread, since no limit in time can be put on a cache
            Child(lambda say: found.append(self._counted(cache, name)), CACHE_LIMIT, forks=False).finish()
        if not found:
            Throttle._paused_until = time.monotonic() + PAUSE
        return found[0] if found else None

    def _counted(self, cache: Any, name: str) -> Window:
        """Count in the cache; ValueError where it keeps nothing, and says so by no error of its own."""
        now, count = time.time(), f"{name}:count"
        if cache.add(name, now, self._seconds):
            cache.set(count, 1, self._seconds)
            return Window(now, 1)
        began = cache.get(name, now)
        try:
            times = cache.incr(count)
        except ValueError:  # it has just run out, or has not been set yet
            cache.set(count, times := 2, self._seconds)
        if type(times) is not int or not isinstance(began, float):  # what a client gives that hides its errors
            raise ValueError(f"the cache counts {times!r} since {began!r}")
        return Window(began, times)

    def _in_file(self, name: str) -> Window | None:
        """Count in the file; None where it can't be written."""
        found = attempt(lambda: self._written(Place.of(Project(), os.environ), name))
        return None if isinstance(found, Crash) else found

    def _written(self, place: Place, name: str) -> Window | None:
        place.make()
        with place.locked("page", LOCK) as ours:
            if not ours:
                return None
            file = place.folder / "page.json"
            known = attempt(lambda: {key: Window(*value) for key, value in read_json(file).items()})
            windows = {} if isinstance(known, Crash) else known  # there is none yet, or it was damaged
            window = self._next(windows, name)
            write_whole(file, json.dumps(windows))
            return window

    def _in_process(self, name: str) -> Window:
        with Throttle._lock:
            return self._next(Throttle._own, name)

    def _next(self, windows: MutableMapping[str, Window], name: str) -> Window:
        """Count one more, and forget what is over."""
        now = time.time()
        for key in [key for key, window in windows.items() if not now - LONGEST < window.began <= now]:
            del windows[key]
        last = windows.get(name)
        if last is None or last.began + self._seconds <= now:
            last = Window(now, 0)
        windows[name] = Window(last.began, last.times + 1)
        return windows[name]
