"""The Celery tasks: `health_cli.run_checks`, for beat, and `health_cli.canary`, which celery.canary sends."""

import io
import logging
import time
from typing import Any

from celery import shared_task

from health_cli.checks.celery.canary import KEPT, TASK
from health_cli.cli.entry import call
from health_cli.cli.surroundings import Surroundings
from health_cli.core.guard import attempt

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


@shared_task(name=TASK, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def canary(self: Any, answers: str, ident: str) -> None:
    """Say that a worker runs this, and when it began, into the queue `answers` of the same broker."""
    said = {"ident": ident, "started": time.time(), "worker": self.request.hostname}
    with self.app.producer_or_acquire() as producer:
        producer.publish(said, routing_key=answers, exchange="", serializer="json", retry=False, expiration=KEPT)
        if producer.connection.transport.driver_type == "redis":  # which keeps a queue for ever, whoever reads it
            attempt(lambda: _expire(producer.channel, answers))  # who may not do that leaves one key


def _expire(channel: Any, queue: str) -> None:
    with channel.conn_or_acquire() as client:
        client.expire(f"{channel.global_keyprefix}{queue}", KEPT)
