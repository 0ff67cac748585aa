"""The setting CHECKS: what is wrong with it is told, all at once, with what is allowed."""

from typing import Any

import pytest

from tests.checks.made import Project, with_check


@pytest.mark.parametrize(
    ("name", "about", "said"),
    [
        (
            "shop.x",
            {},
            "has nothing: it must be a dict with one of HTTP, TCP, DNS, TLS, FILE, PROCESS, SQL, PLUGIN,",
        ),
        ("shop.x", {"SQL": "SELECT 1", "TCP": "a:1"}, "has TCP and SQL: one check has one of them."),
        ("shop.x", {"HTPP": "http://a/"}, "has 'HTPP'; nearest: HTTP"),
        ("shop.x", {"sql": "SELECT 1"}, "has 'sql'; nearest: SQL"),
        ("shop.x", {"PROCESS": ""}, "an empty pattern means every process"),
        ("shop.x", {"CACHE_KEY": ""}, "an empty key is none"),
        ("shop.x", {"SQL": 7}, "['query'] is of another type than it must be: a text."),
        ("shop.x", {"SQL": "SELECT 1", "databse": "x"}, "has an unknown option 'databse'; nearest: database"),
        ("shop.x", {"SQL": "SELECT 1", "database": "x"}, "['database'] is 'x', and DATABASES has default."),
        ("shop.x", {"SQL": "SELECT 1", "warning": "x:"}, "['warning']: 'x:'"),
        ("shop.x", {"SQL": "SELECT 1", "critical": {"valeu": "5"}}, "valeu"),
        ("shop.x", {"SQL": "SELECT 1", "unit": "a|b"}, "can't be a unit"),
        ("shop.x", {"TCP": "mail.example.org:25", "unit": "s"}, "['unit'] is for a check that gives a number"),
        ("Shop", {"SQL": "SELECT 1"}, "can't be the name of a check"),
        ("host.x", {"SQL": "SELECT 1"}, "can't be the name of this check: take one whose first word is not"),
        ("network.tcp:x", {"HTTP": "http://a/"}, "take 'network.http:NAME', or one whose first word"),
        ("shop.x", {"HTTP": "ftp://a/"}, "'ftp://a/' is no URL of the form http://host/path"),
        ("shop.x", {"HTTP": "http://a/", "status": "2y"}, "'2y' is no status: write 200, 2xx or 200-399"),
        ("shop.x", {"HTTP": "http://a/", "json": "a..b"}, "'a..b' is no path"),
        ("shop.x", {"HTTP": "http://a/", "headers": {"X": 1}}, "['headers'] is of another type"),
        ("shop.x", {"TCP": "nowhere"}, "'nowhere' is no host and port"),
        ("shop.x", {"TLS": "a:99999"}, "'a:99999' is no host and port"),
        ("shop.x", {"TLS": "https://a:443/"}, "'https://a:443/' is a URL, no host and port"),
        ("shop.x", {"PROCESS": "("}, "'(' is no regular expression"),
        ("shop.x", {"HEARTBEAT": "soon"}, "'soon'"),
        ("shop.x", {"CACHE_KEY": "k", "cache": "other"}, "['cache'] is 'other', and CACHES has default."),
        ("shop.x", {"PLUGIN": []}, "there is no command"),
        ("shop.x", {"PLUGIN": ["x"], "warning": "5"}, "takes no thresholds: give them to the plugin itself."),
        ("shop.x", {"PLUGIN": 'check_disk -w "10%'}, "can't be split into words: No closing quotation"),
    ],
)
def test_what_is_wrong_with_a_check_is_told(project: Project, name: str, about: dict[str, Any], said: str) -> None:
    run = with_check(project, name, **about).health("run", "-f", "json")
    message = run.checks["health.setup"]["message"]
    assert run.code == 3 and said in message, message
    assert message.startswith("HEALTH_CLI['CHECKS']") or "valeu" in message


