"""What is done to the servers, each undone at its end."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.failing_well.stack import GRANTED, RULES, Stack, crowd
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
def redis_config(stack: Stack, **options: str) -> Iterator[None]:
    """Options of the server are changed while it runs."""
    with stack.redis.client() as client:
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
    with stack.redis.client() as client, redis_config(stack, save="3600 1"):
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
    with master.client() as other, stack.redis.client() as client, redis_config(stack, masterauth=master.password):
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
    with redis_config(stack, maxclients="4"), ExitStack() as taken:
        for link in crowd(stack.redis.port, 6):
            taken.enter_context(link)
        yield
