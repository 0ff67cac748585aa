"""celery.beat: a real scheduler that ticks, is frozen, is gone; and what its file may hold."""

import dbm.dumb
import json
import os
import pickle
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import crontab, schedule

from health_cli.checks.celery.beat_client import late_by
from health_cli.checks.celery.beat_file import Unreadable, entries_of, files_of
from tests.brokers import CeleryBeat
from tests.checks.celery.conftest import Project
from tests.conftest import Run
from tests.servers import wait_until

NAME = "celery.beat"
EVERY_SECOND = {
    "CELERY_BEAT_SCHEDULE": {"sums": {"task": "tests.add", "schedule": 1.0, "args": [1, 2]}},
    "CELERY_BEAT_ENABLE_REMOTE_CONTROL": True,
    "CELERY_BEAT_SYNC_EVERY": 1,  # tasks, where three minutes are usual
}


@pytest.fixture
def beat(project: Project, tmp_path: Path) -> Iterator[CeleryBeat]:
    found = CeleryBeat(tmp_path / "beat", project.place.url, celery=EVERY_SECOND)
    try:
        yield found.start()
    finally:
        found.stop()


def look(project: Project, beat: CeleryBeat, grace: float = 600, **env: str) -> Run:
    """Look at a beat and its file."""
    setting = {"OPTIONS": {NAME: {"schedule": str(beat.folder / "schedule"), "grace": grace}}, "TIMEOUT": 10}
    return project.json(NAME, setting=setting, SHOP_CELERY=json.dumps(EVERY_SECOND), **env)


def test_one_that_ticks_and_then_is_frozen_and_gone(project: Project, beat: CeleryBeat) -> None:
    run = look(project, beat)
    check, metrics = run.checks[NAME], run.metrics(NAME)
    assert check["status"] == "healthy", check["message"]
    assert metrics["tasks"] == 2  # and Celery's own, which cleans up
    assert metrics["overdue"] == metrics["longest_overdue"] == 0
    assert metrics["last_tick"] < 60 and metrics["last_run"] < 60
    assert check["data"]["beats"][0].startswith("celerybeat@") and "answers" in check["message"]
    assert check["data"]["source"].startswith(str(beat.folder))
    run = look(project, beat, CELERY_BROKER_URL="redis://127.0.0.1:1/0")
    assert run.checks[NAME]["status"] == "healthy" and run.metrics(NAME)["tasks"] == 2
    assert "refused" in run.checks[NAME]["data"]["not_asked"]
    beat.freeze()
    run = look(project, beat)
    workers = project.json("celery.workers").checks["celery.workers"]
    beat.thaw()
    assert "celerybeat" not in workers["message"] + workers["hint"], "it is no worker"
    assert (run.checks[NAME]["status"], run.checks[NAME]["summary"]) == ("critical", "beat does not answer")
    beat.kill()
    wait_until(lambda: look(project, beat, grace=2).checks[NAME]["summary"] == "1 overdue", "an overdue task", 15)
    run = look(project, beat, grace=2)
    assert run.checks[NAME]["message"].startswith("These periodic tasks are overdue: sums (")
    assert "no beat answers" in run.checks[NAME]["message"] and "celery -A PROJECT beat" in run.checks[NAME]["hint"]
    for name in files_of(str(beat.folder / "schedule")):
        os.utime(name, (time.time() - 1000,) * 2)
    run = look(project, beat)
    assert "last_tick" in run.checks[NAME]["message"] and 990 < run.metrics(NAME)["last_tick"] < 1100


def test_where_nothing_tells_of_it_it_is_skipped_and_without_periodic_tasks_it_is_not_there(
    on_redis_project: Project,
) -> None:
    only = json.dumps({"CELERY_BEAT_SCHEDULE": EVERY_SECOND["CELERY_BEAT_SCHEDULE"]})
    run = on_redis_project.json(NAME, SHOP_CELERY=only)
    assert (run.code, run.checks[NAME]["summary"]) == (3, "nothing tells of beat")
    assert "beat_enable_remote_control" in run.checks[NAME]["message"]
    assert NAME not in on_redis_project.json("celery").checks


def entry(name: str, when: Any, ran: datetime, **options: Any) -> ScheduleEntry:
    return ScheduleEntry(name=name, task="t", schedule=when, last_run_at=ran, total_run_count=1, options=options)


def written(folder: Path, entries: Any, module: Any = dbm, raw: bytes = b"") -> str:
    """Write a file as a scheduler does."""
    path = str(folder / "schedule")
    with module.open(path, "c") as file:
        file[b"entries"] = raw or pickle.dumps(entries)
        file[b"tz"] = pickle.dumps("UTC")
    return path


