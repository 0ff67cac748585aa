"""The servers of the tests do what the tests rely on, and leave nothing behind."""

import base64
import contextlib
import json
import os
import signal
import urllib.request
from pathlib import Path

import amqp
import psutil
import pytest

from tests.brokers import RabbitMQ, sender
from tests.conftest import WorkerFactory
from tests.servers import PASSWORD, Process, Redis, alive, wait_until

POOLS = ("prefork", "solo", "threads")


def everyone(process: Process) -> list[psutil.Process]:
    """Return the process and its children, to ask later whether they are alive."""
    return [psutil.Process(process.pid), *process.family()]


def at_home_in(folder: Path) -> set[str]:
    """Return the names of the processes with this home: whoever a node started, daemons of their own too."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == str(folder) and alive(process):
                found.add(process.name())
    return found


def authorised(url: str) -> urllib.request.Request:
    """Return a request with the login of the administrator."""
    login = base64.b64encode(f"app:{PASSWORD}".encode()).decode()
    return urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})


def test_rabbitmq_comes_back_with_its_data_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = RabbitMQ(tmp_path / "rabbitmq")
    try:
        assert psutil.Process(server.start().pid).name() == "beam.smp"
        assert at_home_in(server.folder) >= {"beam.smp", "erl_child_setup"}
        with server.connect() as connection:
            connection.channel().queue_declare("kept", durable=True, auto_delete=False)
        assert server.ctl("list_queues", "-p", "shop", "name").split() == ["name", "kept"]
        server.ctl("eval", "rabbit_nodes_common:ensure_epmd().")  # as the node does every minute
        server.freeze()
        with pytest.raises(TimeoutError):
            server.connect(limit=0.5)
        server.thaw()
        server.connect().close()
        for end in (server.stop, server.kill):
            end()
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            assert not at_home_in(server.folder)
            server.start()
        with server.connect() as connection:
            connection.channel().queue_declare("kept", passive=True)
            with pytest.raises(amqp.NotFound):
                connection.channel().queue_declare("never made", passive=True)
    finally:
        server.stop()
    assert not at_home_in(server.folder)


def test_rabbitmq_has_its_management_where_that_is_asked_for(rabbitmq: RabbitMQ) -> None:
    with urllib.request.urlopen(authorised(f"{rabbitmq.management}/api/overview"), timeout=5) as response:
        assert json.load(response)["listeners"][0]["ip_address"] == "127.0.0.1"


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("broker", "end"), [("redis", "stop"), ("redis", "kill"), ("rabbitmq", "stop")])
def test_a_worker_works_and_leaves_nobody_behind(
    redis_server: Redis, rabbitmq: RabbitMQ, worker: WorkerFactory, pool: str, broker: str, end: str
) -> None:
    url = redis_server.url(3) if broker == "redis" else rabbitmq.url
    one = worker(url, pool=pool, concurrency=2, env={"CELERY_RESULT_BACKEND": redis_server.url(4)})
    members = everyone(one)
    assert len(one.children()) == (2 if pool == "prefork" else 0)
    with sender(url, redis_server.url(4)) as app:
        assert app.send_task("tests.add", (1, 2), queue="orders").get(timeout=10) == 3
    getattr(one, end)()
    assert not [member for member in members if alive(member)]


def test_whoever_a_dead_or_frozen_worker_left_is_ended_too(redis_server: Redis, worker: WorkerFactory) -> None:
    orphaned, frozen = worker(redis_server.url(3), pool="prefork"), worker(redis_server.url(3), pool="prefork")
    members = [*everyone(orphaned), *everyone(frozen)]
    os.kill(orphaned.pid, signal.SIGKILL)
    frozen.freeze()
    os.kill(frozen.children()[0], signal.SIGSTOP)
    wait_until(lambda: not alive(members[0]), "the end of the first worker")
    for one in (orphaned, frozen):
        one.stop()
    assert not [member for member in members if alive(member)]
