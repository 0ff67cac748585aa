"""Supervisor: runs a plan in a worker process, owns the clock, and ends what does not end.

The first worker runs all checks. If it dies, or shows no sign of life because a check holds the
interpreter, what has no result yet is run again, each check in a worker of its own: the one at fault
is found, the others are complete. If it does not even get through loading, it is started once more
without the project's own modules, and then given up.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from health_cli.core.kind import Kind
from health_cli.core.plan import Loader, Planned, sort_out
from health_cli.core.report import FailOn
from health_cli.core.result import SETUP, Result, blocked, timed_out, unfinished
from health_cli.core.runner import in_order
from health_cli.core.status import Status
from health_cli.core.worker import Orphans, Worker, poll

SILENCE = 0.1  # the part of the run's time without a sign of life after which a worker counts as stuck ...
LEAST_SILENCE = 0.3  # ... and the least of it in seconds: three beats
LOADING = 0.5  # the part of the run's time that loading settings and modules may take, twice at most
AT_ONCE = 4  # workers that run a check alone: each loads the settings anew
GRACE = 0.1  # seconds by which a worker may be later than its own limit
DEFAULT_DEADLINE = 10.0
PLUGINS = "health.plugins"  # the name of what is reported when the project's own modules fail


@dataclass(kw_only=True)
class Outcome:
    """What is known of a run: it grows while the run lasts, and is complete at any moment."""

    results: dict[str, Result] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    timeout: float | None = None
    fail_on: FailOn | None = None
    recording: Mapping[str, Any] = field(default_factory=dict)
    noise: str = ""

    def statuses(self) -> dict[str, Status]:
        """The verdicts so far, by name."""
        return {name: result.status for name, result in self.results.items()}

    def open(self) -> list[Planned]:
        """The planned checks that have no result yet."""
        return [item for name, item in self.planned.items() if name not in self.results]

    def in_order(self) -> list[Result]:
        """The results in the order of the plan."""
        return in_order(list(self.planned), list(self.results.values()))


class Supervisor:
    """One run: `run()` returns when all is known, at the deadline, or when `stop` says so."""

    def __init__(
        self,
        load: Loader,
        timeout: float | None = None,
        *,
        cut_status: Status = Status.UNKNOWN,
        stop: Callable[[], bool] = lambda: False,
        watch: Callable[[dict[str, float]], object] = lambda running: None,
    ) -> None:
        """`timeout` overrides the plan's; `watch` gets the running checks with their ages, often."""
        self._load, self._stop, self._watch = load, stop, watch
        self._timeout, self._cut_status = timeout, cut_status
        self._began = time.monotonic()
        self._workers: list[Worker] = []
        self._alone: set[str] = set()
        self._plugins, self._loaded = True, False
        self.outcome = Outcome()

    def start(self) -> None:
        """Fork the first worker, so that the caller can import what it needs meanwhile.

        OSError where there is no process to be had.
        """
        orphans = Orphans()
        try:
            self._workers.append(Worker(self._load))
        except OSError:
            orphans.end()
            raise
        self._orphans = orphans

    def run(self) -> Outcome:
        """Run the plan; whatever happens, every planned check has a result afterwards."""
        if not self._workers:
            self.start()
        try:
            while self._workers and not self._stop() and self._left() > 0:
                for worker, record in poll(self._workers, min(0.05, max(0.0, self._left()))):
                    self._take(worker, record)
                self._judge_workers()
                self._start_alone()
                self._watch(self._ages())
        finally:
            self._end(self._workers)
            self._orphans.end()
        self._fill_gaps()
        return self.outcome

    def _left(self) -> float:
        """Seconds to the deadline."""
        return self._began + self._limit() - time.monotonic()

    def _ages(self) -> dict[str, float]:
        now = time.monotonic()
        running = {name: now - since for w in self._workers for name, since in w.running.items()}
        return {name: age for name, age in running.items() if name not in self.outcome.results}

    def _take(self, worker: Worker, record: Mapping[str, Any]) -> None:
        """Understand one record of a worker."""
        worker.alive_at = time.monotonic()
        match record["record"]:
            case "plan":
                self._take_plan(worker, record)
            case "started":
                worker.running[record["name"]] = worker.alive_at
            case "result":
                self._take_result(worker, Result.from_json(record["result"]))
            case "done":
                worker.done = True

    def _take_plan(self, worker: Worker, record: Mapping[str, Any]) -> None:
        worker.loaded = True
        if worker.only is not None:
            return
        self._loaded = True
        rows = [Planned.from_json(row) for row in record["checks"]]
        self.outcome.planned = {row.name: row for row in rows}
        self.outcome.secrets = frozenset(record["secrets"])
        self.outcome.timeout = record["timeout"]
        self.outcome.fail_on = FailOn(record["fail_on"])
        self.outcome.recording = record["recording"]

    def _take_result(self, worker: Worker, result: Result) -> None:
        worker.running.pop(result.name, None)
        if worker.only is None or result.name == worker.only:
            self.outcome.results.setdefault(result.name, result)

    def _judge_workers(self) -> None:
        """End the workers that are through, dead or stuck, and draw the consequences."""
        for worker in list(self._workers):
            verdict = "" if worker.done else worker.death() or self._stuck(worker)
            if not worker.done and not verdict:
                continue
            self._remove(worker)  # hears what it had still to say: it may have been done after all
            if not worker.done:
                self._replace(worker, verdict)
            elif worker.only is None:  # a result can be lost when a check writes into the pipe
                self._alone.update(item.name for item in self.outcome.open())

    def _stuck(self, worker: Worker) -> str:
        """Say how a worker is stuck, or nothing."""
        now = time.monotonic()
        if not worker.loaded:
            late = worker.only is None and now - worker.started_at > self._limit() * LOADING
            return "did not get through loading the settings and modules" if late else ""
        if worker.only is not None:
            since = worker.running.get(worker.only)
            limit = self.outcome.planned[worker.only].timeout
            return "timeout" if since is not None and now - since > limit + GRACE else ""
        silence = max(LEAST_SILENCE, self._limit() * SILENCE)
        return "holds the interpreter" if now - worker.alive_at > silence else ""

    def _limit(self) -> float:
        """The run's deadline in seconds: the option, else the setting once it is known."""
        return self._timeout or self.outcome.timeout or DEFAULT_DEADLINE

    def _replace(self, worker: Worker, verdict: str) -> None:
        """Find the culprit, or convict it."""
        if worker.only is not None:
            self._convict(worker, verdict)
        elif worker.loaded:
            self._alone.update(item.name for item in self.outcome.open())
        elif self._plugins:
            self._plugins = False
            self._report_plugins(verdict)
            self._retry()
        else:
            self._report_setup(f"The worker {verdict}.")

    def _retry(self) -> None:
        """Start once more, without the project's own modules."""
        try:
            self._workers.append(Worker(self._load, plugins=False))
        except OSError as error:
            self._report_setup(f"There was no second worker to be had: {error.strerror}.")

    def _convict(self, worker: Worker, verdict: str) -> None:
        name = worker.only or ""
        limit = self.outcome.planned[name].timeout
        if verdict == "timeout":
            result = timed_out(name, limit)
        else:
            result = Result(
                name=name,
                status=Status.UNKNOWN,
                summary="crashed the process",
                message=f"The check ended its process: the worker {verdict}.",
                hint="This is a fault of the check or of a driver in C that it uses; the others ran apart.",
                kind=Kind.CRASHED,
            )
        self.outcome.results.setdefault(name, result)

    def _report_plugins(self, verdict: str) -> None:
        self.outcome.results[PLUGINS] = Result(
            name=PLUGINS,
            status=Status.UNKNOWN,
            summary="checks of the project not loaded",
            message=f"The worker {verdict}; the run went on without the checks of the project's own modules.",
            hint="-vv shows what it printed. Import each health.py and each module of PLUGINS by hand to find it; "
            "if they are only slow, give the run more time with --timeout.",
            kind=Kind.CRASHED,
        )

    def _report_setup(self, message: str) -> None:
        self.outcome.results[SETUP] = Result(
            name=SETUP,
            status=Status.UNKNOWN,
            summary="nothing could be checked",
            message=message,
            hint="Try 'health list', which loads the same settings; if they are only slow, use --timeout.",
            kind=Kind.CRASHED,
        )

    def _start_alone(self) -> None:
        """Give a worker of its own to each check that is to be run alone and is ready for it."""
        waiting = [item for item in self.outcome.open() if item.name in self._alone]
        statuses = self.outcome.statuses()
        ready, blocked_by = sort_out(waiting, statuses)
        for name, by in blocked_by.items():
            self.outcome.results[name] = blocked(name, by, skipped=statuses[by] is Status.SKIPPED)
        for item in ready[: max(0, AT_ONCE - len(self._workers))]:
            try:
                self._workers.append(Worker(self._load, only=item.name, plugins=self._plugins))
            except OSError:  # no process, no memory or no descriptor left: later, when one has ended
                return
            self._alone.discard(item.name)

    def _remove(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._end([worker])

    def _end(self, workers: Sequence[Worker]) -> None:
        """Kill, hear what they had still to say, and bury them; all within a tenth of a second."""
        for worker in workers:
            worker.kill()
        until = time.monotonic() + 0.1
        for worker in workers:
            for record in worker.drain():
                self._take(worker, record)
            worker.close(until)
            self.outcome.noise += worker.noise()

    def _fill_gaps(self) -> None:
        """Give a result to every check that has none."""
        elapsed = time.monotonic() - self._began
        for item in self.outcome.open():
            self.outcome.results[item.name] = unfinished(
                item.name, elapsed, status=self._cut_status, interrupted=self._stop()
            )
        if not self._loaded and SETUP not in self.outcome.results:
            self.outcome.results.pop(PLUGINS, None)
            self._report_setup(f"The run ended after {elapsed:.1f} s, before the checks were known.")
