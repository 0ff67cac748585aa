"""Many hosts, hosts that are silent, runs in the future and of some checks only: what counts, on each database."""

from typing import Any

import pytest

from tests.page.conftest import Site
from tests.page.test_access import PAGE, PRELUDE

RUNS = """
import time, uuid
from dataclasses import replace
from health_cli.core.assembly import iso_utc
from health_cli.core.metric import metric
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.history.database import moment
from health_cli.history.loading import scope_of
from health_cli.models import HealthMetric, HealthRun, HealthSelection, SystemAlert
now = time.time()
for model in (HealthRun, HealthSelection): model.objects.all().delete()
def result(name, status="healthy"):
    return Result(name=name, status=Status.parse(status), summary="found", metrics=(metric("m").measured(1),))
def run(host, ago, *results, complete=True, standing=""):
    status = max(r.status for r in results).word
    at, number = now - ago, str(uuid.uuid4())
    report = Report(run=number, host=host, version="1", started_at=iso_utc(at), duration=1, checks=results)
    return HealthRun(uuid=number, host=host, started_at=moment(at), duration=1, status=status, trigger="command",
                     project="x", complete=complete, report=report.to_json(), standing=standing,
                     scope=scope_of(report.to_json()["checks"]))
def record(*runs):
    HealthRun.objects.bulk_create(runs)
    HealthSelection.objects.bulk_create(
        (HealthSelection(host=r.host, scope=r.scope, seen_at=r.started_at) for r in runs), ignore_conflicts=True)
"""
LOOK = """
import re
from health_cli.config.django_source import health_setting
from health_cli.page.overview import overview
from health_cli.page.present import page_of
def look(host="", **setting):
    found = overview("default", host, replace(health_setting(), **setting))
    page = page_of(found, time.time())
    pills = [[pill.name, pill.status, bool(pill.ago)] for pill in page.hosts]
    cards = sorted([card.result.name, card.status] for group in page.groups for card in group.cards)
    return {"host": found.host, "status": page.status, "pills": pills, "more": page.more_hosts, "cards": cards,
            "age": page.age and page.age.word, "every": found.every, "verdict": bool(page.verdict)}
"""


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with tables, on each database."""
    databases = {}
    if request.param != "sqlite":
        server = request.getfixturevalue(request.param)
        name = "page_hosts"
        grant = [f"GRANT ALL ON {name}.* TO app@'127.0.0.1'"] if request.param == "mariadb" else []
        owner = "" if grant else " OWNER app"
        server.sql(f"CREATE DATABASE {name}{owner}", *grant)
        databases = {"default": server.settings(NAME=name)}
    return Site(tmp_path_factory.mktemp("many"), databases, {}, {}).ready()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with tables, on SQLite: for what no database has a part in."""
    return Site(tmp_path_factory.mktemp("one"), {}, {}, {}).ready()


def told(site: Site, code: str) -> Any:
    return site.ask(PRELUDE + RUNS + LOOK + code)


def test_what_only_a_run_of_all_checks_saw_stays_however_many_others_came_since(many: Site) -> None:
    found = told(many, """
record(run("web1", 9_000, result("host.load", "critical"), result("host.memory", "critical")))
record(run("web1", 8_000, result("database:default", "critical"), complete=False))
record(*(run("web1", 60 * n, result("host.load"), complete=False) for n in range(1, 120)))
show(look("web1"))
""")  # fmt: skip
    assert found["cards"] == [["database:default", "critical"], ["host.load", "healthy"], ["host.memory", "critical"]]
    last = many.health("last", "--host", "web1", "-f", "json")
    assert (last.code, last.report["counts"]["critical"]) == (2, 2)


def test_without_a_run_of_all_checks_the_newest_of_each_selection_counts(many: Site) -> None:
    found = told(many, """
record(run("web1", 9_000, result("a", "critical"), result("b"), complete=False))
record(run("web1", 8_000, result("a"), complete=False), run("web1", 7_000, result("c", "warning"), complete=False))
record(*(run("web1", 60 * n, result("b"), complete=False) for n in range(1, 90)))
show(look("web1"))
""")  # fmt: skip
    assert found["cards"] == [["a", "healthy"], ["b", "healthy"], ["c", "warning"]]


