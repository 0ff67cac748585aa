"""Awkward surroundings: settings, servers and callers that once made a run be lost without a word."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HEALTH, SHOP, Shop, ShopFactory, _bare, health
from tests.history.record import migrate
from tests.history.rows import ask, rows
from tests.history.test_recording import BAD, spool
from tests.history.test_telling import Hook
from tests.servers import MariaDB, PostgreSQL

ROUTER = """
class PrimaryReplica:  # as Django's documentation has it
    def db_for_read(self, model, **hints): return "default"
    def db_for_write(self, model, **hints): return "default"
    def allow_relation(self, one, other, **hints):
        known = {"default"}
        return True if one._state.db in known and other._state.db in known else False
    def allow_migrate(self, db, app_label, **hints): return True
"""


def settings_of(**more: Any) -> dict[str, str]:
    """Return what adds to the shop's settings."""
    return {"SHOP_CELERY": json.dumps(more)}


def with_database(server: MariaDB | PostgreSQL, name: str, **changes: Any) -> dict[str, Any]:
    if isinstance(server, MariaDB):
        server.sql(
            f"DROP DATABASE IF EXISTS {name}",
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4",
            f"GRANT ALL ON {name}.* TO app@'127.0.0.1'",
        )
    else:
        server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} OWNER app")
    return server.settings(NAME=name, **changes)


def test_a_router_that_knows_one_database_keeps_no_run_out_of_another(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "routing.py").write_text(ROUTER)
    files = {
        alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / alias)} for alias in ("default", "own")
    }
    place = shop(files, setting={"RECORD_DATABASE": "own"})
    env = {"PYTHONPATH": str(tmp_path), **settings_of(DATABASE_ROUTERS=["routing.PrimaryReplica"])}
    migrate(place, "own")
    assert place.json("host.load", options=["--record", *BAD], env=env).err == ""
    assert spool(place) == []
    assert place.health("history", "host.load/load1", env=env).code == 0
    assert "host.load" in place.health("alerts", env=env).out


@pytest.mark.parametrize("name", ["mariadb", "postgresql"])
def test_without_autocommit_runs_and_silences_are_kept(
    name: str, shop: ShopFactory, request: pytest.FixtureRequest
) -> None:
    database = with_database(request.getfixturevalue(name), "record_autocommit")
    migrate(shop({"default": database}))
    place = shop({"default": {**database, "AUTOCOMMIT": False}})
    assert place.json("host.load", options=["--record"]).err == ""
    assert place.health("alerts", "silence", "host.load", "--for", "1h", "--why", "upgrade").code == 0
    shown = shop({"default": database})
    assert (len(rows(shown, "HealthRun", "uuid")), len(rows(shown, "Silence", "pattern"))) == (1, 1)


def test_a_connection_in_latin1_keeps_every_character(shop: ShopFactory, mariadb: MariaDB, tmp_path: Path) -> None:
    (tmp_path / "arrows.py").write_text(
        "from health_cli import check, Result, Status\n"
        "@check('own.arrow')\n"
        "def arrow():\n"
        "    return Result(name='own.arrow', status=Status.WARNING, summary='\\u2192', message='to \\u2192')\n"
    )
    database = with_database(mariadb, "record_latin1")
    database = {**database, "OPTIONS": {**database.get("OPTIONS", {}), "charset": "latin1"}}
    place = shop({"default": database}, setting={"PLUGINS": ["arrows"]})
    migrate(place)
    assert place.json("own.arrow", options=["--record"], env={"PYTHONPATH": str(tmp_path)}).err == ""
    found = ask(place, "show(HealthRun.objects.get().report['checks'][0]['message'])")
    assert found == "to \u2192"


def test_a_server_that_takes_nothing_is_said_once_however_many_runs_wait(shop: ShopFactory, mariadb: MariaDB) -> None:
    place = migrate(shop({"default": with_database(mariadb, "record_read_only")}))
    mariadb.sql("SET GLOBAL read_only = 1")
    try:
        said = [place.json("host.load", options=["--record"]).err.splitlines() for _ in range(4)]
    finally:
        mariadb.sql("SET GLOBAL read_only = 0")
    assert [len(lines) for lines in said] == [2] * 4, said
    assert "read-only" in said[-1][0] and "4 runs in" in said[-1][1]
    assert place.json("host.load", options=["--record"]).err == ""
    assert len(rows(place, "HealthRun", "uuid")) == 5


def test_a_file_that_can_not_be_read_keeps_no_other_waiting(shop: ShopFactory) -> None:
    place = shop()
    for _ in range(2):
        place.json("host.load", options=["--record"])
    first, _ = spool(place)
    first.unlink()
    first.mkdir()
    (first.parent / ".x.tmp").mkdir()
    migrate(place)
    run = place.json("host.load", options=["--record"])
    assert f"it can't be read (Is a directory): {first.parent.parent}/damaged/{first.name}" in run.err
    assert (len(rows(place, "HealthRun", "uuid")), spool(place)) == (2, [])


