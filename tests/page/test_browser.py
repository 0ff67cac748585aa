"""The page in a real browser: what people see of it, in both admins, and how it lives."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.page.conftest import Server, Site
from tests.page.test_hosts import RUNS

LOOK_NOW = "dispatchEvent(new Event('online'))"  # ask now, where the next time would be in seconds
DESKTOP, PHONE, NARROW = ({"width": width, "height": 900} for width in (1280, 390, 320))
VERDICT = ".hc-verdict"


def open_check(page: Page, name: str) -> Any:
    """Open a check as somebody with a mouse."""
    card = page.locator(f'[data-check="{name}"]')
    card.locator("summary").click()
    return card


def test_who_is_not_logged_in_logs_in_on_the_way(stock: Server, visit: Any) -> None:
    visitor = visit(stock)
    visitor.page.goto(f"{stock.url}/admin/health/?host=web2")
    assert "/admin/login/?next=/admin/health/%3Fhost%3Dweb2" in visitor.page.url
    page = visitor.log_in("/admin/health/%3Fhost%3Dweb2")
    expect(page.locator(VERDICT)).to_have_text("healthy")
    other = visit(stock)
    page = other.log_in(user="staff")
    expect(page.locator("body")).to_contain_text("403 Forbidden")


def test_the_index_leads_to_it(server: Server, visit: Any) -> None:
    page = visit(server).log_in("/admin/")
    page.locator("a:visible", has_text=re.compile("last run", re.IGNORECASE)).first.click()
    expect(page).to_have_url(f"{server.url}/admin/health/")
    expect(page.locator(VERDICT)).to_have_text("critical")


def test_what_is_wrong_is_told_first_with_what_to_do_and_since_when(server: Server, visit: Any) -> None:
    visitor = visit(server)
    page = visitor.log_in()
    expect(page.locator("[data-fresh]")).to_have_text("fresh")
    expect(page.locator(".hc-age")).to_contain_text("ago on web1, due every 60 min, took 631 ms")
    alerts = page.locator("[data-alert]")
    expect(alerts).to_have_count(3)
    first = alerts.first
    expect(first).to_contain_text("critical")
    expect(first).to_contain_text("The server at db1:3306 refused the connection.")
    expect(first).to_contain_text("What to do Is it running? systemctl status mariadb")
    expect(first).to_contain_text(re.compile(r"since 20\d\d-\d\d-\d\d \d\d:\d\d, for 2\d min"))
    expect(alerts.last).to_contain_text("Seen by ann: a larger disk comes on Thursday")
    names = page.locator("[data-check] .hc-name").all_inner_texts()
    assert names[0] == "database:default"
    assert page.title().startswith("critical (1) \u2013 Health")
    assert visitor.said == [], "an error of a script, or of the Content-Security-Policy"


def test_hosts_are_switched(server: Server, visit: Any) -> None:
    page = visit(server).log_in()
    page.get_by_role("link", name="web2").click()
    expect(page.locator(VERDICT)).to_have_text("healthy")
    expect(page.locator('.hc-hosts [aria-current="page"]')).to_contain_text("web2")
    expect(page.locator("[data-alert]").first).to_contain_text("on web1")


def test_a_check_opens_to_its_numbers_and_its_chart(server: Server, visit: Any) -> None:
    visitor = visit(server)
    page = visitor.log_in()
    card = open_check(page, "host.disk:/var")
    row = card.locator("tbody tr").first
    expect(row).to_contain_text(re.compile(r"used_percent\s+88.4 %\s+warning above 85 %, critical above 95 %"))
    expect(card.locator("canvas")).to_be_visible()
    expect(card.locator("[data-trends]")).to_contain_text("since yesterday")
    expect(card.locator("[data-trends]")).to_contain_text("full in about")
    for name, text in (("7d", "7 d"), ("30d", "30 d"), ("1y", "1 y")):
        with page.expect_response(re.compile(f"/api/series/.*range={name}")) as answer:
            card.get_by_text(text, exact=True).click()
        assert len(answer.value.json()["points"]) >= {"7d": 150, "30d": 400, "1y": 40}[name]
    with page.expect_response(re.compile("metric=host.disk%3A%2Fvar%2Favailable&range=1y")):
        card.get_by_label("Metric").select_option("available")
    expect(card.locator(".u-legend")).to_contain_text("mean")
    with page.expect_download() as file:
        card.get_by_role("button", name="CSV").click()
    assert file.value.suggested_filename == "web1-host.disk-var-available-1y.csv"
    assert Path(file.value.path()).read_text().startswith("time,host,check,metric,value,")
    assert visitor.said == []


def test_it_goes_by_keyboard(stock: Server, visit: Any) -> None:
    page = visit(stock).log_in()
    card = page.locator('[data-check="host.memory"]')
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("open", "")
    expect(card.locator("canvas")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    with page.expect_response(re.compile("range=7d")):
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_everybody_can_use_it(server: Server, visit: Any, size: Any, scheme: str) -> None:
    page = visit(server, viewport=size, color_scheme=scheme).log_in()
    card = open_check(page, "host.disk:/var")
    expect(card.locator("canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    found = Axe().run(page, context="#health", options={"resultTypes": ["violations"]})
    told = [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found.response["violations"]]
    assert told == []


def test_without_scripts_all_but_the_charts_is_there(stock: Server, visit: Any) -> None:
    """In Django's own admin: Unfold's shows nothing at all without scripts, not even its login."""
    page = visit(stock, java_script_enabled=False).log_in()
    expect(page.locator(VERDICT)).to_have_text("critical")
    card = open_check(page, "host.memory")
    expect(card.locator("tbody tr").first).to_contain_text("warning above 90 %")
    expect(card.locator("[data-chart]")).to_be_hidden()
    with page.expect_download() as file:
        card.get_by_role("button", name="JSON").click()
    assert json.loads(Path(file.value.path()).read_text())["metric"] == "used_percent"


class Live:
    """A site of its own, to be broken while somebody looks."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.site, self.server = site, Server(folder / "server", site)

    def record(self, *options: str) -> None:
        run = self.site.health("run", "host.load", "--record", *options)
        assert "recorded" not in run.err


