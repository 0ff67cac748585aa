"""Private servers for the tests: each on a free loopback port, in a temporary folder of its own.

They can be stopped, killed, frozen and thawed. Only processes that were started here are ever ended.
RabbitMQ and Celery's workers are in `tests/brokers.py`.
"""

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import amqp
import MySQLdb
import psutil
import psycopg
import redis

PASSWORD = "canary-p@ss/w0rd:%é"  # every character here has broken a URL or a redaction somewhere
START_LIMIT = 60.0  # seconds; a cold disk on a busy machine


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """Return the path of a program; the failure names the line that installs it."""
    # Debian's own folder of RabbitMQ goes first: the script on the PATH changes the user, and the folder.
    found = shutil.which(name, path=f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}:/usr/sbin:/lib/systemd") or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None
    )
    assert found, f"'{name}' is not installed. Install it: apt-get install --no-install-recommends {package}"
    return found


def library(name: str, package: str) -> str:
    """Return the path of a library; the failure names the line that installs it."""
    found = next(iter(glob.glob(f"/usr/lib/*/{name}")), None)
    assert found, f"'{name}' is not installed. Install it: apt-get install --no-install-recommends {package}"
    return found


def wait_until(ready: Callable[[], object], what: str, limit: float = START_LIMIT) -> None:
    """Wait until something is so; fail with what it was, and the last error, when the limit is over."""
    until, error = time.monotonic() + limit, None
    while time.monotonic() < until:
        try:
            if ready():
                return
        except (OSError, MySQLdb.Error, psycopg.Error, redis.RedisError, amqp.AMQPError) as caught:
            error = caught
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come about in {limit:g} s (last error: {error})")


class Process:
    """One process that was started here, and its children."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return type(self).__name__

    def command(self) -> Sequence[str]:
        """What to run."""
        raise NotImplementedError

    def ready(self) -> object:
        """True once the process serves; may raise until then."""
        raise NotImplementedError

    def how(self) -> dict[str, Any]:
        """Further arguments for the process."""
        return {}

    def launch(self) -> Self:
        """Start, and wait for nothing; return self."""
        assert self._process is None, f"{self} was started already"
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, **{"cwd": self.folder, **self.how()},
            )  # fmt: skip
        return self

    def start(self) -> Self:
        """Start and wait until it serves; return self."""
        return self.launch().wait()

    def wait(self) -> Self:
        """Wait until what was launched serves; return self."""
        wait_until(self._ready_or_dead, str(self))
        return self

    def _ready_or_dead(self) -> object:
        assert self._process and self._process.poll() is None, self.output
        return self.ready()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def family(self) -> list[psutil.Process]:
        """The children, and theirs."""
        assert self._process
        return psutil.Process(self.pid).children(recursive=True) if self._process.poll() is None else []

    def terminate(self) -> None:
        """Ask the process to end, and wait for nothing."""
        if self._process is not None:
            self.thaw()
            self._process.terminate()

    def stop(self, limit: float = 20) -> None:
        """End the process and its children, politely first."""
        if self._process is None:
            return
        family = self.family()
        self.terminate()
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._bury(family)

    def kill(self) -> None:
        """End the process and its children at once: nobody can say goodbye."""
        if self._process is None:
            return
        family = self.family()
        self._process.kill()
        self._process.wait()
        self._bury(family)

    def _bury(self, family: Sequence[psutil.Process]) -> None:
        """See to it that nobody outlives the process."""
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        wait_until(lambda: not any(map(alive, family)), f"the end of the children of {self}")
        self._process = None

    def freeze(self) -> None:
        """Stop the process in its tracks: the kernel still accepts connections for it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, if it is there at all."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)


def alive(process: psutil.Process) -> bool:
    """Tell whether a process is there. A zombie is dead, whether or not anybody has noticed."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Server(Process):
    """A process with a port."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    def __str__(self) -> str:
        return f"{type(self).__name__} on port {self.port}"


