"""Running: what "Run now" does. A Celery worker that answers runs the checks, else this process does, in threads."""

import io
import logging
from importlib import import_module
from typing import NamedTuple

from health_cli.cli.entry import call
from health_cli.cli.surroundings import Surroundings
from health_cli.config.setting import HealthSetting
from health_cli.config.source import locate
from health_cli.core.assembly import machine
from health_cli.core.guard import Crash, attempt

logger = logging.getLogger("health_cli")

TASK = "health_cli.run_checks"
CONNECT, ANSWER = 2.0, 1.0  # seconds for the broker, and for the workers
EXPIRES = 60  # seconds after which a worker need not begin any more
OVERLAP = "Another run"


class Started(NamedTuple):
    """What became of the wish: `queued`, `done` or `refused`, as a sentence too, and on which host if that is known."""

    state: str
    message: str
    host: str = ""


def start(setting: HealthSetting) -> Started:
    """Have the checks run and recorded, within the run's deadline."""
    handed = attempt(lambda: _hand_over(setting))
    if handed is True:
        return Started("queued", "A Celery worker runs the checks: what it finds will be here in a moment.")
    if isinstance(handed, Crash):
        logger.info("no Celery worker runs the checks: %s", handed.name)
    return _run_here(setting.HOST or machine())


def _hand_over(setting: HealthSetting) -> bool:
    """Send the task, and tell whether a worker that knows it has answered."""
    app = import_module("health_cli.config.celery").find_app(locate(None, None, None), setting.CELERY_APP)
    if app is None:
        return False
    with import_module("health_cli.checks.celery.link").any_link(app, CONNECT) as link:
        replies = app.control.broadcast("registered", reply=True, timeout=ANSWER, connection=link)
        known = any(task.startswith(TASK) for reply in replies for tasks in reply.values() for task in tasks)
        if known:
            app.send_task(TASK, kwargs={"trigger": "page"}, expires=EXPIRES, ignore_result=True, connection=link)
    return known


def _run_here(host: str) -> Started:
    said = io.StringIO()
    around = Surroundings(stdout=io.StringIO(), stderr=said, trigger="page", forks=False)
    call(["run", "--record", "--on-overlap", "skip", "--format", "table"], "health", around)
    lines = said.getvalue().splitlines()
    if any(OVERLAP in line for line in lines):
        return Started("refused", "Another run is under way: what it finds will be here in a moment.", host)
    return Started("done", " ".join([f"The checks have run on {host}.", *lines]), host)
