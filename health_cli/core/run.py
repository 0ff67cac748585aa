"""Run: a plan in a worker process where forking is safe, else in this process with threads alone."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from health_cli.core.errors import ConfigError
from health_cli.core.plan import Loader
from health_cli.core.result import SETUP, failed
from health_cli.core.runner import run_here
from health_cli.core.status import Status
from health_cli.core.supervisor import Outcome, Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
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
) -> tuple[Outcome, str]:
    """Run a plan and return what came out, and how it was isolated: `process` or `threads`.

    `meanwhile` is called once, as soon as the checks are on their way in another process.
    """
    if not can_fork():
        meanwhile()
        return _here(load, limits), "threads"
    supervisor = Supervisor(load, limits.timeout, cut_status=limits.cut_status, stop=stop, watch=watch)
    supervisor.start()
    meanwhile()
    return supervisor.run(), "process"


def _here(load: Loader, limits: Limits) -> Outcome:
    try:
        plan = load(True)
    except ConfigError as error:
        return Outcome(results={SETUP: failed(SETUP, error)}, secrets=error.secrets)
    timeout = limits.timeout or plan.timeout
    results = run_here(plan, timeout=timeout, cut_status=limits.cut_status)
    return Outcome(
        results={result.name: result for result in results},
        secrets=plan.secrets,
        timeout=timeout,
        fail_on=plan.fail_on,
    )
