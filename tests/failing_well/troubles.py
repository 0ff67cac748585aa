"""What is done to the servers, each undone at its end."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from tests.brokers import CeleryWorker, sender
from tests.failing_well import canaries
from tests.failing_well.stack import GRANTED, RULES, OwnRedis, Stack, Workers, crowd
from tests.servers import Server, wait_until


@contextmanager
def untouched(stack: Stack) -> Iterator[None]:
    """All servers are well: the settings are what is wrong."""
    yield


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server is down."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(*servers: Server) -> Iterator[None]:
    """The servers are there and do nothing: the kernel accepts connections for them."""
    for server in servers:
        server.freeze()
    try:
        yield
    finally:
        for server in servers:
            server.thaw()
            wait_until(server.ready, "an answer")


@contextmanager
def mariadb_full(stack: Stack) -> Iterator[None]:
    """Every connection but the administrator's spare one is taken."""
    stack.mariadb.sql("SET GLOBAL max_connections = 10")
    with ExitStack() as taken:
        taken.callback(stack.mariadb.sql, "SET GLOBAL max_connections = 151", "FLUSH STATUS")
        for _ in range(10):
            taken.enter_context(closing(stack.mariadb.as_app()))
        yield


@contextmanager
def mariadb_statement(stack: Stack, statement: str, undo: str) -> Iterator[None]:
    """A statement of the administrator's is in force, over a connection that stays open."""
    with closing(stack.mariadb.connect()) as connection:
        connection.cursor().execute(statement)
        try:
            yield
        finally:
            connection.cursor().execute(undo)


@contextmanager
def mariadb_sleeping(stack: Stack) -> Iterator[None]:
    """The server lets the application in and then answers nothing."""
    stack.mariadb.sql("SET GLOBAL init_connect = 'DO SLEEP(60)'")
    try:
        yield
    finally:
        stack.mariadb.sql("SET GLOBAL init_connect = ''", "KILL USER app")


@contextmanager
def mariadb_changing(stack: Stack) -> Iterator[None]:
    """A change of a table waits for a transaction that has read it, and everybody else for the change."""
    with closing(stack.mariadb.as_app()) as reader, closing(stack.mariadb.connect()) as changer:
        reader.autocommit(False)
        reader.cursor().execute("SELECT * FROM orders")
        alter = "ALTER TABLE shop.orders COMMENT 'changed'"
        thread = threading.Thread(target=lambda: changer.cursor().execute(alter))
        thread.start()
        waiting = "SELECT 1 FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'"
        wait_until(lambda: stack.mariadb.sql(waiting), "a change that waits")
        try:
            yield
        finally:
            reader.rollback()
            thread.join()


@contextmanager
def mariadb_forgotten(stack: Stack) -> Iterator[None]:
    """A transaction is open and holds a row; the probe's account may see it."""
    grant, account = "PROCESS, SLAVE MONITOR ON *.*", "app@'127.0.0.1'"
    stack.mariadb.sql(f"GRANT {grant} TO {account}")
    with closing(stack.mariadb.as_app()) as holder:
        holder.autocommit(False)
        holder.cursor().execute("UPDATE orders SET id = 2")
        time.sleep(1.1)  # the server counts whole seconds
        try:
            yield
        finally:
            holder.rollback()
            stack.mariadb.sql(f"REVOKE {grant} FROM {account}")


@contextmanager
def redis_without_rights(stack: Stack) -> Iterator[None]:
    """The account may log in, and do nothing."""
    stack.redis.allow(*RULES)
    try:
        yield
    finally:
        stack.redis.allow(*GRANTED)


@contextmanager
def without_rule(server: OwnRedis, rule: str) -> Iterator[None]:
    """The account lacks one of its rights."""
    server.allow(*(other for other in server.granted if other != rule))
    try:
        yield
    finally:
        server.allow(*server.granted)


