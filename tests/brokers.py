"""What Celery needs, for the tests: a private RabbitMQ, and workers of the example project."""

import base64
import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import amqp
import kombu.pools
import psutil
from celery import Celery

from tests.servers import PASSWORD, Process, Server, free_port, program

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"


class RabbitMQ(Server):
    """A RabbitMQ node with the virtual host `shop` and the user `app`, an administrator.

    Each option is an Erlang term for the application `rabbit`: "{vm_memory_high_watermark, {absolute, 1}}".
    """

    password = PASSWORD

    def __init__(self, folder: Path, *options: str, management: bool = False) -> None:
        super().__init__(folder)
        self.options = options
        self.management_port = free_port() if management else None
        self._distribution_port, self._no_epmd_port = free_port(), free_port()

    def launch(self) -> Self:
        (self.folder / "rabbitmq.config").write_text(f"[{self._rabbit()}, {self._management()}].")
        plugins = "rabbitmq_management" if self.management_port else ""
        (self.folder / "enabled_plugins").write_text(f"[{plugins}].")
        return super().launch()

    def _rabbit(self) -> str:
        # In bytes, because rabbitmq.conf would read a password as Latin-1, while every client sends UTF-8.
        password = ",".join(str(byte) for byte in self.password.encode())
        terms = [
            f'{{tcp_listeners, [{{"127.0.0.1", {self.port}}}]}}',
            f'{{default_user, <<"app">>}}, {{default_pass, <<{password}>>}}, {{default_vhost, <<"shop">>}}',
            "{log, [{file, [{file, false}]}, {console, [{enabled, true}, {level, warning}]}]}",
            *self.options,
        ]
        return f"{{rabbit, [{', '.join(terms)}]}}"

    def _management(self) -> str:
        listener = f'{{tcp_config, [{{ip, "127.0.0.1"}}, {{port, {self.management_port}}}]}}'
        return f"{{rabbitmq_management, [{listener if self.management_port else ''}]}}"

    def command(self) -> Sequence[str]:
        return [program("rabbitmq-server", "rabbitmq-server")]

    def how(self) -> dict[str, Any]:
        return {"env": self._env()}

    def _env(self) -> dict[str, str]:
        folder, node = self.folder, f"test-{self.port}@localhost"
        # A node that gets its name from Erlang, not from RabbitMQ, asks for no epmd: that daemon would be shared,
        # and would outlive us. One scheduler is enough, and starts faster than one for each processor.
        erlang = (
            f"-sname {node} -erl_epmd_port {self._distribution_port} "
            "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +SDcpu 1:1 +SDio 1 +A 1"
        )
        files = {
            "CONFIG_FILE": "rabbitmq.config", "ADVANCED_CONFIG_FILE": "none", "CONF_ENV_FILE": "none",
            "GENERATED_CONFIG_DIR": "generated", "ENABLED_PLUGINS_FILE": "enabled_plugins", "LOG_BASE": "log",
            "MNESIA_BASE": "data", "FEATURE_FLAGS_FILE": "feature_flags", "PID_FILE": "pid",
        }  # fmt: skip
        return {
            "PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8",
            **{f"RABBITMQ_{name}": str(folder / file) for name, file in files.items()},
            "RABBITMQ_NODENAME": node, "RABBITMQ_LOGS": "-", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang,
            # For good: each minute RabbitMQ looks for an epmd, would tell it the node, or have an Erlang start one.
            "ERL_FLAGS": "-start_epmd false", "ERL_EPMD_PORT": str(self._no_epmd_port),
            "RUNNING_UNDER_SYSTEMD": "true",  # so that the script becomes the node, and `pid` is the node's
        }  # fmt: skip

    @property
    def url(self) -> str:
        """What a broker_url would be."""
        return f"amqp://app:{quote(self.password, safe='')}@127.0.0.1:{self.port}/shop"

    def connect(self, limit: float = 5) -> amqp.Connection:
        """Return a connection that has logged in."""
        connection = amqp.Connection(
            f"127.0.0.1:{self.port}", "app", self.password, virtual_host="shop",
            connect_timeout=limit, read_timeout=limit, write_timeout=limit,
        )  # fmt: skip
        try:
            connection.connect()
        except BaseException:
            connection.collect()
            raise
        return connection

    def ctl(self, *words: str) -> str:
        """Return what rabbitmqctl says: to "list_queues", "-p", "shop", for instance."""
        alone = f"-erl_epmd_port {self._distribution_port} -dist_listen false"
        done = subprocess.run(
            [program("rabbitmqctl", "rabbitmq-server"), "--quiet", *words],
            env={**self._env(), "RABBITMQ_CTL_ERL_ARGS": alone},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ready(self) -> object:
        with self.connect():
            return True

    @property
    def management(self) -> str:
        """The URL of its management API."""
        return f"http://127.0.0.1:{self.management_port}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API as the administrator; return what it answers."""
        login = base64.b64encode(f"app:{PASSWORD}".encode()).decode()
        link = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=10)
        try:
            link.request(method, f"/api/{path}", json.dumps(body or {}), {"Authorization": f"Basic {login}"})
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}"
        return json.loads(text) if text else None


