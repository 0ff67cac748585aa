"""The servers of the cases: each started when the first case needs it, and put right again after each."""

import base64
import json
import socket
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from tests.brokers import CeleryWorker, RabbitMQ
from tests.failing_well.canaries import BROKER, CACHE, CACHE_OPTION, DATABASE, RESULTS
from tests.servers import PASSWORD, MariaDB, Redis, Server, Silent, wait_until

RULES = ("resetkeys", "resetchannels", "-@all")
GRANTED = (*RULES, "+ping", "+select", "+info", "+slowlog|len", "+set", "+get", "+del", "~health-cli:*")
# What Celery itself needs of a broker on Redis, and what the probe needs besides.
BROKER_RULES = (
    *RULES, "&*", "+ping", "+select", "+info", "+multi", "+exec", "+watch", "+unwatch", "+discard",
    "+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe", "+publish", "+evalsha", "+eval", "+script|load",
    "+sadd", "+srem", "+smembers", "+sismember", "+scard", "+exists", "+del", "+llen", "+lpush", "+rpush", "+rpop",
    "+brpop", "+lrem", "+zadd", "+zrem", "+zrange", "+zrevrangebyscore", "+zrangebyscore", "+hset", "+hget", "+hdel",
    "+time", "+pttl", "+set", "+get", "+expire", "+pexpire",
    "~orders*", "~emails*", "~reports*", "~unacked*", "~_kombu.*",
    "~*celery.pidbox*", "~celeryev.*", "~health-cli:*",
)  # fmt: skip
RESULTS_RULES = (
    *RULES, "+ping", "+select", "+set", "+get", "+del", "~health-cli:*",
    "+scan", "+getrange", "+pttl", "~celery-task-meta-*",
)  # fmt: skip
KEPT = {b"_kombu.binding_deadlines"}  # kombu's own list of what ends when, once anything was bound
SHOP = {
    "CELERY_TASK_DEFAULT_QUEUE": "orders",
    "CELERY_TASK_ROUTES": {"shop.tasks.send_invoice": {"queue": "emails"}},
}


class OwnMariaDB(MariaDB):
    """A MariaDB whose account `app` has the canary for a password, and a table to be locked."""

    def start(self) -> "OwnMariaDB":
        fresh = not (self.folder / "data").exists()
        super().start()
        if fresh:
            connection = self.connect()
            connection.cursor().execute("SET PASSWORD FOR app@'127.0.0.1' = PASSWORD(%s)", (DATABASE,))
            connection.close()
            self.sql("CREATE TABLE shop.orders (id INT PRIMARY KEY)", "INSERT INTO shop.orders VALUES (1)")
        return self

    def as_app(self) -> Any:
        return self.connect(host="127.0.0.1", port=self.port, user="app", password=DATABASE, database="shop")

    def settings(self, **changes: Any) -> dict[str, Any]:
        return super().settings(PASSWORD=DATABASE, **changes)

    def leftovers(self) -> list[Any]:
        """The connections of the application's account."""
        return self.sql("SELECT * FROM information_schema.processlist WHERE user = 'app'")


