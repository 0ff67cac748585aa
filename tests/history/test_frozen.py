"""A record whose database is frozen or gone: every command ends, in seconds, and says so."""

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from time import sleep

import pytest

from tests.brokers import SHOP
from tests.conftest import HEALTH, Run, Shop, ShopFactory
from tests.history.record import batch, fill, migrate, run_in
from tests.servers import PASSWORD, MariaDB, PostgreSQL, free_port, wait_until

LIMIT = 8  # seconds
T0 = 1_700_000_000
ROWS = 10_000  # more than a pipe holds, and more than a page of the reader
HEAD = 1_000  # bytes
METRIC = "host.load/load1"
SERIES = ("history", METRIC, "--host", "web1", "--since", "2023-11-14")
COMMANDS = {
    "last": ("last", "--host", "web7"),
    "alerts": ("alerts",),
    "silence": ("alerts", "silence", "host.load", "--for", "2h", "--why", "upgrade"),
    "resolve": ("alerts", "resolve", "1"),
    "prune": ("prune",),
    "history": SERIES,
}
TABLES = [
    f"health_cli_{name}"
    for name in ("healthrun", "healthmetric", "healthhour", "healthselection", "systemalert", "silence")
]


class Recorded:
    """A project with a record in a database of its own, and the server of it."""

    def __init__(self, server: MariaDB | PostgreSQL, project: Shop, name: str) -> None:
        self.server, self.project, self.name = server, project, name

    @contextmanager
    def started(self, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
        """Start a command, and end it if it does not; nothing that it writes is read ahead."""
        line = [HEALTH, *words, "--settings", "shop.settings", "--chdir", str(SHOP)]
        env = {"PATH": "/usr/bin:/bin", **self.project.env}
        with subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.server.freeze()
        try:
            yield
        finally:
            self.server.thaw()
            wait_until(self.server.ready, "an answer")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let every statement about the record wait for a lock of the administrator's."""
        if isinstance(self.server, MariaDB):
            with closing(self.server.connect()) as holder:
                holder.cursor().execute("LOCK TABLES " + ", ".join(f"{self.name}.{table} WRITE" for table in TABLES))
                yield
        else:
            with self.server.connect(user="admin", dbname=self.name) as holder, holder.transaction():
                holder.execute(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE".encode())
                yield

    def waiting(self) -> object:
        """Tell whether anybody waits for a lock."""
        if isinstance(self.server, MariaDB):
            return self.server.sql("SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'")
        return self.server.sql("SELECT 1 FROM pg_locks WHERE NOT granted")


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    server: MariaDB | PostgreSQL = request.getfixturevalue(request.param)
    name = f"record_{uuid.uuid4().hex[:8]}"
    if isinstance(server, MariaDB):
        server.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
    else:
        server.sql(f"CREATE DATABASE {name} OWNER app")
    project = migrate(Shop(tmp_path_factory.mktemp("shop"), {"default": server.settings(NAME=name)}, {}, {}))
    fill(project, batch(METRIC, [(T0 + second, 1.0) for second in range(ROWS)]))
    yield Recorded(server, project, name)
    server.sql(f"DROP DATABASE {name}" + ("" if isinstance(server, MariaDB) else " WITH (FORCE)"))


def says_so(code: int, err: str, seconds: str) -> bool:
    """Tell whether a command ended as it should, and was clear about it."""
    assert code == 3, err
    assert f"database 'default' did not answer in {seconds} s" in err
    assert not [word for word in ("Traceback", "SSL", PASSWORD) if word in err]
    return True


def test_a_frozen_server_keeps_nobody_waiting(recorded: Recorded) -> None:
    with recorded.frozen(), ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda words: recorded.project.health(*words, limit=LIMIT), COMMANDS.values()))
    assert all(says_so(run.code, run.err, "2") for run in runs)