@contextmanager
def redis_config(server: OwnRedis, **options: str) -> Iterator[None]:
    """Options of the server are changed while it runs."""
    with server.client() as client:
        before = {name: client.config_get(name)[name] for name in options}
        for name, value in options.items():
            client.config_set(name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                client.config_set(name, value)


@contextmanager
def redis_unsaved(stack: Stack) -> Iterator[None]:
    """The last snapshot could not be written, since a folder stands in its place."""
    dump = stack.redis.folder / "dump.rdb"
    with stack.redis.client() as client, redis_config(stack.redis, save="3600 1"):
        dump.unlink(missing_ok=True)
        dump.mkdir()
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed save")
        try:
            yield
        finally:
            shutil.rmtree(dump)
            client.bgsave()
            wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", "a save")


@contextmanager
def redis_replica(stack: Stack) -> Iterator[None]:
    """The server follows another one, well."""
    master = stack["master"]
    with (
        master.client() as other,
        stack.redis.client() as client,
        redis_config(stack.redis, masterauth=master.password),
    ):
        other.config_set("repl-diskless-sync-delay", "0")
        client.replicaof("127.0.0.1", master.port)
        try:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "a link to the master")
            yield
        finally:
            client.replicaof("NO", "ONE")
            stack.redis.allow(*GRANTED)


@contextmanager
def redis_crowded(stack: Stack) -> Iterator[None]:
    """Every connection is taken."""
    with redis_config(stack.redis, maxclients="4"), ExitStack() as taken:
        for link in crowd(stack.redis.port, 6):
            taken.enter_context(link)
        yield


@contextmanager
def ended(stack: Stack, name: str) -> Iterator[None]:
    """The server is down, and whoever needs it next starts another: this one takes long to come back."""
    stack.stop(name)
    yield


@contextmanager
def workers_frozen(workers: Workers, *frozen: CeleryWorker) -> Iterator[None]:
    """These workers' main processes are stopped; afterwards they answer again."""
    for worker in frozen:
        worker.freeze()
    try:
        yield
    finally:
        for worker in frozen:
            worker.thaw()
        with sender(workers.broker.admin_url) as app:
            names = [worker.name for worker in frozen]
            wait_until(lambda: len(app.control.ping(names, 1, limit=len(names))) == len(names), "their answer")


@contextmanager
def backlog(workers: Workers, tasks: int) -> Iterator[None]:
    """One task keeps the only process busy, others wait in its worker, and more of them in the queue."""
    with sender(workers.broker.admin_url) as app:
        sent = [app.send_task("tests.nap", (60,), queue="orders").id for _ in range(tasks)]
        wait_until(lambda: _waiting(app, "orders") <= tasks - 5, "five tasks in the worker", limit=20)
        try:
            yield
        finally:
            _ask(app, lambda channel: channel.queue_purge("orders"))
            app.control.revoke(sent, terminate=True)
            wait_until(lambda: _idle(app, workers.prefork.name), "the end of its tasks")
            _forget(workers)


@contextmanager
def unread(broker: Any, queue: str, tasks: int) -> Iterator[None]:
    """Tasks wait in a queue that no worker reads."""
    with sender(broker.admin_url) as app:
        for _ in range(tasks):
            app.send_task("tests.nap", (0,), queue=queue)
        try:
            yield
        finally:
            broker.drop(queue)


@contextmanager
def failed_tasks(workers: Workers, failed: int, well: int) -> Iterator[None]:
    """Tasks have failed, and said more than they should."""
    with sender(workers.broker.admin_url) as app:
        for _ in range(failed):
            app.send_task("tests.fail", (f"no login with {canaries.TYPED}",), queue="orders")
        for _ in range(well):
            app.send_task("tests.add", (1, 2), queue="orders")
        with workers.results.client() as client:
            wait_until(lambda: client.dbsize() == failed + well, "all results", limit=20)
        try:
            yield
        finally:
            _forget(workers)


def _ask(app: Any, question: Callable[[Any], Any]) -> Any:
    with app.connection_for_write() as connection:
        return question(connection.default_channel)


def _waiting(app: Any, queue: str) -> int:
    return int(_ask(app, lambda channel: channel.queue_declare(queue, passive=True)).message_count)


def _idle(app: Any, name: str) -> bool:
    asked = app.control.inspect([name], timeout=1, limit=1)
    return asked.active() == {name: []} and asked.reserved() == {name: []}


def _forget(workers: Workers) -> None:
    with workers.results.client() as client:
        client.flushdb()