def test_what_a_complete_run_no_longer_has_is_gone(one: Site) -> None:
    found = told(one, """
record(run("web1", 900, result("old", "critical")), run("web1", 800, result("gone", "critical"), complete=False))
record(run("web1", 600, result("a")), run("web1", 300, result("a"), complete=False))
show(look("web1"))
""")  # fmt: skip
    assert found["cards"] == [["a", "healthy"]]


def test_a_run_in_the_future_counts_only_where_there_is_no_other(many: Site) -> None:
    found = told(many, """
record(run("web1", 60, result("a", "critical")), run("web1", -9_000, result("a")), run("web2", -9_000, result("a")))
show([look(), look("web2")])
""")  # fmt: skip
    assert (found[0]["host"], found[0]["status"]) == ("web1", "critical")
    assert found[0]["pills"] == [["web1", "critical", False], ["web2", "unknown", False]]
    assert (found[1]["status"], found[1]["verdict"], found[1]["cards"]) == ("unknown", True, [["a", "healthy"]])


def test_a_host_that_is_silent_is_not_healthy(many: Site) -> None:
    found = told(many, """
for number in range(8):
    record(run("web1", 30 + 300 * number, result("a")), run("web2", 9_000 + 300 * number, result("a")))
    record(run("daily", 80_000 + 86_400 * number, result("a")), run("minute", 30 + 60 * number, result("a")))
show([look("web1"), look("web2"), look("daily"), look("minute"), look(RECORD_EVERY=300)])
""")  # fmt: skip
    web1, web2, daily, minute, expected = found
    pills = [["daily", "healthy", False], ["minute", "healthy", False], ["web1", "healthy", False],
             ["web2", "unknown", True]]  # fmt: skip
    assert [each["pills"] for each in (web1, web2, daily, minute)] == [pills] * 4, "each by its own runs"
    assert (web1["every"], web1["age"], daily["every"]) == (300, "fresh", 86_400)
    assert (web2["age"], web2["status"], web2["verdict"]) == ("stale", "unknown", True)
    assert expected["host"] == "web2", "the newest of those that are unknown"
    assert [status for _, status, _ in expected["pills"]] == ["unknown", "healthy", "healthy", "unknown"]


def test_runs_by_hand_do_not_tell_how_often_they_come(one: Site) -> None:
    found = told(one, """
record(*(run("web1", ago, result("a")) for ago in (400, 410, 800, 1_500, 1_530, 3_000, 3_001)))
record(*(run("old", ago, result("a")) for ago in (8_400, 8_410, 8_800, 9_500, 9_530, 9_700, 9_701)))
record(run("few", 90_000, result("a")), run("fewer", 200_000, result("a")))
show([look("web1"), look("old"), look("few"), look("fewer")])
""")  # fmt: skip
    assert [(each["every"], each["age"], each["status"]) for each in found] == [
        (0, "", "healthy"), (0, "stale", "unknown"), (0, "", "healthy"), (0, "stale", "unknown")
    ]  # fmt: skip


def test_two_runs_in_each_interval_are_one(one: Site) -> None:
    found = told(one, """
for ago, host in ((30, "now"), (3 * 86_400, "dead")):
    for number in range(20):
        at = ago + 300 * number
        record(run(host, at, result("a")), run(host, at - 2, result("b"), complete=False))
show([look("now"), look("dead")])
""")  # fmt: skip
    assert [(round(each["every"], -1), each["age"], each["status"]) for each in found] == [
        (300, "fresh", "healthy"), (300, "stale", "unknown")
    ]  # fmt: skip


def test_a_run_of_some_checks_leaves_a_host_as_bad_as_it_was(one: Site) -> None:
    """No alert is open: more bad runs are asked for, or somebody has ended it by hand."""
    found = told(one, """
record(run("web1", 600, result("a", "critical"), standing="critical"))
record(run("web1", 60, result("b"), complete=False, standing="critical"), run("web2", 60, result("a", "warning")))
record(run("web3", 9_000, result("a")), run("web3", 60, result("b"), complete=False))
show([look(), look(RECORD_EVERY=300), look("web3", RECORD_EVERY=300)])
""")  # fmt: skip
    assert (found[0]["host"], found[0]["pills"][0], found[0]["status"]) == (
        "web1", ["web1", "critical", False], "critical"
    )  # fmt: skip
    assert found[1]["pills"][2][:2] == ["web3", "unknown"], "its other checks were not looked at for hours"
    assert found[2]["status"] == "unknown"