@pytest.mark.parametrize("command", COMMANDS)
def test_nor_does_one_that_freezes_while_it_is_asked(recorded: Recorded, command: str) -> None:
    with recorded.locked(), recorded.started(*COMMANDS[command]) as process:
        wait_until(recorded.waiting, "a statement that waits")
        with recorded.frozen():
            err = process.communicate(timeout=LIMIT)[1]
    assert says_so(process.returncode, err.decode(), "3")


def beginning(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the title of an export and a few rows; the rest waits in the pipe, which is too small for all."""
    read = b""
    assert process.stdout
    while len(read) < HEAD:
        read += process.stdout.read(HEAD)
    return read


def test_an_export_ends_too(recorded: Recorded) -> None:
    with recorded.started(*SERIES, "-f", "csv") as process:
        head = beginning(process)
        with recorded.frozen():
            out, err = process.communicate(timeout=LIMIT)
    assert says_so(process.returncode, err.decode(), "3")
    assert 0 < (head + out).count(b"\n") < ROWS


@pytest.mark.parametrize("recorded", ["postgresql"], indirect=True)
def test_a_slow_reader_is_no_slow_server(recorded: Recorded) -> None:
    with recorded.started(*SERIES, "-f", "csv") as process:
        head = beginning(process)
        sleep(6)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err, (head + out).count(b"\n")) == (0, b"", 1 + ROWS)


FREEZES = """
import json, os, signal, sys, threading, time
from django.db import Error
from health_cli.checks.bounded import bounded
from health_cli.models import HealthMetric
def frozen(raw):
    os.kill(raw.info.backend_pid, signal.SIGSTOP)
    print(raw.info.backend_pid, file=sys.stderr)
    return raw
def freeze():
    frozen(link.connection)
def connecting():
    connect, link.get_new_connection = link.get_new_connection, lambda params: frozen(connect(params))
    link.ensure_connection()
def asking():
    with link.cursor() as cursor:
        freeze()
        cursor.execute("SELECT 1")
def fetching():
    rows = HealthMetric.objects.order_by("id").iterator(chunk_size=10)
    next(rows)
    freeze()
    return list(rows)
def committing():
    link.set_autocommit(False)
    HealthMetric.objects.update(unit="s")
    freeze()
    link.commit()
def taking_back():
    link.set_autocommit(False)
    HealthMetric.objects.update(unit="s")
    freeze()
    link.rollback()
def closing():
    link.ensure_connection()
    freeze()
    link.close()
def held():
    return len(os.listdir("/proc/self/fd")), threading.active_count()
before, began = held(), time.monotonic()
said = ""
try:
    with bounded("default", 1) as link:
        globals()[json.load(sys.stdin)]()
except Error as error:
    said = f"{type(error).__name__}: {error}"
print(json.dumps([said, time.monotonic() - began, held() == before]))
"""


@pytest.mark.parametrize("doing", ["connecting", "asking", "fetching", "committing", "taking_back", "closing"])
@pytest.mark.parametrize("recorded", ["postgresql"], indirect=True)
def test_whatever_the_driver_waits_for(recorded: Recorded, doing: str) -> None:
    try:
        said, seconds, clean = run_in(recorded.project, FREEZES, json.dumps(doing))
    finally:
        recorded.server.thaw()
    assert said == ("" if doing == "closing" else "NoAnswer: the database 'default' did not answer in 1 s")
    assert seconds < 4
    assert clean, "a thread or a socket is left"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_one_that_refuses_is_named_as_such(shop: ShopFactory, kind: str, command: str) -> None:
    login = {"NAME": "shop", "USER": "app", "PASSWORD": PASSWORD, "HOST": "127.0.0.1", "PORT": str(free_port())}
    project = shop({"default": {"ENGINE": f"django.db.backends.{kind}", **login}})
    run: Run = project.health(*COMMANDS[command], limit=LIMIT)
    assert run.code == 3
    assert "the database 'default' can't be" in run.err.replace("The", "the")
    assert re.search("Connection refused|Can't connect to", run.err)
    assert PASSWORD not in run.err
