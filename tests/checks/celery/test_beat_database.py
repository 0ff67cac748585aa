"""celery.beat with django-celery-beat: its scheduler and its tables. On the oldest Django, since it takes no newer."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import CeleryBeat
from tests.checks.celery.conftest import Place
from tests.conftest import Run, Shop, ShopFactory
from tests.servers import wait_until

NAME = "celery.beat"
APPS = {"SHOP_APPS": json.dumps(["django_celery_beat.apps.BeatConfig"])}
QUICK = {"CELERY_BEAT_SYNC_EVERY": 1}
MAKE = """
from datetime import timedelta
from django.utils.timezone import now
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask
second = IntervalSchedule.objects.create(every=1, period="seconds")
night = CrontabSchedule.objects.create(hour="3", minute="0", timezone="Asia/Tokyo")
noon = ClockedSchedule.objects.create(clocked_time=now() - timedelta(hours=1))
hour = timedelta(hours=1)
def task(name, **how):
    PeriodicTask.objects.create(name=name, task="tests.add", **how)
task("sums", interval=second, args="[1, 2]")
task("off", interval=second, enabled=False, last_run_at=now() - hour)
task("later", interval=second, start_time=now() + hour, last_run_at=now() - hour)
task("over", interval=second, expires=now() - hour, last_run_at=now() - hour)
task("done", clocked=noon, one_off=True, total_run_count=1)
task("nightly", crontab=night, last_run_at=now())
task("new", interval=second, start_time=now() - 30 * 24 * hour)
never = CrontabSchedule.objects.create(day_of_month="30", month_of_year="2")
task("never", crontab=never)
"""
LATE = """
from datetime import timedelta
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
PeriodicTask.objects.filter(name="nightly").update(last_run_at=now() - timedelta(hours=50))
PeriodicTask.objects.filter(name="sums").update(
    last_run_at=None, start_time=now() - timedelta(minutes=30), date_changed=now() - timedelta(hours=9)
)
"""


@pytest.fixture
def project(shop: ShopFactory) -> Shop:
    return shop(setting={"TIMEOUT": 10})


def look(project: Shop, place: Place, **env: str) -> Run:
    return project.json(NAME, env={**APPS, "CELERY_BROKER_URL": place.url, **env})


def manage(project: Shop, place: Place, *words: str) -> None:
    run = project.manage(*words, env={**project.env, **APPS, "CELERY_BROKER_URL": place.url})
    assert run.code == 0, run.err


@pytest.fixture
def beat(project: Shop, redis_place: Place, tmp_path: Path) -> Iterator[CeleryBeat]:
    """Its scheduler, with the database of the project."""
    found = CeleryBeat(
        tmp_path / "beat", redis_place.url, "-S", "django", celery=QUICK, **APPS, SHOP_STATE=str(project.state)
    )
    try:
        yield found
    finally:
        found.stop()


def test_what_its_tables_tell(project: Shop, redis_place: Place, beat: CeleryBeat) -> None:
    lost: dict[str, Any] = look(project, redis_place).checks[NAME]
    assert (lost["status"], lost["summary"]) == ("unknown", "its database can't be read")
    manage(project, redis_place, "migrate", "--verbosity", "0", "contenttypes")
    missing = look(project, redis_place).checks[NAME]
    assert (missing["status"], missing["kind"], missing["summary"]) == ("unknown", "missing", "no table of tasks")
    assert "manage.py migrate django_celery_beat" in missing["hint"]
    manage(project, redis_place, "migrate", "--verbosity", "0")
    manage(project, redis_place, "shell", "-c", MAKE)
    beat.start()
    only = {"CELERY_BEAT_SCHEDULE": {"lost": {"task": "tests.add", "schedule": 60.0}}}
    lost = look(project, redis_place, SHOP_CELERY=json.dumps(only)).checks[NAME]
    assert "beat_schedule has tasks that its table lacks: lost" in lost["message"]
    wait_until(lambda: (look(project, redis_place).metrics(NAME)["last_run"] or 99) < 10, "a task that was sent", 20)
    run = look(project, redis_place)
    assert run.checks[NAME]["status"] == "warning", run.out
    assert "never (" in run.checks[NAME]["message"] and run.metrics(NAME)["overdue"] == 0
    assert run.checks[NAME]["data"]["source"] == "django-celery-beat"
    assert run.metrics(NAME)["tasks"] == 4  # sums, nightly, new, and Celery's own
    assert "writes only what it has sent" in run.reasons(NAME)["last_tick"]
    beat.kill()
    manage(project, redis_place, "shell", "-c", LATE)
    began = time.time()
    run = look(project, redis_place)
    late = {row["name"]: row["late"] for row in run.checks[NAME]["data"]["overdue_tasks"]}
    assert (run.checks[NAME]["status"], set(late)) == ("critical", {"sums", "nightly"})
    assert late["sums"] == pytest.approx(1800 + time.time() - began, abs=30)
    assert 26 * 3600 <= late["nightly"] <= 50 * 3600