@pytest.fixture
def live(site: Site, tmp_path: Path) -> Any:
    made = Live(tmp_path, site)
    made.server.start()
    yield made
    made.server.stop()


BAD = ("-c", "host.load/load1=@0:")


def test_it_begins_empty_and_lives(live: Live, visit: Any) -> None:
    visitor = visit(live.server)
    page = visitor.log_in()
    expect(page.locator(".hc-nothing")).to_contain_text("health run --record")
    live.record()
    page.evaluate(LOOK_NOW)
    expect(page.locator(VERDICT)).to_have_text("healthy")
    expect(page.locator("#health-said")).to_have_text("Updated: healthy.")
    card = open_check(page, "host.load")
    live.record(*BAD)
    page.evaluate(LOOK_NOW)
    expect(page.locator(VERDICT)).to_have_text("critical")
    expect(page.locator(".hc-toast")).to_contain_text(re.compile("^Critical: host.load on "))
    expect(page).to_have_title(re.compile(r"^critical \(1\) "))
    expect(card).to_have_attribute("open", "")
    expect(card.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    with page.expect_response(re.compile("/api/last/")) as answer:
        page.evaluate(LOOK_NOW)
    assert answer.value.status == 304
    expect(page.locator(".hc-toast")).to_have_count(0)
    live.record()
    page.evaluate(LOOK_NOW)
    expect(page.locator(VERDICT)).to_have_text("healthy")
    expect(page.locator("[data-alert]")).to_have_count(0)
    assert visitor.said == []


def test_news_leave_the_focus_where_it_is_and_take_their_notices_along(live: Live, visit: Any) -> None:
    live.record()
    page = visit(live.server).log_in()
    run = page.get_by_role("button", name="Run now")
    run.focus()
    live.record(*BAD)
    page.evaluate(LOOK_NOW)
    expect(page.locator(".hc-toast")).to_contain_text("Critical: host.load on ")
    expect(run).to_be_focused()
    open_check(page, "host.load").get_by_text("7 d", exact=True).click()
    chosen = page.locator("input[value='7d']")
    expect(chosen).to_be_focused()
    live.record()
    page.evaluate(LOOK_NOW)
    expect(page.locator(".hc-toast")).to_have_count(0)
    expect(chosen).to_be_focused()
    expect(chosen).to_be_checked()


def test_without_news_nothing_is_replaced_and_nothing_said(live: Live, visit: Any) -> None:
    page = visit(live.server).log_in()
    page.evaluate("document.querySelector('.hc-nothing').mine = true")
    with page.expect_response(re.compile("part=content")):
        page.evaluate(LOOK_NOW)
    assert page.evaluate("document.querySelector('.hc-nothing').mine")
    live.record()
    page.evaluate(LOOK_NOW)
    said = page.locator("#health-said")
    expect(said).to_have_text("Updated: healthy.")
    said.evaluate("node => node.textContent = ''")
    live.record()
    with page.expect_response(re.compile("part=content")):
        page.evaluate(LOOK_NOW)
    expect(page.locator(".hc-age [data-ago]")).to_have_text(re.compile(r"^[0-5] s"))
    expect(said).to_have_text("")


def test_what_is_critical_elsewhere_reaches_the_title(stock: Server, visit: Any) -> None:
    page = visit(stock).log_in("/admin/health/%3Fhost%3Dweb2")
    expect(page.locator(VERDICT)).to_have_text("healthy")
    expect(page).to_have_title(re.compile(r"^critical \(1\) "))


def test_an_alert_is_acknowledged_and_silenced_on_the_way(live: Live, visit: Any) -> None:
    live.record(*BAD)
    page = visit(live.server).log_in()
    page.get_by_role("link", name="Acknowledge").click()
    page.get_by_label("acknowledged because").fill("I am on it")
    page.get_by_role("button", name="Save", exact=True).click()
    alert = page.locator("[data-alert]")
    expect(alert).to_contain_text("Seen by root: I am on it")
    page.get_by_role("link", name="Silence", exact=True).click()
    page.get_by_label("Why").fill("a long night")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(alert).to_contain_text(re.compile(r"Silenced until 20\d\d-\d\d-\d\d \d\d:\d\d by root: a long night"))
    expect(alert.get_by_role("link", name="Silence", exact=True)).to_have_count(0)
    alert.get_by_role("link", name="End the silence").click()
    page.locator("[type=submit]").last.click()
    expect(alert).not_to_contain_text("Silenced until")
    assert "/admin/health/?host=" in page.url


def test_all_times_are_of_the_projects_zone(live: Live, visit: Any) -> None:
    """The browser is half a day away."""
    live.record()
    page = visit(live.server, timezone_id="Pacific/Auckland").log_in()
    here = page.locator(".hc-age time").get_attribute("title")
    assert here
    card = open_check(page, "host.load")
    expect(card.locator(".u-legend")).to_contain_text(here)  # of the newest value, while none is pointed at
    live.server.kill()
    page.evaluate(LOOK_NOW)
    expect(page.locator("#health-offline")).to_contain_text(f"data from {here[11:15]}")
    expect(page.locator(".hc-foot")).to_have_text("Times are of the zone America/Chicago.")


def test_a_link_to_a_check_opens_it_at_what_is_wrong(live: Live, visit: Any) -> None:
    live.record(*BAD)
    page = visit(live.server).log_in()
    page.get_by_role("link", name="host.load", exact=True).click()
    card = page.locator('[data-check="host.load"]')
    expect(card).to_have_attribute("open", "")
    expect(card.locator("summary")).to_be_focused()
    expect(card.get_by_label("Metric")).to_have_value("host.load/load1")
    card.locator("summary").click()
    page.get_by_role("link", name="host.load", exact=True).click()
    expect(card).to_have_attribute("open", "")


def test_what_could_not_be_drawn_or_exported_is_said_and_drawn_later(live: Live, visit: Any) -> None:
    live.record()
    page = visit(live.server).log_in()
    card = open_check(page, "host.load")
    expect(card.locator("canvas")).to_be_visible()
    live.server.kill()
    card.get_by_text("7 d", exact=True).click()
    expect(card.locator("[data-chart]")).to_have_text("The chart can't be drawn: the server does not answer.")
    card.get_by_role("button", name="CSV").click()
    expect(page.locator(".hc-toast")).to_contain_text("Nothing was exported: the server does not answer.")
    live.server.start()
    page.evaluate(LOOK_NOW)
    expect(card.locator("canvas")).to_be_visible()
    page.context.clear_cookies()
    card.get_by_role("button", name="CSV").click()
    page.wait_for_url("**/admin/login/?next=/admin/health/**")


def test_run_now_keeps_the_focus_and_says_when_it_was_not_heard(live: Live, visit: Any) -> None:
    page = visit(live.server).log_in()
    page.context.add_cookies([{"name": "csrftoken", "value": "x" * 32, "url": live.server.url}])
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".hc-toast")).to_contain_text("press Run now once more")
    button = page.get_by_role("button", name="Run now")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".hc-toast").last).to_contain_text("The checks have run on")
    expect(page.locator(VERDICT)).to_be_visible()
    expect(page.get_by_role("button", name="Run now")).to_be_focused()