def test_what_a_recorded_run_leaves_is_its_standing(one: Site) -> None:
    told(one, "show(0)")  # which leaves no run
    one.health("run", "host.load", "host.memory", "--record", "-c", "host.load/load1=@0:")
    one.health("run", "host.memory", "--record")
    rows = one.ask(
        "from health_cli.models import *\n"
        "print(json.dumps([list(row) for row in HealthRun.objects.order_by('id').values_list('status', 'standing')]))"
    )
    assert rows == [["critical", "critical"], ["healthy", "critical"]]
    one.health("run", "host.memory", "--record")
    newest, selections = one.ask(
        "from django.db.models import Max\n"
        "from health_cli.models import *\n"
        "newest = HealthRun.objects.order_by().values_list('host', 'scope').annotate(Max('started_at'))\n"
        "known = HealthSelection.objects.values_list('host', 'scope', 'seen_at')\n"
        "print(json.dumps([sorted(newest), sorted(known)], default=str))"
    )
    assert newest == selections and len(newest) == 2


def test_hosts_that_are_gone_do_not_keep_others_from_being_seen(one: Site) -> None:
    found = told(one, """
record(run("old-7f9c", 20 * 86_400, result("a")), run("web1", 60, result("a", "warning")), run("web2", 60, result("a")))
show(look(RECORD_EVERY=300))
""")  # fmt: skip
    assert found["host"] == "web1"
    assert found["pills"][0] == ["old-7f9c", "unknown", True]


def test_its_own_alerts_come_before_those_of_others(many: Site) -> None:
    found = told(many, """
record(run("web3", 60, result("z")))
SystemAlert.objects.bulk_create(
    SystemAlert(alert_type=f"a{n}", host="other", message="", severity="critical", created_at=moment(now),
                seen_at=moment(now), open_key=f"a{n}") for n in range(101))
SystemAlert.objects.create(alert_type="z", host="web3", message="mine", severity="critical",
                           created_at=moment(now - 900), seen_at=moment(now), open_key="z")
seen = page_of(overview("default", "web3", health_setting()), now)
told = [len(seen.notices), seen.notices[0].alert.message, seen.more_alerts]
SystemAlert.objects.all().delete()
show(told)
""")  # fmt: skip
    assert found == [100, "mine", True]


def test_what_another_version_has_recorded_is_no_crash(one: Site) -> None:
    found = told(one, f"""
newer = run("web1", 60, result("a"))
newer.state = {{"checks": {{"a": {{"status": "healthy", "since": 1, "newfield": 2}}}}}}
record(newer)
one = client("root").get({PAGE!r}).status_code
newer = HealthRun.objects.get()
newer.report["checks"][0]["status"] = "purple"
newer.save()
two = [client("root").get(url) for url in ({PAGE!r}, "/admin/health/api/last/?host=web1")]
show([one, [[r.status_code, r.content.decode()] for r in two]])
""")  # fmt: skip
    assert found[0] == 200
    assert [status for status, _ in found[1]] == [503, 503]
    assert all("can't be understood" in text for _, text in found[1])


def test_thousands_of_hosts_are_all_known_and_the_worst_shown(many: Site) -> None:
    found = told(many, f"""
record(*(run(f"web{{n:04}}", 60, result("a", "critical" if n == 1_500 else "healthy")) for n in range(1_600)))
show([look(), look("web1599"), client("root").get({PAGE!r}).content.decode()])
""")  # fmt: skip
    first, other, html = found
    assert (first["host"], len(first["pills"]), first["more"]) == ("web1500", 60, 1_540)
    assert ["web1599", "healthy", False] in other["pills"] and ["web1500", "critical", False] in other["pills"]
    assert "1540 more" in html and "web1500" in html
