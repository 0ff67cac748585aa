"""The servers of the cases: each started when the first case needs it, and put right again after each."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.failing_well.canaries import CACHE, CACHE_OPTION, DATABASE
from tests.servers import PASSWORD, MariaDB, Redis, Server, Silent, wait_until

RULES = ("resetkeys", "resetchannels", "-@all")
GRANTED = (*RULES, "+ping", "+select", "+info", "+slowlog|len", "+set", "+get", "+del", "~health-cli:*")


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

    def start(self) -> "OwnRedis":
        super().start()
        self.allow(*GRANTED)
        return self

    def allow(self, *rules: str) -> None:
        """Give the account these rights."""
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "on", f">{CACHE}", *rules)

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


# A case names the servers that it needs by these names; each must have settings() or stand in for one that has,
# and leftovers(): what a probe of ours must not have left in it.
SERVERS: dict[str, Callable[[Path], Any]] = {
    "mariadb": OwnMariaDB,
    "redis": OwnRedis,
    "master": OwnRedis,
    "loading": LoadingRedis,
    "silent": SilentServer,
}


class Stack:
    """The servers by name; those that cases have asked for are running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._running:
            server = SERVERS[name](self._folder / name)
            self._running[name] = server  # before it is started, so that stop() ends what did not get ready
            server.start()
        return self._running[name]

    def stop(self, *names: str) -> None:
        """End these servers, all without a name."""
        for name in names or tuple(self._running):
            if name in self._running:
                self._running.pop(name).stop()

    @property
    def mariadb(self) -> OwnMariaDB:
        server: OwnMariaDB = self["mariadb"]
        return server

    @property
    def redis(self) -> OwnRedis:
        server: OwnRedis = self["redis"]
        return server

    def leftovers(self, names: Sequence[str]) -> list[Any]:
        """What is still in these servers of ours."""
        return [item for name in names if name in self._running for item in self._running[name].leftovers()]


def crowd(port: int, number: int) -> list[socket.socket]:
    """Open connections that never log in."""
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
