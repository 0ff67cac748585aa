"""The threshold `full_in` through the command: a run that records foretells, the next one warns."""

import json
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, Shop, ShopFactory
from tests.history.record import batch, fill, migrate, run_in
from tests.history.rows import rows

DAY, HOUR = 86_400, 3_600
DISK, USED, INODES = "host.disk:/", "used_percent_full_in", "inodes_used_percent_full_in"
HOST = os.uname().nodename
OFF = {"warning": "~:", "critical": "~:"}  # so that the real disk alone never decides
THRESHOLDS = {
    "host.disk/used_percent": {**OFF, "full_in": "7d:"},
    "host.disk/inodes_used_percent": OFF,
    "host.disk/available": {"critical": "~:"},
}
Level = Callable[[float, float], float]


def growing(days_left: float) -> Level:
    """Return a level that ends at what the disk has now, and grows so that it is full in that many days."""
    return lambda now, ago: now - ago * (100 - now) / days_left


def noise(now: float, ago: float) -> float:
    return now + random.Random(ago).gauss(0, 5)


def made(shop: ShopFactory, level: Level | None, **thresholds: Any) -> Shop:
    """Make a project that watches one disk, whose eight days before were as a level says."""
    project = migrate(shop({}, {}, {"MOUNTS": ["/"], "THRESHOLDS": {**THRESHOLDS, **thresholds}}))
    if level is None:
        return project
    found = project.json(DISK).metrics(DISK)
    now, past = time.time(), [i * 1800.0 for i in range(8 * 48, 0, -1)]
    series = {
        name: [(now - ago, level(found[name], ago / DAY)) for ago in past]
        for name in ("used_percent", "inodes_used_percent")
    }
    return fill(project, *(batch(f"{DISK}/{name}", values, host=HOST, unit="%") for name, values in series.items()))


def recorded(shop: Shop) -> Run:
    """Record a run, all of it."""
    run = shop.json(DISK, options=["--record"])
    assert run.err == ""
    return run


def forecasts(shop: Shop) -> Path:
    (path,) = shop.state.rglob("forecast.json")
    return path


def aged(shop: Shop, seconds: float) -> None:
    """Make all that was foretold that much older."""
    path = forecasts(shop)
    told = json.loads(path.read_text())
    path.write_text(json.dumps({name: {**item, "at": item["at"] - seconds} for name, item in told.items()}))


