"""Recording on all three databases: what gets in, exactly once, and what happens when it can't."""

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HEALTH, Shop, ShopFactory, health
from tests.history.record import emptied, migrate
from tests.history.rows import ask, rows
from tests.servers import MariaDB, PostgreSQL

BAD = ("-c", "host.load/load1=@0:")  # any load at all is critical


def spool(shop: Shop) -> list[Path]:
    return sorted((shop.state / "record").glob("shop.settings-*/spool/*.json"))


@pytest.fixture(scope="module")
def tables_on_mariadb(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    name = f"record_{uuid.uuid4().hex[:8]}"
    mariadb.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
    made = migrate(Shop(tmp_path_factory.mktemp(name), {"default": mariadb.settings(NAME=name)}, {}, {}))
    yield dict(made.databases)
    mariadb.sql(f"DROP DATABASE {name}")


@pytest.fixture(scope="module")
def tables_on_postgresql(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    name = f"record_{uuid.uuid4().hex[:8]}"
    postgresql.sql(f"CREATE DATABASE {name} OWNER app")
    made = migrate(Shop(tmp_path_factory.mktemp(name), {"default": postgresql.settings(NAME=name)}, {}, {}))
    yield dict(made.databases)
    postgresql.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def on_mariadb(tables_on_mariadb: dict[str, Any], shop: ShopFactory) -> Shop:
    return emptied(shop(tables_on_mariadb))


@pytest.fixture
def on_postgresql(tables_on_postgresql: dict[str, Any], shop: ShopFactory) -> Shop:
    return emptied(shop(tables_on_postgresql))


@pytest.fixture
def on_sqlite(shop: ShopFactory) -> Shop:
    return migrate(shop())


@pytest.fixture(params=["mariadb", "postgresql", "sqlite"])
def recording(request: pytest.FixtureRequest) -> Shop:
    """A shop whose record is ready, on each database."""
    made: Shop = request.getfixturevalue(f"on_{request.param}")
    return made


def test_a_run_its_metrics_and_its_alert_are_recorded(recording: Shop) -> None:
    first = recording.json("host.load", "host.memory", options=["--record"])
    assert (first.code, first.err) == (0, "")
    bad = [recording.json("host.load", options=["--record", *BAD]) for _ in range(2)]
    assert [(run.code, run.err) for run in bad] == [(2, "")] * 2
    last = recording.json("host.load", options=["--record"])
    assert (last.code, last.err, spool(recording)) == (0, "", [])

    runs = rows(recording, "HealthRun", "uuid", "status", "host", "trigger")
    assert [row[0] for row in runs] == [run.report["run"] for run in (first, *bad, last)]
    assert [row[1] for row in runs] == ["healthy", "critical", "critical", "healthy"]
    assert {tuple(row[2:]) for row in runs} == {(first.report["host"], "command")}

    found = ask(recording, "show(list(HealthRun.objects.order_by('id').values_list('report', flat=True)))")
    assert found[0] == first.report

    metrics = rows(recording, "HealthMetric", "run_id", "check_name", "metric_name", "value", "unit", "status")
    own = [row[1:] for row in metrics if row[0] == metrics[0][0] and row[2] != "duration"]
    assert own == [
        [check["name"], metric["name"], metric["value"], metric["unit"], metric["status"]]
        for check in first.report["checks"]
        for metric in check["metrics"]
    ]
    assert next(row[3] for row in metrics if row[2] == "duration") == first.report["checks"][0]["duration"]

    alerts = rows(recording, "SystemAlert", "alert_type", "severity", "resolved", "count", "resolution", "open_key")
    assert alerts == [["host.load", "critical", True, 2, "recovered", None]]
    opened, resolved = rows(recording, "SystemAlert", "created_at", "resolved_at")[0]
    times = rows(recording, "HealthRun", "started_at")
    assert (opened, resolved) == (times[1][0], times[3][0])


LOAD = """
from django.db import connection
from django.test.utils import CaptureQueriesContext
from health_cli.checks.bounded import bounded
from health_cli.history.loading import load
from health_cli.history.spool import SpooledRun
import time
NOW = time.time() - 1000
def run(number, status, alert, checks=20):
    metrics = [{"name": f"m{i}", "value": i, "unit": "B", "warning": "5", "critical": None, "min": 0, "max": None,
                "status": "healthy", "reason": None} for i in range(9)]
    names = [f"own.check:{i}" for i in range(checks)]
    about = {"status": status, "duration": .1, "metrics": metrics, "blocked_by": None, "summary": "s", "message": "m",
             "hint": "", "kind": None, "data": {}}
    checks = [{"name": name, **about} for name in names]
    open_alert = dict(since=1.0, severity="warning", worst="warning", runs=number, status="warning", summary="s",
                      message="m", hint="h", flapping=False) if alert else None
    memory = dict(status=status, since=1.0, bad=bool(alert), good=0, recent="b", alert=open_alert)
    report = {"run": "r", "host": "web1", "version": "0", "started_at": "2026-11-23T12:00:00.000Z", "duration": 1.0,
              "status": status, "fail_on": "warning", "isolation": "process", "checks": checks}
    return SpooledRun(number, f"00000000-0000-0000-0000-{number:012d}", NOW + number, "command", True, report,
                      {"checks": dict.fromkeys(names, memory), "notices": []}, names if alert else [], {})
"""


def test_two_hundred_metrics_take_five_queries_at_the_most(recording: Shop) -> None:
    code = (
        LOAD
        + """
counts = []
with bounded("default", 5) as link:
    for number, (status, alert) in enumerate([("healthy", 0), ("warning", 1), ("warning", 1), ("healthy", 0)]):
        with CaptureQueriesContext(link) as queries:
            assert load(run(number, status, alert), "default")
        words = [q["sql"].split()[0] for q in queries]
        counts.append([word for word in words if word not in ("BEGIN", "COMMIT", "BEGIN;")])
alerts = SystemAlert.objects.order_by().values_list("count", "resolved").distinct()
show([counts, HealthMetric.objects.count(), list(alerts)])
"""
    )
    counts, metrics, alerts = ask(recording, code)
    assert metrics == 4 * 200
    assert max(len(words) for words in counts) <= 5, counts
    assert alerts == [[2, True]]


def test_a_run_is_loaded_once_however_often_it_comes(recording: Shop) -> None:
    code = (
        LOAD
        + """
with bounded("default", 5):
    answers = [load(run(1, "healthy", 0), "default") for _ in range(3)]
show([answers, HealthRun.objects.count(), HealthMetric.objects.count()])
"""
    )
    assert ask(recording, code) == [[True, False, False], 1, 200]


def test_names_that_differ_in_their_case_alone_have_an_alert_each(recording: Shop) -> None:
    code = (
        LOAD
        + """
def renamed(run):
    name = {"own.check:0": "own.check:a", "own.check:1": "own.check:A"}
    report = {**run.report, "checks": [{**c, "name": name[c["name"]]} for c in run.report["checks"]]}
    checks = {name[key]: value for key, value in run.state["checks"].items()}
    opened = [name[key] for key in run.opened]
    return run._replace(report=report, state={"checks": checks, "notices": []}, opened=opened)
with bounded("default", 5):
    load(renamed(run(1, "warning", 1, 2)), "default")
    load(renamed(run(2, "warning", 1, 2))._replace(opened=[]), "default")
show(list(map(list, SystemAlert.objects.order_by("id").values_list("alert_type", "count", "resolved"))))
"""
    )
    assert ask(recording, code) == [["own.check:a", 2, False], ["own.check:A", 2, False]]


def test_runs_at_the_same_time_are_all_recorded_once(recording: Shop) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: recording.json("host.load", options=["--record", "-t", "20"]), range(8)))
    assert recording.json("host.load", options=["--record"]).err == ""
    assert {run.code for run in runs} == {0}
    recorded = [row[0] for row in rows(recording, "HealthRun", "uuid")]
    assert len(recorded) == 9
    assert {run.report["run"] for run in runs} < set(recorded)


