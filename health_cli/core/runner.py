"""Runner: executes checks, each in a daemon thread of its own, and turns whatever happens into results.

The only place that times, bounds and isolates checks within one process. The supervisor runs it in a
worker process, where a check that can't be stopped is ended with the process.
"""

import inspect
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from health_cli.core import aio
from health_cli.core.check import Check
from health_cli.core.errors import HealthError
from health_cli.core.excerpt import MAX_RAW, cut
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric
from health_cli.core.plan import Plan, Planned, planned, sort_out
from health_cli.core.result import Result, blocked, complete, failed, timed_out, unfinished
from health_cli.core.status import Status

BEAT = 0.1  # seconds between two signs of life
MAX_RESULT = 256 * 1024  # bytes of JSON; enough for any honest check, small for a pipe

Emit = Callable[[Result], object]


def execute(check: Check) -> Result:
    """Run one check to its end, however it ends: gather, judge, and time it.

    What the check raises becomes its result.
    """
    started = time.monotonic()
    result = attempt(lambda: _steps(check))
    if isinstance(result, Crash):
        result = _verdict(check, result)
    return replace(result, duration=time.monotonic() - started)


def _steps(check: Check) -> Result:
    measurement = check.gather()
    if inspect.isawaitable(measurement):
        measurement = aio.run(measurement)
    return sound(check, check.judge(measurement))


def sound(check: Check, result: Any) -> Result:
    """Return the result if it can be used; TypeError or ValueError says why it can't."""
    if not isinstance(result, Result):
        raise TypeError(f"judge() returned {type(result).__name__}, not a Result")
    text = json.dumps(result.to_json(), allow_nan=False)
    if len(text) > MAX_RESULT:
        raise ValueError(f"its result has {len(text):,} bytes of JSON; {MAX_RESULT:,} are allowed")
    _refuse_strange(result)
    Result.from_json(json.loads(text))
    return complete(replace(result, name=check.name, message=cut(result.message, MAX_RAW)))


def _refuse_strange(result: Result) -> None:
    """Raise TypeError where a field of a result of somebody's own is not what it must be."""
    faces = {"summary": result.summary, "message": result.message, "hint": result.hint}
    wrong = [name for name, text in faces.items() if not isinstance(text, str)]
    if wrong:
        raise TypeError(f"its result's {wrong[0]} is no text")
    names = [metric.name for metric in result.metrics]
    for metric in result.metrics:
        if metric.value is not None and not isinstance(metric.value, int | float):
            raise TypeError(f"its metric {metric.name} is {metric.value!r}, which is no number")
        if names.count(metric.name) > 1:
            raise ValueError(f"it has two metrics named {metric.name}")


def _verdict(check: Check, crash: Crash) -> Result:
    """Tell a failure that the check reports from a fault of the check itself."""
    if isinstance(crash.error, HealthError):
        result = failed(check.name, crash.error, metrics=check.metrics)
        return replace(result, message=cut(result.message, MAX_RAW), detail=crash.trace)
    return crashed(check.name, crash, metrics=check.metrics)


def crashed(name: str, crash: Crash, *, metrics: Sequence[Metric] = ()) -> Result:
    """Return the result for a check that raised what it should not have: class, text and place."""
    return Result(
        name=name,
        status=Status.UNKNOWN,
        summary=f"crashed: {crash.name}",
        message=cut(f"The check crashed with {crash.name}: {crash.text} (in {crash.place})", MAX_RAW),
        hint="The check itself failed (-vv shows where). If what it uses is down, name that in its needs.",
        kind=Kind.CRASHED,
        metrics=tuple(metric.measured(None, "crashed") for metric in metrics),
        detail=crash.trace,
    )


class Threads:
    """Runs the checks of a plan, each as soon as what it needs is well."""

    def __init__(self, plan: Plan, emit: Emit, *, on_start: Callable[[str], object] | None = None) -> None:
        """`emit` gets each result once; `on_start` the name of each check as it starts."""
        self._checks = {check.name: check for check in plan.checks}
        self._emit, self._on_start, self._after_check = emit, on_start, plan.after_check
        self._statuses: dict[str, Status] = {}
        self._waiting: list[Planned] = planned(plan)
        self._running: dict[str, float] = {}
        self._finished: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def run(
        self,
        *,
        until: float = float("inf"),
        stop: Callable[[], bool] = lambda: False,
        tick: Callable[[], object] | None = None,
    ) -> None:
        """Return when every check has a result, at `until` on the monotonic clock, or when `stop` says so.

        `tick` is called at least every BEAT seconds meanwhile.
        """
        while self._start_ready() or self._running:
            if tick:
                tick()
            self._collect(min(BEAT, self._next_limit(until) - time.monotonic()))
            if time.monotonic() >= until or stop():
                return

    def leftover(self) -> list[str]:
        """The names of the checks without a result."""
        return [*self._running, *(item.name for item in self._waiting)]

    def _start_ready(self) -> bool:
        """Start what may start, settle what is blocked; tell whether anything changed."""
        ready, blocked_by = sort_out(self._waiting, self._statuses)
        gone = {item.name for item in ready} | set(blocked_by)
        self._waiting = [item for item in self._waiting if item.name not in gone]
        for name, by in blocked_by.items():
            self._settle(blocked(name, by, skipped=self._statuses[by] is Status.SKIPPED))
        for item in ready:
            self._running[item.name] = time.monotonic()
            if self._on_start:
                self._on_start(item.name)
            check = self._checks[item.name]
            threading.Thread(target=self._thread, args=(check,), name=item.name, daemon=True).start()
        return bool(gone)

    def _thread(self, check: Check) -> None:
        ended = RuntimeError("its thread was ended")
        result = crashed(check.name, Crash(ended), metrics=check.metrics)
        try:
            result = execute(check)
            attempt(self._after_check)
        finally:
            self._finished.put(result)

    def _collect(self, seconds: float) -> None:
        """Wait for the next result that long, then give up on the checks that are over their limit."""
        try:
            result = self._finished.get(timeout=max(0.0, seconds))
            while True:
                if result.name in self._running:
                    self._settle(result)
                result = self._finished.get_nowait()
        except queue.Empty:
            self._expire()

    def _expire(self) -> None:
        now = time.monotonic()
        for name, started in list(self._running.items()):
            check = self._checks[name]
            if now - started >= check.timeout:
                self._settle(timed_out(name, check.timeout, metrics=check.metrics))

    def _next_limit(self, until: float) -> float:
        limits = [started + self._checks[name].timeout for name, started in self._running.items()]
        return min([until, *limits])

    def _settle(self, result: Result) -> None:
        self._running.pop(result.name, None)
        self._statuses[result.name] = result.status
        self._emit(result)


def run_here(
    plan: Plan, *, until: float, stop: Callable[[], bool], cut_status: Status = Status.UNKNOWN
) -> list[Result]:
    """Run a plan in this process, with threads alone, to a point on the monotonic clock, or until `stop` says so.

    A check that can't be interrupted goes on in its thread after its result has been given up.
    """
    started = time.monotonic()
    results: list[Result] = list(plan.results)
    threads = Threads(plan, results.append)
    threads.run(until=until, stop=stop)
    elapsed = time.monotonic() - started
    for name in threads.leftover():
        results.append(unfinished(name, elapsed, status=cut_status, interrupted=stop()))
    return in_order([check.name for check in plan.checks], results)


def in_order(names: Sequence[str], results: Sequence[Result]) -> list[Result]:
    """Sort results as the plan has them; those of no planned check come first."""
    place: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    return sorted(results, key=lambda result: place.get(result.name, -1))