class MariaDB(Server):
    """A MariaDB server with the database `shop` and the account `app`, which owns it and nothing else."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options
        self.socket = str(folder / "s")

    def start(self) -> Self:
        if not (self.folder / "data").exists():
            subprocess.run(
                [
                    program("mariadb-install-db", "mariadb-server"), "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    f"--datadir={self.folder / 'data'}", "--skip-test-db", "--skip-name-resolve",
                    "--innodb-log-file-size=8M",  # as it is run with: 96M are usual, and written out
                ],
                check=True, capture_output=True,
            )  # fmt: skip
            super().start()
            self.sql(
                "CREATE DATABASE shop",
                f"CREATE USER app@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
                "GRANT ALL ON shop.* TO app@'127.0.0.1'",
            )
            return self
        return super().start()

    def command(self) -> Sequence[str]:
        return [
            program("mariadbd", "mariadb-server"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1", f"--tmpdir={self.folder}",
            "--innodb-buffer-pool-size=24M", "--innodb-log-file-size=8M", "--skip-name-resolve", "--skip-log-bin",
            *(["--user=root"] if os.getuid() == 0 else []), *self.options,
        ]  # fmt: skip

    def connect(self, **login: Any) -> Any:
        """Return a connection, root's over the socket unless a login is given."""
        return MySQLdb.connect(**(login or {"unix_socket": self.socket, "user": "root"}), autocommit=True)

    def as_app(self) -> Any:
        """Return a connection of the application's."""
        return self.connect(host="127.0.0.1", port=self.port, user="app", password=PASSWORD, database="shop")

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as root; return the rows of the last."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def ready(self) -> object:
        return self.sql("SELECT 1")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the entry of DATABASES that the application would have."""
        return {
            "ENGINE": "django.db.backends.mysql", "NAME": "shop", "USER": "app", "PASSWORD": PASSWORD,
            "HOST": "127.0.0.1", "PORT": str(self.port), **changes,
        }  # fmt: skip


class Redis(Server):
    """A Redis server with a password."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options

    def command(self) -> Sequence[str]:
        return [
            program("redis-server", "redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self.folder), "--save", "", "--requirepass", PASSWORD, *self.options,
        ]  # fmt: skip

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of the administrator's."""
        return redis.Redis(host="127.0.0.1", port=self.port, password=PASSWORD, socket_timeout=5, **options)

    def url(self, db: int = 0) -> str:
        """Return what a broker or a result backend would be given."""
        return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{db}"

    def ready(self) -> object:
        with self.client() as client:
            return client.ping()

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the entry of CACHES that the application would have."""
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{self.port}/1",
            "OPTIONS": {"password": PASSWORD},
            **changes,
        }


class Memcached(Server):
    """A Memcached server."""

    def command(self) -> Sequence[str]:
        user = ["-u", "root"] if os.getuid() == 0 else []
        return [program("memcached", "memcached"), "-l", "127.0.0.1", "-p", str(self.port), "-m", "16", *user]

    def ready(self) -> object:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the entry of CACHES that the application would have."""
        backend = "django.core.cache.backends.memcached.PyMemcacheCache"
        return {"BACKEND": backend, "LOCATION": f"127.0.0.1:{self.port}", **changes}


class PostgreSQL(Server):
    """A PostgreSQL server with the database `shop` and the role `app`. It refuses to run as root."""

    USER = "postgres"

    def start(self) -> Self:
        self.folder.chmod(0o755)
        fresh = not (self.folder / "data").exists()
        if fresh:
            (self.folder / "data").mkdir(mode=0o700)
            (self.folder / "password").write_text(PASSWORD)
            if os.getuid() == 0:
                for name in ("data", "password"):
                    shutil.chown(self.folder / name, self.USER, self.USER)
            subprocess.run(
                [program("initdb", "postgresql"), "-D", str(self.folder / "data"), "-U", "admin", "-A", "scram-sha-256",
                 f"--pwfile={self.folder / 'password'}", "--no-sync", "-E", "UTF8", "--locale=C"],
                check=True, capture_output=True, cwd="/", **self.how(),
            )  # fmt: skip
        super().start()
        if fresh:
            self.sql(
                f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD.replace('%', '%%')}'",
                "CREATE DATABASE shop OWNER app",
            )
        return self

    def how(self) -> dict[str, Any]:
        return {"user": self.USER, "group": self.USER, "extra_groups": []} if os.getuid() == 0 else {}

    def command(self) -> Sequence[str]:
        return [
            program("postgres", "postgresql"), "-D", str(self.folder / "data"), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
            "-c", "shared_buffers=16MB", "-c", "max_connections=20",
        ]  # fmt: skip

    def freeze(self) -> None:
        """Stop the server and the process of every connection."""
        super().freeze()
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        super().thaw()

    def _signal(self, number: int) -> None:
        for member in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(number)

    def connect(self, **login: Any) -> "psycopg.Connection[Any]":
        """Return a connection, the administrator's unless a login is given."""
        who = login or {"user": "admin", "dbname": "postgres"}
        return psycopg.connect(host="127.0.0.1", port=self.port, password=PASSWORD, autocommit=True, **who)

    def sql(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements as the administrator; return the rows of the last."""
        with self.connect(user="admin", dbname=database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.replace("%%", "%"))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def ready(self) -> object:
        return self.sql("SELECT 1")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the entry of DATABASES that the application would have."""
        return {
            "ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "app", "PASSWORD": PASSWORD,
            "HOST": "127.0.0.1", "PORT": str(self.port), **changes,
        }  # fmt: skip


class Silent:
    """A port that accepts connections and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        self._listener.close()
