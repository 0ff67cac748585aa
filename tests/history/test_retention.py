"""Retention, on the databases that it is for: what is condensed, what is deleted, and what can't go wrong with it."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.history.retention_process import Process
from tests.servers import MariaDB, PostgreSQL

HOUR, DAY = 3600, 86_400
NOON = 1_700_006_400 // DAY * DAY + 12 * HOUR
ENGINES = ("sqlite", "mariadb", "postgresql")


def database(engine: str, name: str, request: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    """Return the settings of a new, empty database."""
    if engine == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db")}
    server: MariaDB | PostgreSQL = request.getfixturevalue(engine)
    if isinstance(server, MariaDB):
        server.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
    else:
        server.sql(f"CREATE DATABASE {name} OWNER app")
    return server.settings(NAME=name)


@pytest.fixture(scope="module", params=ENGINES)
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(database(request.param, "retention", request, tmp_path_factory.mktemp("retention")))
    yield process
    process.end()


@pytest.fixture
def record(process: Process) -> Process:
    """A record that is empty."""
    process.clear()
    return process


@pytest.fixture(params=ENGINES)
def kolkata(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    """An empty record of a project without time zones, whose own hours begin half an hour beside those of UTC."""
    process = Process(database(request.param, "kolkata", request, tmp_path), "Asia/Kolkata")
    yield process
    process.end()


def run(start: float, *, host: str = "h", **metrics: Any) -> Any:
    """Return a run with these metrics of the check `c`: value, or (value, status)."""
    found = {name: value if isinstance(value, tuple) else (value, "healthy") for name, value in metrics.items()}
    return host, start, {f"c/{name}": value for name, value in found.items()}


def hour(start: float, name: str, *numbers: Any, host: str = "h", status: str = "healthy") -> list[Any]:
    return [host, f"c/{name}", start, *numbers, status, "s"]


def test_an_hour_has_minimum_mean_maximum_count_worst_status_and_unit_of_each_metric(record: Process) -> None:
    record.record(
        [
            run(NOON, a=(1.5, "healthy"), b=(10, "warning"), gone=(None, "unknown")),
            run(NOON + 60, a=(2, "critical"), b=(None, "unknown")),
            run(NOON + 3599.999, a=(4.75, "warning"), b=(-3, "healthy")),
            run(NOON + 3600, a=100),
            run(NOON + 61, host="other", a=7),
        ]
    )
    done = record.prune(NOON + 2 * HOUR - 1)
    assert done == {**NOTHING, "hours_written": 4}
    assert record.hours() == [
        hour(NOON, "a", 1.5, 2.75, 4.75, 3, status="critical"),
        hour(NOON, "b", -3, 3.5, 10, 2, status="unknown"),
        hour(NOON, "gone", None, None, None, 0, status="unknown"),
        hour(NOON, "a", 7, 7, 7, 1, host="other"),
    ]


NOTHING = {
    "hours_written": 0, "metrics": 0, "runs": 0, "alerts": 0, "alerts_ended": 0, "hours": 0, "selections": 0,
    "silences": 0, "finished": True,
}  # fmt: skip


def test_a_second_call_does_nothing(record: Process) -> None:
    record.record([run(NOON + 60 * n, a=n) for n in range(60)])
    assert record.prune(NOON + 2 * HOUR)["hours_written"] == 1
    before = record.hours()
    assert record.prune(NOON + 2 * HOUR) == NOTHING
    assert record.hours() == before == [hour(NOON, "a", 0, 29.5, 59, 60)]


def test_an_hour_that_is_not_over_is_left_and_so_is_one_that_has_only_just_ended(record: Process) -> None:
    record.record([run(NOON + 10, a=1)])
    assert record.prune(NOON + HOUR - 1)["hours_written"] == 0
    assert record.prune(NOON + HOUR + 299)["hours_written"] == 0
    assert record.prune(NOON + HOUR + 300)["hours_written"] == 1


def test_a_late_run_is_added_to_its_hour(record: Process) -> None:
    record.record([run(NOON, a=1, b=None), run(NOON + 60, a=3, b=None)])
    record.prune(NOON + 2 * HOUR)
    record.record([run(NOON + 30, a=(11, "critical"), b=(5, "warning"), c=(None, "unknown"))])
    assert record.prune(NOON + 9 * HOUR)["hours_written"] == 3
    assert record.hours() == [
        hour(NOON, "a", 1, 5, 11, 3, status="critical"),
        hour(NOON, "b", 5, 5, 5, 1, status="warning"),
        hour(NOON, "c", None, None, None, 0, status="unknown"),
    ]
    record.record([run(NOON + 31, a=None, b=6)])
    record.prune(NOON + 9 * HOUR)
    assert record.hours()[:2] == [
        hour(NOON, "a", 1, 5, 11, 3, status="critical"),
        hour(NOON, "b", 5, 5.5, 6, 2, status="warning"),
    ]


def test_a_run_that_comes_when_the_others_of_its_hour_are_deleted_is_counted_all_the_same(record: Process) -> None:
    record.record([run(NOON, a=1), run(NOON + 60, a=3)])
    done = record.prune(NOON + 40 * DAY)
    assert (done["runs"], done["metrics"]) == (2, 2)
    record.record([run(NOON + 120, a=8)])
    done = record.prune(NOON + 40 * DAY)
    assert (done["hours_written"], done["runs"], done["metrics"]) == (1, 1, 1)
    assert record.hours() == [hour(NOON, "a", 1, 4, 8, 3)]


def test_values_near_the_largest_and_the_least_have_a_mean_too(record: Process) -> None:
    record.record([run(NOON + n, a=1.5e308, b=-1.5e308, c=0.1) for n in range(3)])
    record.prune(NOON + 2 * HOUR)
    means = {name: (minimum, mean) for _, name, _, minimum, mean, *_ in record.hours()}
    assert means == {"c/a": (1.5e308, 1.5e308), "c/b": (-1.5e308, -1.5e308), "c/c": (0.1, pytest.approx(0.1))}


def test_the_tiniest_values_do_not_end_the_pruning(record: Process) -> None:
    record.record([run(NOON + n, a=5e-324, b=2.0 * n) for n in range(3)])
    record.prune(NOON + 2 * HOUR)
    assert {name: mean for _, name, _, _, mean, *_ in record.hours()} == {"c/a": 0.0, "c/b": 2.0}


def test_names_that_the_database_takes_for_the_same_do_not_end_the_pruning(record: Process) -> None:
    """MySQL usually takes `/data` and `/Data` for the same, the others don't."""
    record.record([run(NOON, a=1, A=2)])
    record.prune(NOON + 2 * HOUR)
    record.record([run(NOON + 60, A=3), run(NOON + 120, a=4, host="H")])
    assert record.prune(NOON + 2 * HOUR)["finished"]
    assert sum(row[6] for row in record.hours()) == 4
    assert record.prune(NOON + 2 * HOUR) == NOTHING


