"""Sends a canary to a queue and waits for it. Loaded only when that is asked for, since it needs Celery."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from celery.exceptions import CeleryError
from kombu import Connection, Producer, Queue
from kombu.exceptions import KombuError

from health_cli.checks.celery.canary import KEPT, TASK
from health_cli.checks.celery.link import RABBITMQ, any_link, driver_of
from health_cli.checks.celery.roll_call import declared
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.memory import Memory
from health_cli.core.status import Status

EXPIRES = 3_600  # seconds, after which no worker runs it any more
LOST = 60  # seconds: one that is away for longer, with nothing in the queue, does not come back
BESIDE = 10  # seconds: one that was sent since is taken for that of a run that waits for it still
PART = 0.7  # of the limit
STEP = 0.03  # seconds between two looks


def fly(app: Any, queue: str, memory: Memory, limit: float) -> dict[str, Any]:
    """Look for those on their way, send one where none is, and wait; return what is remembered, as JSON.

    `away` are the times of sending by id, `away_since` the first of those that nothing has come back of since;
    `back` is the last that did: when it was sent (`at`), its `latency`, None where the clocks do not agree, and its
    `worker`. `answers` is our queue. Failure where the broker or the queue can't be used, or nothing be remembered.
    """
    began, until = time.time(), time.monotonic() + limit * PART
    flight = without_those_beside(remembered(memory.load(), began), began)
    if why := memory.save(flight):  # else each run would send one, however many wait already
        raise Failure(
            Kind.READ_ONLY, f"No canary is sent, since it could not be remembered: {why}.", summary="can't remember",
            hint="Give this user a state folder that can be written, in HEALTH_STATE_DIR.", status=Status.UNKNOWN,
        )  # fmt: skip
    with any_link(app, limit) as connection:
        rabbit = driver_of(connection) == RABBITMQ
        answers = Queue(flight["answers"], channel=connection, durable=True, expires=KEPT if rabbit else None)
        answers.declare()
        _take(answers, flight, began)
        if not _is_on_its_way(flight, connection, queue):
            if rabbit and declared(connection, queue) is None:
                raise _no_queue(f"There is no queue {queue}: no worker has made it so far")
            _send(app, connection, queue, flight)
            memory.save(flight)
        while flight["away_since"] and time.monotonic() < until:
            time.sleep(STEP)
            _take(answers, flight, began)
            flight = _newest(flight, memory)
    memory.save(flight)
    return flight


def remembered(kept: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return what an earlier run has left, as far as it makes sense; the name of our queue stays."""
    away, back, since, answers = (kept.get(key) for key in ("away", "back", "away_since", "answers"))
    known = {
        str(ident): float(at) for ident, at in (away.items() if isinstance(away, Mapping) else ())
        if _is_past(at, now) and now - at < KEPT
    }  # fmt: skip
    if (
        not isinstance(back, Mapping)
        or not ({"at", "latency", "worker"} <= set(back) and _is_past(back["at"], now))
        or not (back["latency"] is None or _is_past(back["latency"], KEPT))
    ):
        back = None
    return {
        "answers": answers if isinstance(answers, str) else f"health-cli.canary.{os.urandom(8).hex()}",
        "away": known, "away_since": since if _is_past(since, now) else min(known.values(), default=None),
        "back": back,
    }  # fmt: skip


def without_those_beside(flight: dict[str, Any], now: float) -> dict[str, Any]:
    """Return it without canaries that were sent just now: a run beside us waits for them, and takes what we would."""
    older = {ident: at for ident, at in flight["away"].items() if now - at >= BESIDE}
    since = flight["away_since"]
    if since is not None and now - since < BESIDE:
        since = min(older.values(), default=None)
    return {**flight, "away": older, "away_since": since}


def _is_past(at: object, now: float) -> bool:
    """Tell whether it is a number of seconds, and no more than these: a clock may have been ahead."""
    return isinstance(at, int | float) and 0 <= at <= now


def _newest(flight: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """Return what a run beside us has remembered meanwhile, where that has taken what we wait for."""
    other = remembered(memory.load(), time.time())
    taken = other["back"] and other["back"]["at"] in flight["away"].values() and other["answers"] == flight["answers"]
    return other if taken else flight


def _is_on_its_way(flight: Mapping[str, Any], connection: Connection, queue: str) -> bool:
    if not flight["away"]:
        return False
    if time.time() - max(flight["away"].values()) < LOST:
        return True
    state = declared(connection, queue)
    waits = bool(state and state.message_count)
    return waits and time.time() - max(flight["away"].values()) < EXPIRES


def _send(app: Any, connection: Connection, queue: str, flight: dict[str, Any]) -> None:
    ident, now = os.urandom(8).hex(), time.time()
    try:
        app.send_task(
            TASK, kwargs={"answers": flight["answers"], "ident": ident}, queue=queue, connection=connection,
            retry=False, expires=EXPIRES, ignore_result=True,
        )  # fmt: skip
    except (CeleryError, KeyError) as error:  # QueueNotFound is both
        raise _no_queue(f"Nothing can be sent to the queue {queue}: {error}") from error
    flight["away"][ident] = now
    flight["away_since"] = flight["away_since"] or now


def _no_queue(text: str) -> Failure:
    return Failure(
        Kind.MISSING, f"{text}.", summary="no such queue", status=Status.UNKNOWN,
        hint="Is it in task_queues, and does a worker read it? See CELERY_QUEUES in HEALTH_CLI.",
    )  # fmt: skip


def _take(answers: Queue, flight: dict[str, Any], began: float) -> None:
    """Take what has come back; one that did ends the wait for all that were sent before."""
    for answer in list(_read(answers)):
        at = flight["away"].get(answer["ident"])
        if at is None:
            _put_back(answers, answer)
            continue
        by_worker = answer["started"] - at if answer["started"] >= at else None  # its clock is behind ours
        latency = time.time() - at if at >= began else by_worker
        flight["back"] = {
            "at": at, "latency": latency if latency is None else round(latency, 6), "worker": answer["worker"]
        }  # fmt: skip
        flight["away"] = {ident: sent for ident, sent in flight["away"].items() if sent > at}
        flight["away_since"] = min(flight["away"].values(), default=None)


def _put_back(answers: Queue, answer: Mapping[str, Any]) -> None:
    """Leave what a run beside us waits for; what is older is of one that could not remember."""
    if time.time() - answer["started"] < LOST:
        Producer(answers.channel, auto_declare=False).publish(
            answer, routing_key=answers.name, exchange="", serializer="json"
        )


def _read(answers: Queue) -> Iterator[Mapping[str, Any]]:
    """Yield what a canary has left; what is none of theirs is taken away."""
    while message := answers.get(no_ack=True, accept=["json"]):
        with suppress(KombuError, ValueError):  # somebody else's, whatever it is
            said = message.payload
            texts = isinstance(said, Mapping) and all(isinstance(said.get(key), str) for key in ("ident", "worker"))
            if texts and isinstance(said.get("started"), int | float):
                yield said
