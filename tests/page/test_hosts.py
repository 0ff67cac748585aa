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
from health_cli.models import HealthMetric, HealthRun, SystemAlert
now = time.time()
HealthRun.objects.all().delete()
def result(name, status="healthy"):
    return Result(name=name, status=Status.parse(status), summary="found", metrics=(metric("m").measured(1),))
def run(host, ago, *results, complete=True):
    status = max(r.status for r in results).word
    at, number = now - ago, str(uuid.uuid4())
    report = Report(run=number, host=host, version="1", started_at=iso_utc(at), duration=1, checks=results)
    return HealthRun(uuid=number, host=host, started_at=moment(at), duration=1, status=status, trigger="command",
                     project="x", complete=complete, report=report.to_json())
def record(*runs): HealthRun.objects.bulk_create(runs)
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


def told(site: Site, code: str) -> Any:
    return site.ask(PRELUDE + RUNS + LOOK + code)


def test_what_only_a_run_of_all_checks_saw_stays_however_many_others_came_since(many: Site) -> None:
    found = told(many, """
record(run("web1", 9_000, result("host.load", "critical"), result("host.memory", "critical")))
record(*(run("web1", 60 * n, result("host.load"), complete=False) for n in range(1, 120)))
show(look("web1"))
""")  # fmt: skip
    assert found["cards"] == [["host.load", "healthy"], ["host.memory", "critical"]]
    last = many.health("last", "--host", "web1", "-f", "json")
    assert (last.code, last.report["counts"]["critical"]) == (2, 1)


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
show([look(), look("web1"), look("web2"), look(RECORD_EVERY=300), look("web1", RECORD_EVERY=86_400)])
""")  # fmt: skip
    first, web1, web2, expected, calm = found
    pills = [["web1", "healthy", False], ["web2", "unknown", True]]
    assert (web1["every"], web1["age"], web1["pills"]) == (300, "fresh", pills)
    assert (web2["age"], web2["status"], web2["verdict"]) == ("stale", "unknown", True)
    assert (first["host"], expected["host"]) == ("web1", "web2"), "who knows when runs are due sees which is worst"
    assert calm["pills"] == [["web1", "healthy", False], ["web2", "healthy", False]]


def test_runs_by_hand_do_not_tell_how_often_they_come(many: Site) -> None:
    found = told(many, """
record(*(run("web1", ago, result("a")) for ago in (4_000, 4_010, 4_400, 5_900, 5_930, 9_000, 9_001)))
show(look("web1"))
""")  # fmt: skip
    assert (found["every"], found["age"], found["status"]) == (0, "", "healthy")


def test_a_run_of_some_checks_leaves_a_host_as_bad_as_its_alerts(many: Site) -> None:
    found = told(many, """
record(run("web1", 600, result("a", "critical")), run("web1", 60, result("b"), complete=False))
record(run("web2", 60, result("a")))
alert = SystemAlert.objects.create(alert_type="a", host="web1", message="", severity="critical", created_at=moment(now),
                                   seen_at=moment(now), open_key="a")
seen = look()
alert.delete()
show(seen)
""")  # fmt: skip
    assert (found["host"], found["pills"][0]) == ("web1", ["web1", "critical", False])


def test_thousands_of_hosts_are_all_known_and_the_worst_shown(many: Site) -> None:
    found = told(many, f"""
record(*(run(f"web{{n:04}}", 60, result("a", "critical" if n == 1_500 else "healthy")) for n in range(1_600)))
show([look(), look("web1599"), client("root").get({PAGE!r}).content.decode()])
""")  # fmt: skip
    first, other, html = found
    assert (first["host"], len(first["pills"]), first["more"]) == ("web1500", 60, 1_540)
    assert ["web1599", "healthy", False] in other["pills"] and ["web1500", "critical", False] in other["pills"]
    assert "1540 more" in html and "web1500" in html