def test_what_is_old_is_deleted_and_nothing_else(record: Process) -> None:
    now = NOON + 500 * DAY
    record.record([run(now - days * DAY, a=1, b=2) for days in (31, 30.001, 29.999, 1, 0)])
    record.record([run(now - 31 * DAY, host="gone", a=1)])
    record.add_others(
        hours=[now - 401 * DAY, now - 399 * DAY],
        alerts=[
            (now - 90 * DAY, None),
            (now - 90 * DAY, now - 31 * DAY),
            (now - 90 * DAY, now - 29 * DAY),
            (now - 2 * DAY, now - 1 * DAY),
        ],
        silences=[now - 1, now + 60],
    )
    done = record.prune(now)
    assert done == {
        "hours_written": 9, "metrics": 5, "runs": 3, "alerts": 1, "alerts_ended": 1, "hours": 1, "selections": 1,
        "silences": 1, "finished": True,
    }  # fmt: skip
    assert record.starts() == [now - days * DAY for days in (29.999, 1, 0)]
    kept = {"HealthMetric": 6, "HealthRun": 3, "HealthHour": 10, "HealthSelection": 1, "SystemAlert": 3, "Silence": 1}
    assert record.counts() == kept
    assert record.prune(now) == NOTHING
    assert record.counts() == kept


def test_a_setting_of_minutes_never_deletes_what_is_not_condensed(record: Process) -> None:
    record.record([run(NOON + 60 * n, a=n) for n in range(30)])
    assert record.prune(NOON + 45 * 60, keep_days=0.001) == NOTHING
    assert record.counts()["HealthRun"] == 30