@pytest.mark.parametrize("module", [dbm, dbm.dumb])
def test_files_of_every_kind_are_read_while_they_are_open(tmp_path: Path, module: Any) -> None:
    zone = ZoneInfo("Europe/Berlin")
    given = {
        "each": entry("each", schedule(timedelta(seconds=9)), datetime(2026, 1, 2, tzinfo=UTC), queue="emails"),
        "night": entry("night", crontab(hour=3, minute=0), datetime(2026, 1, 2, tzinfo=zone)),
    }
    path = written(tmp_path, given, module)
    with module.open(path, "w") as held:
        held[b"other"] = b"x"
        found = {each.name: each for each in entries_of(files_of(path))}
    assert found["each"].schedule.run_every == timedelta(seconds=9) and found["each"].options == {"queue": "emails"}
    assert found["night"].schedule.hour == {3} and found["night"].last_run_at.tzinfo == zone
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(Path(name).name for name in files_of(path))


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/health-cli-was-here",)


@pytest.mark.parametrize(
    ("content", "said"),
    [({"x": Evil()}, "not Celery's own"), ({"x": getattr}, "not Celery's own"), (3, "int")],
)
def test_no_code_in_it_is_run(tmp_path: Path, content: Any, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(Unreadable, match=said):
        entries_of(files_of(path))
    assert not Path("/tmp/health-cli-was-here").exists()


def test_a_file_that_is_none_still_tells_when_it_was_written(on_redis_project: Project, tmp_path: Path) -> None:
    (tmp_path / "schedule").write_bytes(b"no dbm at all")
    about = {"OPTIONS": {NAME: {"schedule": str(tmp_path / "schedule")}}, "TIMEOUT": 10}
    run = on_redis_project.json(NAME, setting=about)
    assert run.metrics(NAME)["last_tick"] < 60 and run.metrics(NAME)["overdue"] is None
    assert "the file can't be read" in run.reasons(NAME)["overdue"]
    assert (run.code, run.checks[NAME]["summary"]) == (3, "schedule not readable")
    with (tmp_path / "schedule").open("wb") as file:
        file.truncate(1 << 34)  # a hole, on the disk it is nothing
    run = on_redis_project.json(NAME, setting=about)
    assert "more than 16 MiB" in run.checks[NAME]["message"]
    os.unlink(tmp_path / "schedule")
    run = on_redis_project.json(NAME, setting=about)
    assert (run.checks[NAME]["status"], run.checks[NAME]["summary"]) == ("critical", "no schedule's file")


def test_what_nobody_can_be_asked_about_is_not_well(on_redis_project: Project) -> None:
    run = on_redis_project.json(NAME, CELERY_BROKER_URL="redis://127.0.0.1:1/0", SHOP_CELERY=json.dumps(EVERY_SECOND))
    assert (run.code, run.checks[NAME]["status"], run.checks[NAME]["kind"]) == (3, "unknown", "refused")


def test_any_argument_of_a_task_may_be_read_and_changes_nothing_of_celery(tmp_path: Path) -> None:
    odd = entry("odd", schedule(timedelta(seconds=9)), datetime(2026, 1, 2, tzinfo=UTC))
    odd.args = (uuid.uuid4(), Decimal("1.5"), {"x": {frozenset([Path("/x")])}})
    whole = entries_of(files_of(written(tmp_path, {"odd": odd})))[0]
    assert whole.name == "odd" and whole.schedule.run_every == timedelta(seconds=9)
    before = vars(schedule).copy()
    changing = b"ccelery.schedules\nschedule\nN}X\x12\0\0\0remaining_estimatecbuiltins\nset\ns\x86b."
    with pytest.raises(Unreadable):
        entries_of(files_of(written(tmp_path, {"x": 1}, raw=changing)))
    assert vars(schedule) == before


def test_how_late_a_task_is() -> None:
    app = Celery(set_as_current=False)
    app.conf.timezone = "Europe/Berlin"
    now = datetime.now(UTC)
    assert late_by(schedule(timedelta(seconds=60)), now - timedelta(seconds=90), app) == pytest.approx(30, abs=2)
    assert late_by(schedule(timedelta(seconds=60)), now - timedelta(seconds=20), app) == pytest.approx(-40, abs=2)
    here = now.astimezone(ZoneInfo("Europe/Berlin"))
    hourly = crontab(minute=here.minute, hour=here.hour)
    assert 0 <= late_by(hourly, now - timedelta(hours=1), app) < 62
    assert late_by(hourly, now + timedelta(seconds=61), app) < -3600 * 22
    naive = (now - timedelta(seconds=90)).replace(tzinfo=None)
    assert late_by(schedule(timedelta(seconds=60)), naive, app) == pytest.approx(30, abs=2)