def test_what_is_typed_stays_while_news_come(site: Site, tmp_path: Path, visit: Any) -> None:
    site.ask(f"{RUNS}\nrecord(*(run(f'web{{n}}', 60, result('a')) for n in range(70)))")
    server = Server(tmp_path / "server", site)
    try:
        page = visit(server.start()).log_in()
        field = page.get_by_placeholder("name of a host")
        field.type("web-pr")
        site.ask(
            f"{RUNS.replace('model.objects.all().delete()', 'pass')}\nrecord(run('web69', 1, result('a', 'critical')))"
        )
        page.evaluate(LOOK_NOW)
        page.evaluate("for (let i = 0; i < 20; i++) setTimeout(() => dispatchEvent(new Event('online')), i * 300)")
        expect(page.locator(".hc-hosts")).to_contain_text("critical: web69", timeout=15_000)
        expect(field).to_have_value("web-pr")
        expect(field).to_be_focused()
    finally:
        server.stop()


def test_a_server_that_goes_away_leaves_what_it_said_and_comes_back(live: Live, visit: Any) -> None:
    live.record()
    page = visit(live.server).log_in()
    live.server.kill()
    page.evaluate(LOOK_NOW)
    offline = page.locator("#health-offline")
    expect(offline).to_have_text(re.compile(r"^Offline \(no answer\), showing data from \d\d:\d\d\.$"))
    expect(page.locator(VERDICT)).to_have_text("healthy")
    live.record(*BAD)
    live.server.start()
    expect(offline).to_be_hidden()  # by itself: it asks again after 2, 4, 8 seconds
    expect(page.locator(VERDICT)).to_have_text("critical")