def test_a_disk_that_will_soon_be_full_warns_at_the_next_run(shop: ShopFactory) -> None:
    project = made(shop, growing(6))
    first = recorded(project)
    assert (first.code, first.checks[DISK]["status"]) == (0, "healthy")
    assert first.reasons(DISK)[USED] == "nothing has been foretold yet: that takes recorded runs"

    second = project.json(DISK)
    check = second.checks[DISK]
    assert (second.code, check["status"], check["kind"]) == (1, "warning", "threshold")
    assert re.fullmatch(r"full in about 6 days( \(\d to \d\))?", check["summary"])
    assert check["message"] == f"{USED} is 6 d (warning below 7 d): {check['summary']}"
    assert "du -xh" in check["hint"] and f"health history '{DISK}/used_percent'" in check["hint"]
    (metric,) = [item for item in check["metrics"] if item["name"] == USED]
    assert 5.5 * DAY < metric["value"] < 6.5 * DAY
    assert {**metric, "value": 0} == {
        "name": USED, "value": 0, "unit": "s", "warning": f"{7 * DAY}:", "critical": None, "min": None, "max": None,
        "status": "warning", "reason": None,
    }  # fmt: skip
    assert INODES not in second.metrics(DISK), "nobody asked for it"
    assert list(json.loads(forecasts(project).read_text())) == [f"{DISK}/used_percent"]
    assert forecasts(project).stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def warned(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project whose next run warns."""
    project = made(ShopFactory(tmp_path_factory.mktemp("shop")), growing(6))
    recorded(project)
    return project


def test_every_format_has_it(warned: Shop) -> None:
    nagios = warned.health("run", DISK, "-f", "nagios")
    assert nagios.code == 1
    assert nagios.out.startswith(f"HEALTH WARNING - {DISK} full in about 6 days")
    assert re.search(rf"\bhost_disk_{USED}=5\d{{5}}(\.\d+)?s;604800:", nagios.out)
    table = warned.health("run", DISK, "-v")
    assert table.code == 1 and re.search(rf"{USED} +6 d \[warning 7d:\]", table.out)
    listed = warned.health("list", DISK)
    assert re.search(rf"{USED} +7d: \(setting\)", listed.out)
    assert f"{USED} [s]  warning 7d:" in warned.health("explain", DISK).out


def test_options_win_over_the_setting(warned: Shop) -> None:
    assert warned.json(DISK, options=["-w", f"{DISK}/{USED}=1d:"]).code == 0
    assert warned.json(DISK, options=["-c", f"{DISK}/{USED}=7d:", "-w", f"{DISK}/{USED}=8d:"]).code == 2


def test_it_is_recorded_and_opens_an_alert_like_any_other(shop: ShopFactory) -> None:
    project = made(shop, growing(6))
    recorded(project)
    assert recorded(project).code == 1
    kept = rows(
        project, "HealthMetric.objects.filter(metric_name='used_percent_full_in').model", "metric_name", "status"
    )
    assert [status for name, status in kept if name == USED] == ["skipped", "warning"]
    assert rows(project, "SystemAlert", "alert_type", "severity", "resolved") == [[DISK, "warning", False]]


@pytest.mark.parametrize(
    ("level", "reason"),
    [
        (noise, "it does not grow for certain"),
        (growing(60), "it is too far ahead of what is known"),
        (growing(12), None),
        (None, "there are too few values"),
    ],
    ids=["noise", "too far", "later", "a new record"],
)
def test_what_is_not_full_soon_is_healthy(shop: ShopFactory, level: Level | None, reason: str | None) -> None:
    project = made(shop, level)
    recorded(project)
    run = project.json(DISK)
    assert (run.code, run.checks[DISK]["status"]) == (0, "healthy")
    assert run.reasons(DISK).get(USED) == reason
    assert (run.metrics(DISK)[USED] is None) == (reason is not None)


def test_what_is_too_old_is_not_believed(shop: ShopFactory) -> None:
    project = made(shop, growing(6))
    recorded(project)
    before = project.json(DISK).metrics(DISK)[USED]
    aged(project, HOUR)
    assert before - project.json(DISK).metrics(DISK)[USED] == pytest.approx(HOUR, abs=30)
    aged(project, HOUR)
    run = project.json(DISK)
    assert run.code == 0
    assert re.fullmatch(r"not known since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", run.reasons(DISK)[USED])


def test_it_is_foretold_again_after_a_quarter_of_an_hour(shop: ShopFactory) -> None:
    project = made(shop, growing(6))
    recorded(project)
    first = forecasts(project).read_text()
    recorded(project)
    assert forecasts(project).read_text() == first
    aged(project, 15 * 60)
    began = time.time()
    recorded(project)
    assert json.loads(forecasts(project).read_text())[f"{DISK}/used_percent"]["at"] > began


_FORECAST = """
import json, pathlib, sys, time
from health_cli.history.forecasting import forecast
from health_cli.history.opening import open_record
from health_cli.history.place import Place, Project
part, left, folder = json.load(sys.stdin)
place = Place(pathlib.Path(folder))
forecast(place, open_record(Project(), place), time.monotonic() + left, part)
"""


def test_a_record_that_is_slow_to_read_costs_a_part_of_a_run_and_all_have_their_turn(
    shop: ShopFactory,
) -> None:
    project = made(shop, growing(6), **{"host.disk/inodes_used_percent": {**OFF, "full_in": "7d:"}})
    recorded(project)
    folder = forecasts(project).parent
    forecasts(project).unlink()
    run_in(project, _FORECAST, json.dumps([0.5, 0.4, str(folder)]))
    assert not (folder / "forecast.json").exists(), "there was no time to begin"
    names = [f"{DISK}/used_percent", f"{DISK}/inodes_used_percent"]
    for count in (1, 2):
        run_in(project, _FORECAST, json.dumps([0, 10, str(folder)]))
        told = json.loads(forecasts(project).read_text())
        assert set(told) == set(names[:count])
        assert {item["reason"] for item in told.values()} == {"the record could not be read in 0 s"}
    aged(project, HOUR)
    run_in(project, _FORECAST, json.dumps([5, 10, str(folder)]))
    assert all(item["seconds"] for item in json.loads(forecasts(project).read_text()).values())


def test_a_database_that_is_down_keeps_what_was_foretold(shop: ShopFactory) -> None:
    project = made(shop, growing(6))
    recorded(project)
    database = project.state / "db.sqlite3"
    database.rename(database.with_suffix(".away"))
    database.mkdir()
    run = project.json(DISK, options=["--record"])
    assert run.code == 1 and "full in about 6 days" in run.checks[DISK]["summary"]
    assert "not all was recorded" in run.err


@pytest.mark.parametrize(
    ("target", "text", "number", "words"),
    [
        ("host.disk/used_percent", "7d", "E004", "'7d' does not say below what time it is to warn"),
        ("host.memory/used_percent", "7GiB:", "E004", "'GiB' does not go with a value in s"),
        ("host.cpu/used_percent", "7d:", "E005", "host.cpu/used_percent does not fill up"),
        ("host.memory/used", "7d:", "E005", "no check has such a metric; nearest: host.memory/used"),
    ],
)
def test_the_run_and_the_system_check_refuse_the_same(
    shop: ShopFactory, target: str, text: str, number: str, words: str
) -> None:
    project = shop({}, {}, {"THRESHOLDS": {target: {"full_in": text}}})
    for run in (project.health("run", "host"), project.health("list")):
        assert run.code == 3 and words in " ".join((run.out + run.err).split())
    checked = project.manage("check")
    assert checked.code == 1 and f"(health_cli.{number})" in checked.err and words in checked.err
