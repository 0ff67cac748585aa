"""Sends a canary to a queue and waits for it. Loaded only when that is asked for, since it needs Celery."""

import os
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from celery.exceptions import CeleryError
from kombu import Connection, Producer, Queue

from health_cli.checks.celery.canary import TASK
from health_cli.checks.celery.link import any_link
from health_cli.checks.celery.roll_call import declared
from health_cli.core.assembly import machine
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

EXPIRES = 3_600  # seconds, after which no worker runs it any more
LOST = 60  # seconds: one that is away for longer, with nothing in the queue, does not come back
PART = 0.7  # of the limit
STEP = 0.03  # seconds between two looks


def fly(app: Any, queue: str, before: Mapping[str, Any], limit: float) -> dict[str, Any]:
    """Look for those on their way, send one where none is, and wait; return what to remember, as JSON.

    `away` are the times of sending by id, `away_since` the first of those that nothing has come back of since;
    `back` is the last that did: when it was sent (`at`), its `latency` and its `worker`. Failure where the broker or
    the queue can't be used.
    """
    until = time.monotonic() + limit * PART
    flight: dict[str, Any] = {"away": {}, "away_since": None, "back": None, **before}
    with any_link(app, limit) as connection:
        answers = Queue(_answers_to(app, queue), channel=connection, durable=True, expires=EXPIRES)
        answers.declare()
        _take(answers, flight)
        flight["away"] = {ident: at for ident, at in flight["away"].items() if time.time() - at < EXPIRES}
        if not _is_on_its_way(flight, connection, queue):
            _send(app, connection, queue, answers.name, flight)
        while flight["away_since"] and time.monotonic() < until:
            time.sleep(STEP)
            _take(answers, flight)
    return flight


def _answers_to(app: Any, queue: str) -> str:
    """Return the name of our queue: the same for each run, so that the next one finds what came too late."""
    whose = f"{machine()} {app.main or ''} {queue}"
    return f"health-cli.canary.{sha256(whose.encode()).hexdigest()[:16]}"


def _is_on_its_way(flight: Mapping[str, Any], connection: Connection, queue: str) -> bool:
    if not flight["away"]:
        return False
    if time.time() - max(flight["away"].values()) < LOST:
        return True
    state = declared(connection, queue)
    return bool(state and state.message_count)


def _send(app: Any, connection: Connection, queue: str, answers: str, flight: dict[str, Any]) -> None:
    ident, now = os.urandom(8).hex(), time.time()
    try:
        app.send_task(
            TASK, kwargs={"answers": answers, "ident": ident}, queue=queue, connection=connection, retry=False,
            expires=EXPIRES, ignore_result=True,
        )  # fmt: skip
    except (CeleryError, KeyError) as error:  # QueueNotFound is both
        raise Failure(
            Kind.MISCONFIGURED, f"Nothing can be sent to the queue {queue}: {error}", summary="no such queue",
            hint="Is it in task_queues? See CELERY_QUEUES in HEALTH_CLI.", status=Status.UNKNOWN,
        ) from error  # fmt: skip
    flight["away"][ident] = now
    flight["away_since"] = flight["away_since"] or now


def _take(answers: Queue, flight: dict[str, Any]) -> None:
    """Take what has come back; one that did ends the wait for all that were sent before."""
    for answer in list(_read(answers)):
        at = flight["away"].get(answer["ident"])
        if at is None:
            _put_back(answers, answer)
            continue
        latency = min(max(0.0, answer["started"] - at), time.time() - at)
        flight["back"] = {"at": at, "latency": round(latency, 6), "worker": str(answer["worker"])}
        flight["away"] = {ident: sent for ident, sent in flight["away"].items() if sent > at}
        flight["away_since"] = min(flight["away"].values(), default=None)


def _put_back(answers: Queue, answer: Mapping[str, Any]) -> None:
    """Leave what a run beside us waits for; what is older is of one that could not remember."""
    if time.time() - answer["started"] < LOST:
        Producer(answers.channel, auto_declare=False).publish(
            answer, routing_key=answers.name, exchange="", serializer="json"
        )


def _read(answers: Queue) -> Iterator[Mapping[str, Any]]:
    while message := answers.get(no_ack=True, accept=["json"]):
        yield message.payload
