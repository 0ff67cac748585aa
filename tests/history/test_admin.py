"""The record in Django's admin: for superusers alone, to look at, to acknowledge, to resolve and to silence."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forks import FORKS

SITE = """
import json, os, uuid
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", USE_TZ=True, ROOT_URLCONF="__main__", ALLOWED_HOSTS=["testserver"], STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["FILE"]}},
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "health_cli"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                            "django.contrib.auth.context_processors.auth",
                            "django.contrib.messages.context_processors.messages"]}}],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import path
from django.utils import timezone
from health_cli.models import *
urlpatterns = [path("admin/", admin.site.urls)]
setup_test_environment()
call_command("migrate", verbosity=0)
"""
PROJECT = (
    SITE
    + """
run = HealthRun.objects.create(uuid=uuid.uuid4(), host="web1", started_at=timezone.now(), duration=1, status="warning",
                               trigger="command", complete=True, report={"checks": []}, state={"checks": "a memory"})
HealthSelection.objects.create(host="web1", scope="", seen_at=run.started_at)
HealthMetric.objects.create(run=run, host="web1", check_name="a.b", metric_name="m", unit="s", status="healthy",
                            metric_value={"value": 1}, value=1, timestamp=run.started_at)
about = dict(host="web1", message="m", severity="warning", created_at=run.started_at, seen_at=run.started_at)
alerts = [SystemAlert.objects.create(alert_type=f"a.{n}", open_key=str(n), **about) for n in (1, 2)]
root = User.objects.create_superuser("root", password="x")
staff = User.objects.create_user("staff", password="x", is_staff=True)
staff.user_permissions.set(Permission.objects.all())
def client(user):
    client = Client()
    client.force_login(user)
    return client
def act(name, *rows):
    data = {"action": name, "_selected_action": [row.pk for row in rows]}
    return client(root).post("/admin/health_cli/systemalert/", data, follow=True)
PAGES = [f"/admin/health_cli/{name}/" for name in ("healthrun", "healthmetric", "systemalert", "silence")]
"""
)


_TABLES: list[bytes] = []  # the SQLite file with all tables, once one was made


def ask(folder: Path, code: str, project: str = PROJECT) -> Any:
    """Run code in a project with an admin; what it calls `print` with as JSON."""
    file = folder / "db.sqlite3"
    if not _TABLES:
        run(file, SITE)
        _TABLES.append(file.read_bytes())
    file.write_bytes(_TABLES[0])
    return json.loads(run(file, f"{project}\n{code}"))


def run(file: Path, code: str) -> str:
    failed, out, err = FORKS.call({"code": code}, {"FILE": str(file)}, "/")
    assert not failed, err
    return out


@pytest.mark.parametrize(("who", "status"), [("root", 200), ("staff", 403)])
def test_superusers_alone_see_it(tmp_path: Path, who: str, status: int) -> None:
    code = f"""
pages = [*PAGES, f"{{PAGES[0]}}{{run.pk}}/change/", f"{{PAGES[2]}}{{alerts[0].pk}}/change/"]
print(json.dumps([client({who}).get(page).status_code for page in pages]))
"""
    assert ask(tmp_path, code) == [status] * 6


def test_nobody_changes_what_was_recorded(tmp_path: Path) -> None:
    code = """
asked = [client(root).post(f"{page}{row.pk}/{what}/", {"post": "yes"}).status_code
         for page, row in zip(PAGES, (run, run.metrics.get())) for what in ("change", "delete")]
asked.append(client(root).post(f"{PAGES[2]}{alerts[0].pk}/delete/", {"post": "yes"}).status_code)
added = [client(root).get(f"{page}add/").status_code for page in PAGES]
print(json.dumps([asked, added]))
"""
    assert ask(tmp_path, code) == [[403] * 5, [403, 403, 403, 200]]


def test_what_alerting_remembers_is_not_shown(tmp_path: Path) -> None:
    page = ask(tmp_path, 'print(json.dumps(client(root).get(f"{PAGES[0]}{run.pk}/change/").content.decode()))')
    assert "web1" in page
    assert "a memory" not in page


def test_alerts_are_acknowledged_and_resolved_in_the_name_of_who_does_it(tmp_path: Path) -> None:
    code = """