def test_all_faults_are_told_at_once_and_by_manage_py_check_too(project: Project) -> None:
    project.set(HEALTH_CLI={"CHECKS": {"a.x": {"TCP": "nowhere"}, "b.x": {"PROCESS": "("}}})
    message = project.health("run", "-f", "json").checks["health.setup"]["message"]
    assert "['a.x']" in message and "['b.x']" in message
    with pytest.raises(AssertionError, match=r"\(health_cli\.E005\)"):
        project.manage("check")


def test_a_check_of_the_setting_is_like_any_other(project: Project) -> None:
    about = {"SQL": "SELECT 120", "unit": "orders", "warning": "100", "critical": {"value": "500"}, "timeout": 3.0}
    checks = {"shop.unpaid": about, "shop.next": {"SQL": "SELECT 1", "needs": ["shop.unpaid"]}}
    project.set(HEALTH_CLI={"CHECKS": checks, "THRESHOLDS": {"shop.next/value": {"critical": "5"}}})
    project.folder.joinpath("site.sqlite3").touch()
    listed = project.health("list", "shop").out
    assert "shop.unpaid" in listed and "100 (setting)" in listed and "500 (setting)" in listed and "3 s" in listed
    assert "5 (setting)" in listed
    assert "A number out of a database" in project.health("explain", "shop.unpaid").out
    run = project.health("run", "shop", "-f", "nagios")
    assert run.code == 1 and "value is 120 orders (warning above 100" in run.out, run.out
    run = project.health("run", "shop", "-c", "shop.unpaid/value=110", "-f", "json")
    assert run.code == 2 and run.checks["shop.next"]["blocked_by"] == "shop.unpaid"


def test_a_probe_of_one_loads_nothing_of_the_project(project: Project) -> None:
    project.write("stock/__init__.py", "1 / 0").write("stock/health.py", "")
    project.set(INSTALLED_APPS=["stock"], HEALTH_CLI={"CHECKS": {"shop.x": {"PROCESS": "."}}})
    assert project.health("run", "shop.x").code == 0
    assert project.health("run", "shop").code == 3


def test_a_variable_that_is_not_set_is_the_matter_of_its_check_alone(project: Project) -> None:
    """Where the project is migrated nobody needs it."""
    lost = {"HTTP": "http://127.0.0.1:1/", "headers": {"X": "env:LOST"}}
    checks = {"shop.x": lost, "shop.y": {"PLUGIN": ["/bin/true", "env:LOST"]}, "shop.z": {"PROCESS": "."}}
    project.set(HEALTH_CLI={"CHECKS": checks}).manage("check")
    run = project.health("run", "shop", "-f", "json")
    assert [run.checks[f"shop.{n}"]["summary"] for n in "xy"] == ["no LOST"] * 2
    assert run.checks["shop.z"]["status"] == "healthy" and run.checks["shop.x"]["status"] == "unknown"


def test_without_a_number_ranges_judge_the_time_of_an_answer(project: Project) -> None:
    project.set(HEALTH_CLI={"CHECKS": {"shop.x": {"HTTP": "http://127.0.0.1:1/", "warning": "5"}}})
    listed = project.health("list", "shop.x").out
    assert "response_time" in listed and "5s (setting)" in listed, listed


@pytest.mark.parametrize(
    ("target", "refused"),
    [("logs:big/error", True), ("logs:big", True), ("database:default/query_tme", True), ("cache:default/foo", True),
     ("host.disk:/used_percnt", True), ("host.disk:*/used_percnt", True), ("logs:big/errors", False),
     ("host.disk:/elsewhere/used_percent", False), ("cache:default/used_memory_percent", False),
     ("celery.queue:emails/length", False)],
)  # fmt: skip
def test_a_threshold_of_a_metric_that_there_is_not_is_refused(project: Project, target: str, refused: bool) -> None:
    project.set(HEALTH_CLI={"LOGS": {"big": "/no/such/file"}, "THRESHOLDS": {target: {"warning": "5"}}})
    message = project.health("run", "logs", "host", "database", "cache", "-f", "json").out
    assert ("no check has such a metric" in message) is refused, message