def test_five_hundred_runs_wait_and_are_loaded_oldest_first(recording: Shop) -> None:
    many = 500 if "mysql" in json.dumps(recording.databases) else 150  # the first of the databases, with all of them
    recording.json("host.load", options=["--record"])
    folder = next((recording.state / "record").glob("shop.settings-*"))
    code = (
        LOAD
        + f"""
from pathlib import Path
from health_cli.history.place import Place
from health_cli.history.spool import put
for number in range({many}):
    put(Place(Path({str(folder)!r})), run(number, "healthy", 0, 3))
show(0)
"""
    )
    ask(recording, code)
    assert len(spool(recording)) == many
    began = time.monotonic()
    for _ in range(12):
        run = recording.json("host.load", options=["--record", "-t", "3"])
        assert run.seconds < 3.3
        if not spool(recording):
            break
    assert spool(recording) == [], f"after {time.monotonic() - began} s: {run.err}"
    old = ask(
        recording,
        "show([str(u) for u in HealthRun.objects.filter(host='web1').order_by('id').values_list('uuid', flat=True)])",
    )
    assert old == [f"00000000-0000-0000-0000-{number:012d}" for number in range(many)]


def test_the_verdict_is_what_it_is_without_tables(shop: ShopFactory) -> None:
    place = shop()
    (place.state / "db.sqlite3").touch()
    run = place.json("host.load", options=["--record"])
    assert run.code == 0
    assert "manage.py migrate health_cli" in run.err
    assert "1 run in " in run.err
    assert len(spool(place)) == 1
    migrate(place)
    assert place.json("host.load", options=["--record"]).err == ""
    assert len(rows(place, "HealthRun", "uuid")) == 2