said = [act("acknowledge", *alerts), act("resolve", alerts[0]), act("resolve", *alerts)]
texts = [str(message) for page in said for message in page.context["messages"]]
fields = ("by", "resolved", "resolution", "open_key")
print(json.dumps([texts, list(map(list, SystemAlert.objects.order_by("alert_type").values_list(*fields)))]))
"""
    texts, rows = ask(tmp_path, code)
    assert [text.split(".")[0] for text in texts] == ["Acknowledged: 2", "Resolved: 1", "Resolved: 1"]
    assert rows == [["root", True, "by root", None]] * 2


def test_whoever_writes_why_an_alert_may_wait_has_acknowledged_it(tmp_path: Path) -> None:
    code = """
page = f"{PAGES[2]}{alerts[0].pk}/change/"
answers = [client(root).post(page, {"why": "a new disk comes", "severity": "info", "count": 99}).status_code]
act("resolve", alerts[0])
answers.append(client(root).post(page, {"why": "too late"}).status_code)
fields = ("by", "why", "severity", "count")
print(json.dumps([answers, list(SystemAlert.objects.filter(acknowledged_at__isnull=False).values_list(*fields))]))
"""
    answers, acknowledged = ask(tmp_path, code)
    assert answers == [302, 403]
    assert acknowledged == [["root", "a new disk comes", "warning", 1]]


def test_alerts_are_silenced_each_on_its_host(tmp_path: Path) -> None:
    code = """
texts = [str(message) for message in act("silence", *alerts).context["messages"]]
fields = ("pattern", "host", "by")
lasts = {round((s.until - s.created_at).total_seconds()) for s in Silence.objects.all()}
print(json.dumps([texts, list(map(list, Silence.objects.order_by("pattern").values_list(*fields))), list(lasts)]))
"""
    texts, rows, lasts = ask(tmp_path, code)
    assert texts == ["Silenced for 2 hours: a.1 on web1, a.2 on web1."]
    assert (rows, lasts) == ([["a.1", "web1", "root"], ["a.2", "web1", "root"]], [7200])


def test_lists_read_no_reports_and_count_no_large_table(tmp_path: Path) -> None:
    code = """
from django.db import connection
from django.test.utils import CaptureQueriesContext
from health_cli.admin import Newest
Newest.MOST = 1
HealthMetric.objects.create(run=run, host="web1", check_name="a.b", metric_name="n", unit="B", status="healthy",
                            metric_value={"value": 2048}, value=2048, timestamp=run.started_at)
with CaptureQueriesContext(connection, ) as asked:
    pages = [client(root).get(page).content.decode() for page in PAGES[:2]]
sqls = [query["sql"] for query in asked.captured_queries if "health_cli_health" in query["sql"]]
found = client(root).get(PAGES[1] + "?q=a.b/n").content.decode()
print(json.dumps([sqls, pages, found]))
"""
    sqls, (runs, metrics), found = ask(tmp_path, code)
    assert any("healthrun" in sql for sql in sqls) and any("healthmetric" in sql for sql in sqls)
    assert not any("report" in sql or "metric_value" in sql for sql in sqls), sqls
    counted = [sql for sql in sqls if "COUNT(" in sql]
    assert counted and all("LIMIT 1" in sql for sql in counted), counted
    assert not any("DISTINCT" in sql and "healthselection" not in sql for sql in sqls), "that would read all"
    assert "1 run" in runs and "1 metric" in metrics
    assert "2 KiB" in found and "a.b" in found


def test_a_silence_that_would_be_over_is_refused(tmp_path: Path) -> None:
    code = """