def test_it_stops_when_its_time_is_over_and_goes_on_at_the_next_call(record: Process) -> None:
    record.record([run(NOON + 600 * n, a=n, b=1) for n in range(48)])
    assert record.prune(NOON + 40 * DAY, seconds=0) == {**NOTHING, "finished": False}
    total = dict.fromkeys(NOTHING, 0)
    calls, finished = 0, False
    while not finished:
        done = record.prune(NOON + 40 * DAY, seconds=0.005, batch=3)
        calls, finished = calls + 1, done["finished"]
        total = {name: total[name] + done[name] for name in total}
    assert calls > 2
    assert total == {**NOTHING, "hours_written": total["hours_written"], "metrics": 96, "runs": 48, "selections": 1}
    assert record.hours() == whole_hours()
    assert record.counts()["HealthRun"] == record.counts()["HealthMetric"] == 0


def whole_hours() -> list[Any]:
    """What 48 runs, one every ten minutes, come to."""
    means = [hour(NOON + HOUR * n, "a", 6 * n, 6 * n + 2.5, 6 * n + 5, 6) for n in range(8)]
    return means + [hour(NOON + HOUR * n, "b", 1, 1, 1, 6) for n in range(8)]


def test_wherever_it_is_killed_nothing_is_lost_and_nothing_counted_twice(record: Process) -> None:
    wanted = [hour(NOON, "a", 0, 1.5, 3, 4), hour(NOON, "b", 1, 1, 1, 4)]
    for statement in range(1, 200):
        record.clear()
        record.record([run(NOON, a=0, b=1), run(NOON + 60, a=1, b=1)])
        record.prune(NOON + 2 * HOUR)
        record.record([run(NOON + 2, a=2, b=1), run(NOON + 3, a=3, b=1)])
        if not record.prune_killed(NOON + 40 * DAY, statement, batch=2):
            break
        assert record.prune(NOON + 40 * DAY)["finished"]
        assert record.hours() == wanted
        assert record.counts()["HealthRun"] == record.counts()["HealthMetric"] == 0
    assert 15 < statement < 100
    assert record.hours() == wanted


def test_many_at_the_same_time_count_everything_once(record: Process) -> None:
    record.record([run(NOON + 600 * n, a=n, b=1) for n in range(48)])
    ends = record.prune_beside(NOON + 40 * DAY, 4, batch=5)
    assert set(ends) == {0}
    assert record.prune(NOON + 40 * DAY)["finished"]
    assert record.hours() == whole_hours()


def test_hours_are_those_of_utc_in_a_project_without_time_zones_too(kolkata: Process) -> None:
    kolkata.record([run(NOON + minutes * 60, a=minutes) for minutes in (0, 29, 31, 59, 60)])
    assert kolkata.prune(NOON + HOUR + 299)["hours_written"] == 0
    assert kolkata.prune(NOON + HOUR + 300)["hours_written"] == 1
    assert kolkata.hours() == [hour(NOON, "a", 0, 29.75, 59, 4)]
    assert kolkata.prune(NOON + 30 * DAY + 59 * 60)["runs"] == 0, "an hour goes as a whole"
    assert kolkata.prune(NOON + 30 * DAY + 60 * 60)["runs"] == 4
    assert kolkata.starts() == [NOON + HOUR]


@pytest.mark.parametrize("process", ["sqlite", "mariadb"], indirect=True)
def test_every_statement_finds_its_rows_by_an_index(record: Process) -> None:
    """PostgreSQL is left out: it reads tables of this size from end to end, whatever indexes they have."""
    now = NOON + 500 * DAY
    record.record([run(now - 3 * n * HOUR, host=f"h{n}", **{f"m{i}": n for i in range(10)}) for n in range(400)])
    record.prune(now - 2 * DAY)
    record.add_others(
        hours=[now - n * HOUR for n in range(402 * 24)],
        alerts=[(now - n * HOUR, now - n * HOUR) for n in range(800)],
        silences=[now + (n - 30) * HOUR for n in range(800)],
    )
    record.analyze()
    found = record.statements(now)
    for table in ("healthmetric", "healthrun", "healthhour", "healthselection", "systemalert", "silence"):
        assert any(sql.startswith("SELECT") and table in sql for sql, _ in found)
        assert any(sql.startswith("DELETE") and table in sql for sql, _ in found)
    assert any(sql.startswith("UPDATE") for sql, _ in found)
    large = [(sql, plan) for sql, plan in found if "FROM health_cli_healthselection" not in re.sub('[`"]', "", sql)]
    words = [(sql, " ".join(chain(*plan)).split()) for sql, plan in large]
    assert not [(sql, plan) for sql, plan in words if {"SCAN", "ALL"} & set(plan)]
