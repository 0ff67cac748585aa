"""The Celery task, for beat: `health_cli.run_checks` runs the checks and records them."""

import io
import logging

from celery import shared_task

from health_cli.cli.entry import call
from health_cli.cli.surroundings import Surroundings

logger = logging.getLogger("health_cli")


@shared_task(name="health_cli.run_checks", ignore_result=True)  # type: ignore[untyped-decorator]
def run_checks(*patterns: str, timeout: float | None = None, trigger: str = "task") -> int:
    """Run the checks once, all or those that the patterns mean, and record them. Return the exit code of `health run`.

    `timeout` is the deadline in seconds, `trigger` what the record says of who asked for it. Beside another recording
    run of this project on this host it does nothing, and returns 3. What could not be recorded is logged, as a warning
    of the logger `health_cli`.
    """
    said = io.StringIO()
    around = Surroundings(stdout=io.StringIO(), stderr=said, trigger=trigger, forks=False)
    options = [] if timeout is None else ["--timeout", str(timeout)]
    options += ["--format", "table"]  # in nagios, what could not be recorded would be in the report
    code = call(["run", "--record", "--on-overlap", "skip", *options, "--", *patterns], "health", around)
    for line in said.getvalue().splitlines():
        logger.warning("%s", line)
    return code
