"""The state folder: what is in it when runs come out of order, files are damaged, or others own it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from health_cli.core.assembly import Stamp
from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.place import Lock, Place, base
from health_cli.history.spool import SpooledRun
from tests.conftest import HEALTH, SHOP, Shop, ShopFactory
from tests.history.record import migrate
from tests.history.rows import rows

BAD = ("-c", "host.load/load1=@0:")
DAY = 86_400


def folder(shop: Shop) -> Place:
    return Place(next((shop.state / "record").glob("shop.settings-*")))


def record(shop: Shop, *words: str) -> str:
    run = shop.json("host.load", options=["--record", *words])
    assert run.code in {0, 2}
    return run.err


def a_run(serial: int, at: float, **about: Any) -> SpooledRun:
    memory = {"status": f"of run {serial}", "since": at}
    report = Stamp("0").finish([]).to_json()
    given = {"state": {"checks": {"a.b": memory}, "notices": [{"id": str(serial)}]}, "report": report, **about}
    return SpooledRun(
        serial=serial, uuid=f"u{serial}", at=at, trigger="command", complete=True, opened=(), ended={}, **given
    )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "place")
    place.make()
    return place


@pytest.mark.parametrize(
    ("user", "environ", "folder"),
    [
        (0, {"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/var/lib/health-cli"),
        (7, {"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/health-cli"),
        (7, {"XDG_STATE_HOME": "x", "HOME": "/h"}, "/h/.local/state/health-cli"),
        (7, {"HOME": "/h"}, "/h/.local/state/health-cli"),
        (7, {"HEALTH_STATE_DIR": "/s/../t", "XDG_STATE_HOME": "/x"}, "/t"),
    ],
)
def test_where_it_is(user: int, environ: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: user)
    assert base(environ) == folder


def test_what_the_state_does_not_have_yet_is_in_the_runs_that_wait_whatever_their_time(place: Place) -> None:
    states.save(place, states.State(serial=1, notices=({"id": "1"},)))
    for serial, at in [(1, 900.0), (2, 500.0), (3, 100.0)]:
        spool.put(place, a_run(serial, at))
    state = states.load(place)
    assert (state.serial, state.checks["a.b"]["status"]) == (3, "of run 3")
    assert [notice["id"] for notice in state.notices] == ["1", "2", "3"]


def test_it_is_written_before_such_a_run_leaves_the_spool(place: Place) -> None:
    run = a_run(1, 5.0)
    spool.done(spool.put(place, run)) if states.settle(place, run) else None
    assert states.load(place).serial == 0, "it was not in the spool when it was settled"
    path = spool.put(place, run)
    assert states.settle(place, run)
    spool.done(path)
    assert (states.load(place).serial, len(states.load(place).notices)) == (1, 1)


def test_while_another_process_writes_the_state_a_run_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "LOCK", 0.05)
    run = a_run(1, 5.0)
    spool.put(place, run)
    with place.locked("state", 0) as ours:
        assert ours
        assert not states.settle(place, run)
    assert states.settle(place, run)


def test_what_killed_writers_left_is_a_run_or_nothing(place: Place) -> None:
    text = a_run(1, 5.0).text()
    (place.spool / ".000000000001-u1.json.tmp").write_text(text)
    (place.spool / ".000000000002-u2.json.tmp").write_text(text[:-9])
    (place.spool / ".000000000003-u3.json.tmp").write_bytes(b"\xff\xfe")
    spool.adopt(place)
    assert [path.name for path in place.spool.iterdir()] == ["000000000001-u1.json"]


def test_what_waited_longer_than_the_record_keeps_anything_goes(shop: ShopFactory) -> None:
    here = shop()
    record(here)
    record(here)
    old, young = spool.pending(folder(here))
    os.utime(old, (time.time() - 31 * DAY,) * 2)
    assert "1 runs in " in record(here)
    assert spool.pending(folder(here))[0] == young


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "[]", "{}", '{"checks": []}', '{"serial": "x", "checks": {}, "notices": [], "silences": []}',
     '{"serial": 1, "checks": {"a": 1}, "notices": [], "silences": [], "setting": {}}',
     '{"serial": 1, "checks": {}, "notices": [1], "silences": [], "setting": {}}'],
)  # fmt: skip
def test_a_damaged_state_is_moved_aside_and_named(shop: ShopFactory, text: str) -> None:
    here = migrate(shop())
    record(here, *BAD)
    folder(here).state.write_text(text)
    assert "damaged/state.json" in record(here, *BAD)
    assert record(here) == ""
    assert len(rows(here, "HealthRun", "uuid")) == 3
    assert rows(here, "SystemAlert", "resolved") == [[True]]


def test_a_run_that_no_database_can_take_does_not_block_the_others(shop: ShopFactory) -> None:
    here = shop()
    for _ in range(3):
        record(here)
    bad = spool.pending(folder(here))[1]
    run = SpooledRun.parse(bad.read_text())
    bad.write_text(run._replace(report={**run.report, "duration": "an hour"}).text())
    migrate(here)
    assert f"damaged/{bad.name}" in record(here)
    assert len(rows(here, "HealthRun", "uuid")) == 3
    assert spool.pending(folder(here)) == []


def test_the_setting_alone_takes_the_lock_and_works_off_what_waits(shop: ShopFactory) -> None:
    here = migrate(shop(setting={"RECORD": True}))
    here.json("host.load")
    here.json("host.load")
    assert Lock(folder(here).folder / "run.lock").holder() is not None
    (here.state / "db.sqlite3").rename(here.state / "away")
    assert "1 run in " in here.json("host.load").err
    (here.state / "away").rename(here.state / "db.sqlite3")
    assert here.json("host.load").err == ""
    assert len(rows(here, "HealthRun", "uuid")) == 4


def test_waiting_for_another_run_ends_with_a_signal(shop: ShopFactory) -> None:
    here = migrate(shop())
    record(here)
    lock = Lock(folder(here).folder / "run.lock")
    assert lock.take()
    words = ["run", "host.load", "--record", "--on-overlap", "wait", "-t", "20", "--settings", "shop.settings"]
    began = time.monotonic()
    with subprocess.Popen(
        [HEALTH, *words, "--chdir", str(SHOP)],
        env={"PATH": "/usr/bin:/bin", **here.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as waiting:  # fmt: skip
        try:
            time.sleep(1)
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(10) == 130
        finally:
            waiting.kill()
            lock.release()
    assert time.monotonic() - began < 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(shop: ShopFactory) -> None:
    here = migrate(shop())
    base = here.state / "record"
    base.mkdir()
    os.chown(base, 12345, 12345)
    record(here)
    made = list(base.rglob("*"))
    assert len(made) > 5
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(12345, 12345)}


def test_a_last_run_that_may_not_be_read_is_said(shop: ShopFactory) -> None:
    here = migrate(shop())
    record(here)
    folder(here).last.unlink()
    folder(here).last.mkdir()
    last = here.health("last")
    assert last.code == 3
    assert "can't be read: Is a directory" in last.err


def killed_before_last(shop: ShopFactory) -> Shop:
    """Leave a healthy run in last.json, and a bad one that came after it in the spool; the database is away."""
    here = migrate(shop())
    record(here)
    healthy = folder(here).last.read_bytes()
    (here.state / "db.sqlite3").rename(here.state / "away")
    record(here, *BAD)
    folder(here).last.write_bytes(healthy)
    return here


def test_a_writer_that_was_killed_before_it_wrote_what_is_last_is_made_up_for(shop: ShopFactory) -> None:
    here = killed_before_last(shop)
    assert here.health("last", "host.load").code == 2
    (here.state / "away").rename(here.state / "db.sqlite3")
    here.health("run", "host.memory", "--record", "-q")
    assert spool.pending(folder(here)) == []
    assert here.health("last", "host.load").code == 2


def test_it_is_written_before_such_a_run_is_loaded(shop: ShopFactory) -> None:
    here = killed_before_last(shop)
    (here.state / "away").rename(here.state / "db.sqlite3")
    here.health("run", "host.memory", "--record", "-q", "--on-overlap", "run")
    assert json.loads(folder(here).last.read_text())["serial"] == 3
    assert here.health("last", "host.load").code == 2


def test_a_new_state_beside_an_old_last_run_hides_no_run(shop: ShopFactory) -> None:
    here = migrate(shop())
    for _ in range(3):
        record(here)
    folder(here).state.unlink()
    record(here, *BAD)
    assert here.health("last", "host.load").code == 2


class TestLast:
    """What is last where some runs looked at some checks only."""

    @pytest.fixture
    def mixed(self, shop: ShopFactory) -> Shop:
        """A run of all checks, whose time is two hours ago, and one of the load."""
        here = migrate(shop())
        assert here.health("run", "--record", "-q").code in {0, 1, 2}
        self.shift(here, -2 * 3600)
        here.health("run", "host.load", "--record", "-q", *BAD)
        return here

    @staticmethod
    def shift(here: Shop, seconds: float) -> None:
        data = json.loads(folder(here).last.read_text())
        data["times"] = {name: at + seconds for name, at in data["times"].items()}
        folder(here).last.write_text(json.dumps(data))
        code = (
            "from health_cli.models import *; from datetime import timedelta as t; r = HealthRun.objects.latest('id')"
        )
        assert here.manage("shell", "-c", f"{code}; r.started_at += t(seconds={seconds}); r.save()").code == 0

    @pytest.fixture(params=["file", "database"])
    def either(self, request: pytest.FixtureRequest, mixed: Shop) -> Shop:
        if request.param == "database":
            folder(mixed).last.unlink()
        return mixed

    def test_each_check_has_its_own_age(self, either: Shop) -> None:
        load = either.health("last", "host.load", "-f", "json", "--max-age", "10m")
        assert (load.code, list(load.checks)) == (2, ["host.load"])
        memory = either.health("last", "host.memory", "-f", "json", "--max-age", "10m")
        assert memory.code == 3
        assert memory.report["age"] == pytest.approx(7200, abs=60)
        both = either.health("last", "host.memory", "host.load", "-f", "json", "--max-age", "10m")
        assert "host.memory was last looked at 2 h ago" in both.checks["health.last"]["message"]
        assert both.checks["host.load"]["status"] == "critical"
        assert both.checks["host.memory"]["status"] == "skipped"

    def test_those_that_are_older_say_so(self, either: Shop) -> None:
        checks = either.health("last", "-f", "json").checks
        assert checks["host.memory"]["summary"].endswith(" available, 2 h ago")
        assert checks["host.memory"]["data"]["age"] == pytest.approx(7200, abs=60)
        assert "age" not in checks["host.load"]["data"]

    def test_all_checks_are_there(self, either: Shop) -> None:
        last = either.health("last", "-f", "json")
        assert {"host.load", "host.memory", "database:default"} <= last.checks.keys()

    def test_the_gate_of_a_run_is_not_inherited(self, mixed: Shop) -> None:
        mixed.health("run", "host.load", "--record", "-q", "--fail-on", "never", *BAD)
        assert mixed.health("last", "host.load").code == 2
        assert mixed.health("last", "host.load", "--max-age", "0.001s").code == 3
        assert mixed.health("last", "host.load", "--max-age", "0.001s", "--fail-on", "never").code == 3

    def test_one_from_the_future_is_unknown(self, mixed: Shop) -> None:
        self.shift(mixed, 5 * 3600)
        last = mixed.health("last", "host.load", "-f", "json")
        assert last.code == 3
        assert "one of two clocks is wrong" in last.checks["health.last"]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led to a file that is not its own")
@pytest.mark.parametrize("link", ["state.lock", ".last.json.tmp", ".state.json.tmp"])
@pytest.mark.parametrize("how", ["symbolic", "hard"])
def test_no_link_leads_root_out_of_the_folder(shop: ShopFactory, link: str, how: str) -> None:
    here = migrate(shop())
    record(here)
    for path in (here.state / "record").rglob("*"):
        os.chown(path, 12345, 12345)
    victim = here.state / "victim"
    victim.write_text("precious")
    planted = folder(here).folder / link
    planted.unlink(missing_ok=True)
    planted.symlink_to(victim) if how == "symbolic" else os.link(victim, planted)
    record(here)
    assert (victim.read_text(), victim.stat().st_uid, victim.stat().st_mode & 0o777) == ("precious", 0, 0o644)


def test_no_folder_of_ours_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Place(tmp_path / "place").make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_folders_above_and_a_file_moved_aside_belong_to_that_owner_too(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    place = Place(tmp_path / "state" / "of" / "place")
    place.make()
    spool.set_aside(place, spool.put(place, a_run(1, 5.0)))
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {12345}


def test_what_was_moved_aside_goes_when_the_record_would_not_keep_it(place: Place) -> None:
    old, young = (spool.set_aside(place, spool.put(place, a_run(serial, 5.0))) for serial in (1, 2))
    os.utime(old, (time.time() - 100,) * 2)
    assert spool.expire(place, 50) == 0
    assert (old.exists(), young.exists()) == (False, True)


def test_an_alert_whose_run_could_not_be_loaded_is_not_ended_by_hand(shop: ShopFactory) -> None:
    here = shop()
    record(here, *BAD)
    opening = spool.pending(folder(here))[0]
    run = SpooledRun.parse(opening.read_text())
    opening.write_text(run._replace(report={**run.report, "duration": "an hour"}).text())
    migrate(here)
    for _ in range(3):
        record(here, *BAD)
    assert len(rows(here, "HealthRun", "uuid")) == 3
    alerts = rows(here, "SystemAlert", "resolved", "count")
    assert len(alerts) == 1, "opened once, by the next run that found it"
    assert (alerts[0][0], alerts[0][1]) == (False, 4)