def test_a_run_is_kept_at_once_while_the_database_holds_those_before(tmp_path: Path) -> None:
    server = MariaDB(tmp_path / "mariadb").start()
    try:
        place = migrate(Shop(tmp_path, {"default": server.settings()}, {}, {"TIMEOUT": 8}))
        server.freeze()
        place.json("host.load", options=["--record", "--timeout", "3"])
        words = [HEALTH, "run", "host.load", "--record", "-f", "json", "--settings", "shop.settings"]
        env = {**_bare(None), **place.env}
        with subprocess.Popen([*words, "--chdir", str(SHOP)], env=env, stdout=-1, stderr=-1) as run:
            assert run.stdout
            while run.stdout.readline() != b"}\n":
                pass
            printed = time.monotonic()
            while len(spool(place)) < 2:
                assert time.monotonic() < printed + 1.5, "it is in memory alone"
                time.sleep(0.01)
            assert run.poll() is None
            run.kill()
    finally:
        server.thaw()
        server.stop()


def test_whoever_ignores_its_children_gets_a_verdict(shop: ShopFactory) -> None:
    place = migrate(shop())
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    words = [HEALTH, "run", "host.load", "--record", "-f", "json", "--settings", "shop.settings", "--chdir", str(SHOP)]
    env = {**_bare(None), **place.env}
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(rows(place, "HealthRun", "uuid")) == 1


KILLED = """
import os, signal
from django.db.migrations.recorder import MigrationRecorder
calls = []
real = MigrationRecorder.{method}
def killed(self, *words):
    if {before}: os.kill(os.getpid(), signal.SIGKILL)
    real(self, *words)
    if not {before}: os.kill(os.getpid(), signal.SIGKILL)
MigrationRecorder.{method} = killed
from health_cli.cli.entry import main
main(["prune"])
"""


@pytest.mark.parametrize("method", ["ensure_schema", "record_applied"])
@pytest.mark.parametrize("before", [True, False])
def test_whoever_is_killed_while_the_file_is_made_leaves_one_that_can_be_used(
    tmp_path: Path, method: str, before: bool
) -> None:
    env = {"HEALTH_STATE_DIR": str(tmp_path / "state")}
    run = health("run", "host.cpu", "--record", "-f", "json", env=env, cwd=tmp_path)
    database = tmp_path / "state" / "host" / "record.sqlite3"
    for path in database.parent.glob("record.sqlite3*"):
        path.unlink()
    database.touch()
    words = [sys.executable, "-c", KILLED.format(method=method, before=before)]
    killed = subprocess.run(words, env={**_bare(None), **env}, cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    run = health("run", "host.cpu", "--record", "-f", "json", env=env, cwd=tmp_path)
    assert (run.code, run.err) == (0, "")
    assert health("alerts", env=env, cwd=tmp_path).out == "No open alerts.\n"


def test_an_alert_of_a_host_that_lost_its_state_can_be_ended_by_hand(shop: ShopFactory) -> None:
    place = migrate(shop())
    for _ in range(2):
        place.json("host.load", options=["--record", *BAD])
        shutil.rmtree(place.state / "record", ignore_errors=True)
    place.json("host.load", options=["--record", *BAD])
    assert rows(place, "SystemAlert", "resolved") == [[False]]
    assert place.health("alerts", "resolve", "1").code == 0
    place.json("host.load", options=["--record", *BAD])
    assert rows(place, "SystemAlert", "resolved", "count") == [[True, 1], [False, 1]]


def test_what_nagios_gets_of_the_record_keeps_within_its_limit(shop: ShopFactory) -> None:
    place = shop()
    for size in (80, 200, 300):
        run = place.health("run", "host.load", "--record", "-f", "nagios", "--max-bytes", str(size))
        assert (run.code, run.err) == (0, "")
        assert len(run.out.encode()) <= size
    assert "[RECORD] " in run.out


def filled(folder: Path) -> Path:
    """Take all the room that is left, and return the file that has it."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as more:
        while True:
            more.write(b"x" * 512)
    return ballast


@pytest.mark.parametrize("goes_on", [True, False], ids=["bad", "good"])
def test_an_alert_that_opened_on_a_full_disk_is_told_once_and_its_end_too(tmp_path: Path, goes_on: bool) -> None:
    hook = Hook()
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", full], check=True)
    try:
        place = migrate(Shop(tmp_path, {}, {}, {"NOTIFY": [{"webhook": hook.url}]}))
        env = {"HEALTH_STATE_DIR": str(full)}

        def run(*options: str) -> str:
            return place.json("host.load", options=["--record", *options], env=env).err

        assert run() == ""
        ballast = filled(full)
        assert "went straight into the record" in run(*BAD)
        assert "No space left on device" in run(*BAD)
        ballast.unlink()
        assert run(*(BAD if goes_on else ())) == ""
        assert run() == ""
        assert [turn[0] for turns in hook.turns() for turn in turns] == ["opened", "resolved"]
        assert rows(place, "SystemAlert", "resolved", "count") == [[True, 3 if goes_on else 2]]
    finally:
        subprocess.run(["umount", full], check=True)
        hook.close()


def test_with_neither_folder_nor_database_it_is_told_all_the_same(tmp_path: Path) -> None:
    hook = Hook()
    try:
        place = Shop(tmp_path, {}, {}, {"NOTIFY": [{"webhook": hook.url}]})
        (tmp_path / "file").touch()
        run = place.json(
            "host.load", options=["--record", *BAD], env={"HEALTH_STATE_DIR": str(tmp_path / "file" / "record")}
        )
        assert "could not be kept anywhere" in run.err
        assert hook.turns() == [[("opened", "host.load")]]
        hook.answer = 500
        run = place.json(
            "host.load", options=["--record", *BAD], env={"HEALTH_STATE_DIR": str(tmp_path / "file" / "record")}
        )
        assert "not told, and lost: " in run.err
    finally:
        hook.close()
