"""Surveys the broker's queues and all workers. Loaded only when such a check runs, since it needs Celery."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from kombu import Connection

from health_cli.checks.celery.link import RABBITMQ, REDIS, any_link, driver_of
from health_cli.checks.celery.management import Management
from health_cli.checks.celery.pool import states_of
from health_cli.checks.celery.roll_call import BEAT, RollCall, consumers_of, declared
from health_cli.checks.celery.survey import MUTE, Node, QueueState, Survey

PATIENCE = 1.0  # seconds that a silent worker is waited for; sooner, and a busy one logs that nobody took its answer
NO_STAMP = "its messages carry no timestamp (docs/celery.md tells how they get one)"


def survey(app: Any, queues: tuple[str, ...], *, limit: float, management: str) -> Survey:
    """Connect, ask all workers, look at the queues; Failure where the broker can't be used."""
    with any_link(app, limit) as connection:
        # As Celery itself decides it (celery.worker.consumer.control).
        if not (app.conf.worker_enable_remote_control and connection.supports_exchange_type("fanout")):
            api = Management.of(connection, management, asked=False)
            return Survey(
                how=MUTE,
                queues={name: _queue(connection, api, name, (), "the workers can't be asked") for name in queues},
            )
        roll = RollCall(app, connection, PATIENCE, consumers_of(connection, queues))
        roll.run()
        nodes = tuple(sorted(_nodes(roll), key=lambda node: node.name))
        silent = roll.silent()
        api = Management.of(connection, management, asked=bool(silent))
        suspects = _suspects(connection, app, api, nodes) if silent or not nodes else ()
        workers = tuple(name for name in suspects if not name.startswith(BEAT))
        if suspects and not workers:  # a scheduler listens, too: celery.beat tells of it
            silent = max(0, silent - len(suspects))
        unsure = f"{silent} silent workers may read it" if silent else ""
        return Survey(
            how=roll.how,
            nodes=nodes,
            silent=silent,
            suspects=workers,
            queues={name: _queue(connection, api, name, nodes, unsure) for name in queues},
        )


def _nodes(roll: RollCall) -> Iterator[Node]:
    now = time.time()
    for name in roll.nodes():
        replies = roll.replies["ping"][name]
        said = {command: _last(roll.replies.get(command, {}).get(name)) for command in roll.replies}
        node = node_of(name, said, roll.offsets.get(name), now)
        yield replace(node, response_time=min(seconds for _, seconds in replies), replies=len(replies))


def _last(replies: Any) -> Any:
    return replies[-1][0] if replies else None


def node_of(name: str, said: Mapping[str, Any], offset: float | None, now: float) -> Node:
    """Return one worker from what it said to each question; what it did not say is None."""
    stats = _mapping(said.get("stats"))
    pool = _mapping(stats.get("pool"))
    active = _list(said.get("active"))
    began = [task["time_start"] for task in active or () if task.get("time_start")]
    queues = _list(said.get("active_queues"))
    processes = pool.get("processes") or ()
    return Node(
        name=name,
        pool=str(pool.get("implementation", "")).partition(":")[0].rpartition(".")[2],
        slots=_mapping(stats.get("autoscaler")).get("max") or pool.get("max-concurrency"),
        autoscaled="autoscaler" in stats,
        time_limit=(pool.get("timeouts") or (None, None))[-1] or None,
        processes=len(processes) if processes else None,
        active=_count(active),
        reserved=_count(_list(said.get("reserved"))),
        scheduled=_count(_list(said.get("scheduled"))),
        # By the worker's own clock, which is the one that noted the beginning.
        oldest_active=max(0.0, now + (offset or 0.0) - min(began)) if began else None,
        clock_offset=offset,
        queues=tuple(sorted(row["name"] for row in queues)) if queues is not None else None,
        uptime=stats.get("uptime"),
        # Where each process ends after some tasks, dead ones are what such a pool has, for seconds each.
        children={}
        if isinstance(pool.get("max-tasks-per-child"), int)
        else states_of(name, stats.get("pid"), processes),
    )


def _mapping(answer: Any) -> Mapping[str, Any]:
    """Return an answer that is a mapping; what it is instead tells nothing."""
    return answer if isinstance(answer, Mapping) else {}


def _list(answer: Any) -> list[Any] | None:
    """Return an answer that is a list; a worker that failed to find it out answers with its error instead."""
    return answer if isinstance(answer, list) else None


def _count(items: list[Any] | None) -> int | None:
    return None if items is None else len(items)


def _suspects(connection: Connection, app: Any, api: Management, nodes: tuple[Node, ...]) -> tuple[str, ...]:
    """Return the names of workers that the broker knows of and that have not answered."""
    exchange = app.control.mailbox(connection).exchange.name
    if driver_of(connection) == REDIS:
        known = [row[-1] for row in connection.default_channel.get_table(exchange)]
    else:
        known = api.bound_queues(exchange)
    names = {queue.removesuffix(f".{exchange}") for queue in known}
    return tuple(sorted(names - {node.name for node in nodes}))


def _queue(connection: Connection, api: Management, name: str, nodes: tuple[Node, ...], unsure: str = "") -> QueueState:
    """Return the state of a queue; `unsure` says why on Redis, which counts no readers, there may be some after all."""
    found = declared(connection, name)
    waiting = found.message_count if found else 0
    reading = sum(name in (node.queues or ()) for node in nodes)
    if driver_of(connection) == RABBITMQ:
        age, why = api.oldest(name) if waiting else (None, "")
        return QueueState(
            exists=bool(found), waiting=waiting, consumers=found.consumer_count if found else 0,
            oldest_waiting=age, why_no_age=why,
        )  # fmt: skip
    age, why = _oldest_on_redis(connection, name) if waiting and driver_of(connection) == REDIS else (None, "")
    return QueueState(
        exists=True, waiting=waiting, consumers=None if unsure and not reading else reading, why_no_consumers=unsure,
        oldest_waiting=age, why_no_age=why,
    )  # fmt: skip


def _oldest_on_redis(connection: Connection, queue: str) -> tuple[float | None, str]:
    """Return the age of the oldest task that waits, over the lists of all priorities."""
    channel = connection.default_channel
    redis = import_module("redis")
    client = redis.Redis(connection_pool=channel.pool)
    prefix = channel.global_keyprefix
    keys = [f"{prefix}{queue}{channel.sep}{step}" if step else f"{prefix}{queue}" for step in channel.priority_steps]
    try:
        heads = [head for key in keys if (head := client.lindex(key, -1))]
    except redis.exceptions.NoPermissionError:  # Celery itself never looks without taking
        return None, "needs the ACL rule +lindex"
    stamps = [stamp for head in heads if (stamp := _stamp(head))]
    return (max(0.0, time.time() - min(stamps)), "") if stamps else (None, NO_STAMP)


def _stamp(message: bytes) -> float | None:
    """Return when a message was sent, by its property `timestamp` in seconds; None where it has no such number."""
    try:
        stamp = _mapping(_mapping(json.loads(message)).get("properties")).get("timestamp")
    except ValueError:
        return None
    return float(stamp) if isinstance(stamp, int | float) else None