def test_it_asks_nothing_while_nobody_looks(live: Live, visit: Any) -> None:
    live.record()
    visitor = visit(live.server)
    visitor.context.clock.install()
    page = visitor.log_in()
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true});"
        "window.away = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visitor.context.clock.run_for(120_000)
    assert asked == []
    with page.expect_response(re.compile("/api/last/")):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_response(re.compile("/api/last/")):
        visitor.context.clock.run_for(20_000)


def test_the_age_goes_on_and_the_run_gets_late_and_stale(live: Live, visit: Any) -> None:
    live.record()
    visitor = visit(live.server)
    visitor.context.clock.install(time=0)  # what the reader's own clock shows does not matter
    page = visitor.log_in()
    fresh = page.locator("[data-fresh]")
    expect(fresh).to_have_text("fresh")
    visitor.context.set_offline(True)
    for minutes, word in ((7, "late"), (5, "stale")):
        visitor.context.clock.fast_forward(minutes * 60_000)
        expect(fresh).to_have_text(word)
    expect(page.locator(".hc-age [data-ago]")).to_have_text("12 min")
    visitor.context.set_offline(False)
    page.evaluate(LOOK_NOW)
    expect(fresh).to_have_text("fresh")  # by the server's clock


def test_what_is_too_old_counts_no_more(site: Site, tmp_path: Path, visit: Any) -> None:
    site.ask(f"{RUNS}\nrecord(run('web2', 3_600, result('a')))")
    server = Server(tmp_path / "server", site)
    try:
        page = visit(server.start()).log_in("/admin/health/%3Fhost%3Dweb2")
        expect(page.locator("[data-fresh]")).to_have_text("stale")
        expect(page.locator(VERDICT)).to_have_text("unknown")
        expect(page.locator("#health-content")).to_contain_text("The last recorded run began 60 min ago")
    finally:
        server.stop()