class OwnRedis(Redis):
    """A Redis with an account `app` that has the rights of the manual page, and no more."""

    password = PASSWORD  # the administrator's
    secret = CACHE  # the account's
    granted: Sequence[str] = GRANTED

    def start(self) -> "OwnRedis":
        super().start()
        self.allow(*self.granted)
        return self

    def allow(self, *rules: str) -> None:
        """Give the account these rights."""
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "on", f">{self.secret}", *rules)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The password of the URL is the one that counts."""
        location = f"redis://app:{quote(CACHE, safe='')}@127.0.0.1:{self.port}/1"
        return super().settings(LOCATION=location, OPTIONS={"password": CACHE_OPTION}, **changes)

    def leftovers(self) -> list[Any]:
        """The connections of the account, and the keys of the probe."""
        with self.client(db=1) as client:
            connections = [row for row in client.client_list() if row["user"] == "app"]
            return [*connections, *client.scan_iter("health-cli*")]


class LoadingRedis(OwnRedis):
    """A Redis that takes a quarter of a minute to load its data."""

    KEYS = 100_000

    def start(self) -> "LoadingRedis":
        fill = OwnRedis(self.folder)
        fill.start()
        with fill.client() as client:
            client.mset({f"key{number}": "x" * 20 for number in range(self.KEYS)})
            client.save()
        fill.stop()
        super().start()
        wait_until(self._under_way, "a part of the data")
        return self

    def command(self) -> Sequence[str]:
        return [*super().command(), "--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024"]

    def ready(self) -> object:
        with self.client() as client:
            return client.info("persistence")

    def _under_way(self) -> bool:
        with self.client() as client:
            return float(client.info("persistence").get("loading_loaded_perc", 0)) > 5

    def stop(self) -> None:
        if self._process:
            self._process.kill()  # it would load to the end before it heard of a polite one
        super().stop()

    def leftovers(self) -> list[Any]:
        with self.client() as client:
            return [row for row in client.client_list() if row["user"] == "app"]


class SilentServer(Server):
    """A port that accepts connections and never says a word, with the login of whatever should be there."""

    def __init__(self, folder: Path) -> None:
        self._silent = Silent()
        self.port = self._silent.port

    def start(self) -> "SilentServer":
        return self

    def stop(self) -> None:
        self._silent.close()

    def leftovers(self) -> list[Any]:
        return []


class RedisBroker(OwnRedis):
    """A Redis for Celery's messages, with an account for the workers and the probe."""

    secret = BROKER
    granted = BROKER_RULES

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.workers: Workers | None = None
        self._known: set[bytes] = set()

    @property
    def broker_url(self) -> str:
        """The login of the account."""
        return f"redis://app:{quote(self.secret, safe='')}@127.0.0.1:{self.port}/0"

    @property
    def admin_url(self) -> str:
        """What the tests themselves send by: their connections are none of the account's."""
        return self.url()

    def celery(self) -> dict[str, Any]:
        """The settings of the application."""
        return {**SHOP, "CELERY_BROKER_URL": self.broker_url}

    def drop(self, queue: str) -> None:
        """Delete a queue and what binds it."""
        with self.client() as client:
            client.delete(queue, f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")

    def note(self) -> None:
        """Take down the keys that are there."""
        self._known = self._keys()

    def leftovers(self) -> list[Any]:
        """The keys that are new, and the connections of the account but for the workers'."""
        with self.client() as client:
            theirs = self.workers.ports() if self.workers else set()
            rows = [row for row in client.client_list() if row["user"] == "app"]
        connections = [row for row in rows if int(row["addr"].rpartition(":")[2]) not in theirs]
        return [*connections, *(self._keys() - self._known)]

    def _keys(self) -> set[bytes]:
        with self.client() as client:
            return {key for key in client.scan_iter() if key not in KEPT}


class RedisResults(OwnRedis):
    """A Redis for Celery's results; the account of the probe has the rights of the manual page."""

    secret = RESULTS
    granted = RESULTS_RULES

    def celery(self) -> dict[str, Any]:
        """The settings of the application."""
        url = f"redis://app:{quote(self.secret, safe='')}@127.0.0.1:{self.port}/0"
        return {"CELERY_RESULT_BACKEND": url}

    def leftovers(self) -> list[Any]:
        """The connections of the probe's account, and its keys."""
        with self.client() as client:
            connections = [row for row in client.client_list() if row["user"] == "app"]
            return [*connections, *client.scan_iter("*health-cli*")]


class OwnRabbitMQ(RabbitMQ):
    """A RabbitMQ whose account has the canary for a password, with its management."""

    password = BROKER

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, management=True)
        self.workers: Workers | None = None
        self._known: set[str] = set()

    @property
    def broker_url(self) -> str:
        """The login of the account."""
        return self.url

    @property
    def admin_url(self) -> str:
        """The same login: what is left of connections is not looked at here."""
        return self.url

    @property
    def api(self) -> str:
        """The URL of its management, with the login."""
        return f"http://app:{quote(self.password, safe='')}@127.0.0.1:{self.management_port}"

    def celery(self) -> dict[str, Any]:
        """The settings of the application."""
        return {**SHOP, "CELERY_BROKER_URL": self.url}

    def drop(self, queue: str) -> None:
        """Delete a queue."""
        with self.connect() as connection:
            connection.channel().queue_delete(queue)

    def note(self) -> None:
        """Take down the queues that are there."""
        self._known = self._queues()

    def leftovers(self) -> list[Any]:
        """The queues that are new."""
        return list(self._queues() - self._known)

    def _queues(self) -> set[str]:
        login = base64.b64encode(f"app:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management_port}/api/queues/shop", headers={"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            return {row["name"] for row in json.load(response)}

    def stop(self, limit: float = 20) -> None:
        self.kill()  # its management would take five seconds to say goodbye


class Workers:
    """Two workers of the shop: `w1`, solo, reads `emails`, and `w2`, with a process for its tasks, `orders`."""

    def __init__(self, folder: Path, broker: Any, results: Redis) -> None:
        how: dict[str, Any] = {"env": {"CELERY_RESULT_BACKEND": results.url()}}
        self.solo = CeleryWorker(folder / "w1", broker.broker_url, queues=["emails"], name="w1", **how)
        self.prefork = CeleryWorker(
            folder / "w2", broker.broker_url, pool="prefork", queues=["orders"], name="w2", **how
        )
        self.all = (self.solo, self.prefork)
        self.broker, self.results = broker, results
        broker.workers = self

    def start(self) -> "Workers":
        """Start both at the same time."""
        for worker in self.all:
            worker.launch()
        for worker in self.all:
            worker.wait()
        return self

    def stop(self) -> None:
        """End both at the same time."""
        for worker in self.all:
            worker.terminate()
        for worker in self.all:
            worker.stop(limit=5)
        self.broker.workers = None

    def ports(self) -> set[int]:
        """Our ends of their connections."""
        members = [member for worker in self.all for member in (psutil.Process(worker.pid), *worker.family())]
        return {link.laddr.port for member in members for link in member.net_connections() if link.laddr}

    def leftovers(self) -> list[Any]:
        return []


# A case names the servers that it needs by these names; each must have settings() or stand in for one that has,
# and leftovers(): what a probe of ours must not have left in it.
SERVERS: dict[str, Callable[[Path], Any]] = {
    "mariadb": OwnMariaDB,
    "redis": OwnRedis,
    "master": OwnRedis,
    "loading": LoadingRedis,
    "silent": SilentServer,
    "broker": RedisBroker,
    "results": RedisResults,
    "rabbitmq": OwnRabbitMQ,
    "workers": Workers,
    "rabbitmq-workers": Workers,
}
# What a server is given besides its folder: other servers.
ON = {"workers": ("broker", "results"), "rabbitmq-workers": ("rabbitmq", "results")}


class Stack:
    """The servers by name; those that cases have asked for are running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Any] = {}
        self._launched: set[str] = set()
        self._made = 0

    def __getitem__(self, name: str) -> Any:
        if name not in self._running:
            self._make(name).start()
        elif name in self._launched:
            self._running[name].wait()
        self._launched.discard(name)
        return self._running[name]

    def launch(self, name: str) -> None:
        """Start a server that takes long, and go on: whoever needs it will wait for it."""
        self._make(name).launch()
        self._launched.add(name)

    def _make(self, name: str) -> Any:
        self._made += 1
        server = SERVERS[name](self._folder / f"{name}-{self._made}", *(self[other] for other in ON.get(name, ())))
        self._running[name] = server  # before it is started, so that stop() ends what did not get ready
        return server

    def stop(self, *names: str) -> None:
        """End these servers, all without a name: the last first, since workers miss their broker."""
        for name in names or tuple(reversed(self._running)):
            if name in self._running:
                self._running.pop(name).stop()
                self._launched.discard(name)

    @property
    def mariadb(self) -> OwnMariaDB:
        server: OwnMariaDB = self["mariadb"]
        return server

    @property
    def redis(self) -> OwnRedis:
        server: OwnRedis = self["redis"]
        return server

    def note(self, names: Sequence[str]) -> None:
        """Take down what is in these servers now, where more than names tells what is ours."""
        for name in names:
            if hasattr(self[name], "note"):
                self[name].note()

    def leftovers(self, names: Sequence[str]) -> list[Any]:
        """What is still in these servers of ours."""
        return [item for name in names if name in self._running for item in self._running[name].leftovers()]


def crowd(port: int, number: int) -> list[socket.socket]:
    """Open connections that never log in."""
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