def test_a_database_that_is_missing_stays_missing(shop: ShopFactory) -> None:
    place = shop()
    for words in (["run", "database", "--record"], ["alerts"], ["prune"], ["history", "host.load"], ["last"]):
        place.health(*words)
    assert not (place.state / "db.sqlite3").exists()
    again = place.json("database", options=["--record"])
    assert again.code == 2
    assert "there is no file" in again.err
    assert len(spool(place)) == 2
    migrate(place)
    place.json("database", options=["--record"])
    assert rows(place, "SystemAlert", "alert_type", "count", "resolution") == [["database:default", 2, "recovered"]]


def test_nagios_gets_what_went_wrong_as_a_line_of_long_output(shop: ShopFactory) -> None:
    run = shop().health("run", "host.load", "--record", "-f", "nagios")
    assert (run.code, run.err) == (0, "")
    first, *others = run.out.splitlines()
    assert first.startswith("HEALTH OK - ")
    assert all(line.startswith("[RECORD] ") for line in others)
    assert "|" not in "".join(others)


def test_the_setting_records_and_an_option_overrides_it(shop: ShopFactory) -> None:
    place = migrate(shop(setting={"RECORD": True}))
    place.json("host.load")
    place.json("host.load", options=["--no-record"])
    assert len(rows(place, "HealthRun", "uuid")) == 1


def test_a_run_is_recorded_when_the_settings_break(shop: ShopFactory) -> None:
    place = migrate(shop(setting={"RECORD": True}))
    place.json("host.load")
    assert place.json("host.load", env={"SHOP_HEALTH_CLI": "{"}).code == 3
    assert spool(place) == [], "that may be for what was asked"
    broken = place.json(env={"SHOP_HEALTH_CLI": "{"})
    assert broken.code == 3
    assert len(spool(place)) == 1
    assert place.health("last").code == 3
    assert place.health("last", "host.load").code == 3, "what was healthy before is no news"
    place.json("host.load")
    assert [row[0] for row in rows(place, "HealthRun", "status")] == ["healthy", "unknown", "healthy"]
    assert place.health("last", "-f", "json").report["checks"][0]["name"] == "host.load"


@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_a_database_that_fails_keeps_nobody_waiting_and_loses_nothing(tmp_path: Path, how: str) -> None:
    server = MariaDB(tmp_path / "mariadb").start()
    try:
        place = migrate(Shop(tmp_path, {"default": server.settings()}, {}, {"RECORD": True, "TIMEOUT": 6}))
        assert place.json().err == ""
        getattr(server, how)()
        bad = [place.json("database", "host.load") for _ in range(2)]
        for run in bad:
            assert run.code == 2
            assert run.seconds < 6.3
            assert "to be loaded by a later one" in run.err
        assert len(spool(place)) == 2
        server.thaw() if how == "freeze" else server.start()
        assert place.json("database", "host.load").err == ""
        assert [row[0] for row in rows(place, "HealthRun", "status")][1:3] == ["critical"] * 2
        assert rows(place, "SystemAlert", "alert_type", "count", "resolved") == [["database:default", 2, True]]
    finally:
        server.thaw()
        server.stop()