data = {"pattern": "host.*", "host": "", "until_0": "2020-01-01", "until_1": "00:00", "why": "upgrade"}
page = client(root).post("/admin/health_cli/silence/add/", data).content.decode()
print(json.dumps([page, Silence.objects.count()]))
"""
    page, count = ask(tmp_path, code)
    assert "give a time to come" in page and "the leading part of one" in page
    assert count == 0


def test_the_page_is_listed_where_it_has_a_url(tmp_path: Path) -> None:
    code = """
index, there = (client(root).get(f"/admin/{path}") for path in ("", "health_cli/lastrun/"))
print(json.dumps([index.content.decode(), there.status_code]))
"""
    project = PROJECT.replace("import path\n", "import include, path\n").replace(
        "urlpatterns = [", 'urlpatterns = [path("admin/health/", include("health_cli.urls")), '
    )
    index, status = ask(tmp_path, code, project)
    assert ("health_cli/lastrun/" in index, status) == (True, 302)
    (tmp_path / "other").mkdir()
    index, status = ask(tmp_path / "other", code)
    assert ("health_cli/lastrun/" in index, status) == (False, 403)


def test_a_silence_has_the_name_of_who_made_it(tmp_path: Path) -> None:
    code = """
data = {"pattern": "host.*", "host": "", "until_0": "2099-01-01", "until_1": "00:00", "why": "upgrade"}
client(root).post("/admin/health_cli/silence/add/", data)
print(json.dumps(list(map(list, Silence.objects.values_list("pattern", "host", "why", "by")))))
"""
    assert ask(tmp_path, code) == [["host.*", "", "upgrade", "root"]]


def test_acknowledging_again_keeps_the_reason(tmp_path: Path) -> None:
    code = """
client(root).post(f"{PAGES[2]}{alerts[0].pk}/change/", {"why": "a new disk comes"})
act("acknowledge", alerts[0])
print(json.dumps(SystemAlert.objects.get(pk=alerts[0].pk).why))
"""
    assert ask(tmp_path, code) == "a new disk comes"


def test_all_of_it_is_in_the_database_that_is_recorded_in(tmp_path: Path) -> None:
    default = 'DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["FILE"]}},'
    two = default.replace(
        "}},", '}, "record": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["FILE"] + "-record"}},'
    )
    project = (
        PROJECT.replace(default, f'{two} HEALTH_CLI={{"RECORD_DATABASE": "record"}},')
        .replace(
            "urlpatterns =", 'call_command("migrate", "health_cli", database="record", verbosity=0)\nurlpatterns ='
        )
        .replace(".objects.create(", '.objects.using("record").create(')
    )
    code = """
data = {"pattern": "host.*", "host": "", "until_0": "2099-01-01", "until_1": "00:00", "why": "upgrade"}
client(root).post("/admin/health_cli/silence/add/", data)
act("resolve", alerts[0])
client(root).post(f"{PAGES[2]}{alerts[1].pk}/change/", {"why": "a new disk comes"})
seen = [client(root).get(page).status_code for page in (f"{PAGES[1]}{run.metrics.get().pk}/change/", *PAGES)]
silences = list(Silence.objects.using("record").values_list("pattern", flat=True))
said = list(SystemAlert.objects.using("record").order_by("id").values_list("resolved", "why"))
silence = Silence.objects.using("record").get()
client(root).post(f"/admin/health_cli/silence/{silence.pk}/delete/", {"post": "yes"})
left = [model.objects.using(alias).count() for alias in ("default", "record") for model in (Silence, SystemAlert)]
print(json.dumps([seen, silences, said, left]))
"""
    project = project.replace('User.objects.using("record").create', "User.objects.create")
    assert ask(tmp_path, code, project) == [
        [200] * 5,
        ["host.*"],
        [[True, ""], [False, "a new disk comes"]],
        [0, 0, 0, 2],
    ]