class CeleryWorker(Process):
    """A worker of the example project, which can also do the tasks of `tests/work.py`.

    Without an @ in it the name is that of a worker on a host called `shop`, which is not this one.
    """

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        *options: str,
        pool: str = "solo",
        queues: Sequence[str] = ("orders",),
        concurrency: int = 1,
        name: str = "w1",
        mingle: bool = False,
        celery: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self.name = name if "@" in name else f"{name}@shop"
        # To mingle takes a second of each start, and to gossip, messages that a test doesn't expect to count.
        alone = () if mingle else ("--without-mingle", "--without-gossip")
        self._words = [
            "-P", pool, "-c", str(concurrency), "-Q", ",".join(queues), "-n", self.name,
            "-I", "tests.work", "--loglevel", "INFO", *alone, *options,
        ]  # fmt: skip
        self._env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "shop.settings",
            "SHOP_STATE": str(folder), "CELERY_BROKER_URL": broker_url, "SHOP_CELERY": json.dumps(celery or {}),
            **(env or {}),
        }  # fmt: skip
        self._read = 0  # how much of the output is of earlier lives

    def __str__(self) -> str:
        return f"worker {self.name}"

    def launch(self) -> Self:
        self._read = len(self.output) if (self.folder / "output").exists() else 0
        return super().launch()

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "celery", "-A", "shop", "worker", *self._words]

    def how(self) -> dict[str, Any]:
        # A process group of its own tells who belongs to it even when the worker itself is gone.
        return {"cwd": SHOP, "env": self._env, "process_group": 0}

    def ready(self) -> object:
        return f"{self.name} ready." in self.output[self._read :]

    def family(self) -> list[psutil.Process]:
        """Everyone in the worker's process group but itself."""
        return [process for process in psutil.process_iter() if process.pid != self.pid and self._is_ours(process.pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self.pid
        except ProcessLookupError:
            return False

    def children(self) -> list[int]:
        """Return the pids of the pool's processes: prefork alone has any."""
        return [process.pid for process in psutil.Process(self.pid).children()]

    def terminate(self) -> None:
        """Ask the worker to end its tasks and itself, even where a test froze some of it."""
        if self._process is not None:
            for process in self.family():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        super().terminate()

    def _bury(self, family: Sequence[psutil.Process]) -> None:
        super()._bury([*family, *self.family()])


class CeleryBeat(Process):
    """A scheduler of the example project, with its schedule in a file of its folder."""

    def __init__(
        self, folder: Path, broker_url: str, *options: str, celery: Mapping[str, Any] | None = None, **env: str
    ) -> None:
        super().__init__(folder)
        self._options = options
        self.env = {
            "SHOP_STATE": str(folder), "CELERY_BROKER_URL": broker_url, "SHOP_CELERY": json.dumps(celery or {}), **env
        }  # fmt: skip

    def __str__(self) -> str:
        return "beat"

    def command(self) -> Sequence[str]:
        words = self._options or ("--schedule", str(self.folder / "schedule"))
        return [sys.executable, "-m", "celery", "-A", "shop", "beat", "--loglevel", "INFO", "--pidfile", "", *words]

    def how(self) -> dict[str, Any]:
        path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "shop.settings"}
        return {"cwd": SHOP, "env": {**path, **self.env}}

    def ready(self) -> object:
        return "Scheduler: Sending" in self.output


@contextlib.contextmanager
def sender(broker_url: str, result_backend: str | None = None) -> Iterator[Celery]:
    """Hand out an app that knows no tasks, to send some by name.

    For instance `app.send_task("tests.add", (1, 2), queue="orders")`.
    """
    app = Celery("sender", broker=broker_url, backend=result_backend, set_as_current=False)
    try:
        yield app
    finally:
        kombu.pools.reset()  # Celery's own close() lets go of the connections and leaves them open
        if result_backend:
            app.backend.result_consumer.stop()
            app.backend.client.connection_pool.disconnect()
        app.close()