@pytest.mark.parametrize("damage", ["cut", "changed", "binary", "empty", "older version"])
def test_a_damaged_file_is_moved_aside_and_named(shop: ShopFactory, damage: str) -> None:
    place = shop()
    for _ in range(2):
        place.json("host.load", options=["--record"])
    bad, _good = spool(place)
    text = bad.read_bytes()
    bad.write_bytes({
        "cut": text[:-200], "changed": text.replace(b"healthy", b"HEALTHY"), "binary": b"\xff\x00" * 99, "empty": b"",
        "older version": text.replace(b"health-cli-run/1", b"health-cli-run/0"),
    }[damage])  # fmt: skip
    migrate(place)
    run = place.json("host.load", options=["--record"])
    assert run.code == 0
    assert f"damaged/{bad.name}" in run.err
    assert (bad.parent.parent / "damaged" / bad.name).exists()
    assert len(rows(place, "HealthRun", "uuid")) == 2


def test_where_no_file_can_be_written_the_run_is_loaded_straight(shop: ShopFactory) -> None:
    place = migrate(shop())
    (place.state / "file").touch()
    nowhere = {"HEALTH_STATE_DIR": str(place.state / "file" / "record")}
    for _ in range(2):
        run = place.json("host.load", options=["--record", *BAD], env=nowhere)
        assert run.code == 2
        assert "can't be written to" in run.err
    assert rows(place, "SystemAlert", "count", "resolved") == [[2, False]]
    place.json("host.load", options=["--record"], env=nowhere)
    assert rows(place, "SystemAlert", "count", "resolved") == [[2, True]]
    assert len(rows(place, "HealthRun", "uuid")) == 3


def test_what_can_be_kept_nowhere_is_said(shop: ShopFactory) -> None:
    place = shop()
    (place.state / "file").touch()
    run = place.json("host.load", options=["--record"], env={"HEALTH_STATE_DIR": str(place.state / "file" / "record")})
    assert run.code == 0
    assert "could not be kept anywhere" in run.err


def test_a_full_disk_loses_no_run_that_the_database_takes(shop: ShopFactory, tmp_path: Path) -> None:
    place = migrate(shop())
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", full], check=True)
    try:
        env = {"HEALTH_STATE_DIR": str(full)}
        (full / "ballast").write_bytes(b"x" * 16_384)
        assert place.json("host.load", options=["--record", *BAD], env=env).err == ""
        with contextlib.suppress(OSError), open(full / "more", "wb", buffering=0) as more:
            while True:
                more.write(b"x" * 512)
        run = place.json("host.load", options=["--record"], env=env)
        assert run.code == 0
        assert "No space left on device" in run.err
        assert len(rows(place, "HealthRun", "uuid")) == 2
        assert place.health("last", env=env).code == 0
        (full / "more").unlink()
        assert place.json("host.load", options=["--record"], env=env).err == ""
        assert len(rows(place, "HealthRun", "uuid")) == 3
        assert place.health("last", env=env).code == 0
    finally:
        subprocess.run(["umount", full], check=True)


def test_a_folder_that_gets_read_only_loses_nothing(shop: ShopFactory, tmp_path: Path) -> None:
    place = shop()
    folder = tmp_path / "folder"
    folder.mkdir()
    env = {"HEALTH_STATE_DIR": str(folder)}
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        assert "1 run in " in place.json("host.load", options=["--record", *BAD], env=env).err
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        migrate(place)
        for _ in range(2):
            run = place.json("host.load", options=["--record", *BAD], env=env)
            assert run.code == 2
            assert "Read-only file system" in run.err
        place.json("host.load", options=["--record"], env=env)
        assert place.health("last", env=env).code == 0
        place.json("host.load", options=["--record", *BAD], env=env)
        assert place.health("last", env=env).code == 2
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        assert place.json("host.load", options=["--record"], env=env).err == ""
        assert [row[0] for row in rows(place, "HealthRun", "status", order="started_at")] == [
            *["critical"] * 3, "healthy", "critical", "healthy"
        ]  # fmt: skip
        assert {row[0] for row in rows(place, "SystemAlert", "resolved")} == {True}
    finally:
        subprocess.run(["umount", folder], check=True)