def test_run_now_runs_now_and_once_a_minute(live: Live, visit: Any) -> None:
    page = visit(live.server).log_in()
    button = page.get_by_role("button", name="Run now")
    button.click()
    expect(page.locator(VERDICT)).to_have_text(re.compile("healthy|warning|critical|unknown"))
    expect(page.locator(".hc-toast")).to_contain_text("The checks have run on")
    assert (
        live.site.ask("from health_cli.models import *; print(json.dumps(HealthRun.objects.get().trigger))") == "page"
    )
    button.click()
    expect(page.locator(".hc-toast").last).to_contain_text(re.compile(r"have just been run: wait \d+ seconds"))


def test_without_scripts_it_runs_too(live: Live, visit: Any) -> None:
    page = visit(live.server, java_script_enabled=False).log_in()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("body")).to_contain_text("The checks have run on")
    expect(page.locator("[data-check]").first).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("body")).to_contain_text("The checks have just been run: wait")
    page.get_by_role("link", name="Back to the page").click()
    expect(page.locator(VERDICT)).to_be_visible()


HOSTILE = """<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'\\"&amp;{{ 7|add:7 }}"""


def test_hostile_words_are_words(site: Site, tmp_path: Path, visit: Any) -> None:
    site.ask(f"""
from dataclasses import replace
from health_cli.core.metric import Metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.history.kept import Kept
from health_cli.history.loading import load
from health_cli.history.place import Path, Place
from tests.page.sample import report
import time
bad = {HOSTILE!r}
metrics = (Metric(name="m", value=1, unit=bad.replace("|", "")), Metric(name="n", reason=bad))
check = Result(name=f"own.{{bad}}", status=Status.CRITICAL, summary=bad, message=bad + "!", hint=bad, metrics=metrics,
               data={{bad: bad}})
given = replace(report(bad, 0, time.time(), False), checks=(check,))
load(Kept(given, {{}}, True, "command", Place(Path("/nowhere/x-0"))).decided({{}}), "default")
""")
    server = Server(tmp_path / "server", site)
    try:
        visitor = visit(server.start())
        page = visitor.log_in()
        card = page.locator("[data-check]")
        card.locator("summary").click()
        expect(card.locator("canvas")).to_be_visible()
        expect(card.locator(".hc-name").first).to_have_text(f"own.{HOSTILE}")
        expect(card.locator("dd")).to_have_text(HOSTILE)
        expect(page.locator("[data-alert] .hc-message")).to_have_text(f"{HOSTILE}!")
        assert page.evaluate("window.pwned") is None
        assert page.locator("#health img").count() == 0
        assert visitor.said == []
    finally:
        server.stop()
