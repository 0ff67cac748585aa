"""Run: a plan in a worker process where forking is safe, else in this process with threads alone."""

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from health_cli.core.guard import Crash, attempt
from health_cli.core.plan import Loader
from health_cli.core.runner import run_here
from health_cli.core.status import Status
from health_cli.core.supervisor import Outcome, Supervisor
from health_cli.core.worker import plan_of_crash


class Limits(NamedTuple):
    """The run's deadline in seconds (None: the plan's), and what a check is that it cuts off."""

    timeout: float | None = None
    cut_status: Status = Status.UNKNOWN


def can_fork() -> bool:
    """Tell whether forking is safe here: only a process with a single thread has nothing to lose."""
    return hasattr(os, "fork") and threading.active_count() == 1


def run(
    load: Loader,
    limits: Limits,
    *,
    stop: Callable[[], bool],
    watch: Callable[[dict[str, float]], object],
    meanwhile: Callable[[], object],
    forks: bool = True,
) -> tuple[Outcome, str]:
    """Run a plan and return what came out, and how it was isolated: `process` or `threads`.

    Without `forks` it is threads, whatever else. `meanwhile` is called once, as soon as the checks are on their way
    in another process.
    """
    began = time.monotonic()
    supervisor = Supervisor(load, limits.timeout, cut_status=limits.cut_status, stop=stop, watch=watch)
    if not (forks and can_fork()) or not _started(supervisor):
        meanwhile()
        return _here(load, limits, began, stop), "threads"
    meanwhile()
    return supervisor.run(), "process"


def _started(supervisor: Supervisor) -> bool:
    """Tell whether there was a process to be had."""
    try:
        supervisor.start()
    except OSError:
        return False
    return True


def _here(load: Loader, limits: Limits, began: float, stop: Callable[[], bool]) -> Outcome:
    plan = attempt(lambda: load(True))
    if isinstance(plan, Crash):
        plan = plan_of_crash(plan)
    timeout = limits.timeout or plan.timeout
    results = run_here(plan, until=began + timeout, stop=stop, cut_status=limits.cut_status)
    return Outcome(
        results={result.name: result for result in results},
        secrets=plan.secrets,
        timeout=timeout,
        fail_on=plan.fail_on,
        recording=plan.recording,
    )