def test_without_a_project_the_record_is_a_file_that_two_may_make_at_once(tmp_path: Path) -> None:
    env = {"HEALTH_STATE_DIR": str(tmp_path / "state")}
    words = [HEALTH, "run", "host.load", "--record", "-f", "json"]
    both = [
        subprocess.Popen(words, env={**env, "PATH": "/usr/bin"}, cwd=tmp_path, stdout=-1, stderr=-1) for _ in range(4)
    ]
    for run in both:
        assert run.communicate()[1] == b""
    database = tmp_path / "state" / "host" / "record.sqlite3"
    assert database.stat().st_mode & 0o777 == 0o600
    last = health("last", "-f", "json", env=env, cwd=tmp_path)
    assert last.report["checks"][0]["name"] == "host.load"
    assert json.loads(health("last", "-f", "json", env=env, cwd=tmp_path).out)["age"] >= 0


@pytest.mark.parametrize(("how", "code"), [("run", 0), ("skip", 3), ("wait", 0)])
def test_two_at_once(shop: ShopFactory, how: str, code: int) -> None:
    place = migrate(shop(setting={"PLUGINS": []}))
    words = [HEALTH, "run", "host.cpu", "--record", "--settings", "shop.settings"]
    from tests.brokers import SHOP

    first = subprocess.Popen(
        [*words, "--chdir", str(SHOP)], env={**place.env, "PATH": "/usr/bin"}, stdout=subprocess.DEVNULL
    )
    try:
        lock = place.state / "record"
        until = time.monotonic() + 5
        while not list(lock.glob("*/run.lock")) and time.monotonic() < until:
            time.sleep(0.002)
        second = place.json("host.load", options=["--on-overlap", how, "--record"])
    finally:
        assert first.wait(20) == 0
    assert second.code == code
    assert ("is under way on this host (process " in second.out) is (how == "skip")


def _narrow_mariadb(server: MariaDB) -> dict[str, Any]:
    server.sql("CREATE DATABASE narrow CHARACTER SET utf8mb3", "GRANT ALL ON narrow.* TO app@'127.0.0.1'")
    return server.settings(NAME="narrow")


def _narrow_postgresql(server: PostgreSQL) -> dict[str, Any]:
    server.sql("CREATE DATABASE narrow OWNER app TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    return server.settings(NAME="narrow")


@pytest.mark.parametrize(("kind", "make"), [("mariadb", _narrow_mariadb), ("postgresql", _narrow_postgresql)])
def test_what_the_character_set_has_not_is_escaped(
    shop: ShopFactory, kind: str, make: Any, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    here = migrate(shop({"default": make(server)}))
    said, plain = "\U0001f4a5 \u2192 full", r"\U0001f4a5 \u2192 full"
    try:
        code = (
            "from health_cli.history import loading\n"
            "import json, sys, uuid\n"
            "said = '\\U0001f4a5 \\u2192 full'\n"
            "alert = dict(since=1.0, severity='warning', worst='warning', runs=1, status='warning', summary=said, "
            "message=said, hint=said, flapping=False)\n"
            "memory = dict(status='warning', since=1.0, bad=1, bad_since=1.0, good=0, recent='b', alert=alert)\n"
            "check = dict(name='a.b', status='warning', duration=0.1, metrics=[], blocked_by=[], message=said)\n"
            "report = dict(host='h', duration=1.0, status='warning', checks=[check])\n"
            "run = loading.SpooledRun(serial=1, uuid=str(uuid.uuid4()), at=1.7e9, trigger='command', complete=True,\n"
            "    report=report, state=dict(checks={'a.b': memory}, notices=[]), opened=['a.b'], ended={})\n"
            "assert loading.load(run, 'default')\n"
        )
        assert here.manage("shell", "--no-imports", "-c", code).code == 0
        assert rows(here, "SystemAlert", "message") == [[plain]]
        report = rows(here, "HealthRun", "report")[0][0]
        assert report["checks"][0]["message"] in {said, plain}
    finally:
        server.sql("DROP DATABASE narrow")


def test_names_that_differ_in_case_are_two(recording: Shop) -> None:
    counts = ask(
        recording,
        LOAD.replace('f"own.check:{i}"', '["own.check:/data", "own.check:/Data", "own.check:/d\u00e4ta"][i]')
        + """
with bounded("default", 5):
    load(run(1, "warning", 1, 3), "default")
names = [HealthMetric.objects.filter(check_name=n).count() for n in ("own.check:/data", "own.check:/Data")]
show([names, SystemAlert.objects.filter(alert_type="own.check:/data").count()])
""",
    )
    assert counts == [[10, 10], 1]
