"""The API's statistics and the logs are results like all others: in every format, in the record and in the page."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from health_cli.formatters import BUILT_IN
from tests.page.conftest import Site
from tests.page.test_access import PAGE, PRELUDE

CHECKS = ("api.clients", "api.errors", "api.latency", "api.limits", "api.traffic", "logs:app")
METRICS = {"api.errors/server_errors_percent_1h": 4.0, "api.traffic/requests_1h": 200.0, "logs:app/errors": 2.0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose access log and log were looked at by a recorded run."""
    folder = tmp_path_factory.mktemp("statistics")
    now = datetime.now(UTC) - timedelta(seconds=30)
    access, log = folder / "access.log", folder / "app.log"
    statuses = [502] * 8 + [200] * 192
    access.write_text("".join(
        f'10.0.0.{n % 9} - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "GET /admin/ HTTP/1.1" {status} 1 "-" "-" 0.0{n:03}\n'
        for n, status in enumerate(statuses)
    ))  # fmt: skip
    log.write_text("".join(f"{now:%Y-%m-%dT%H:%M:%SZ} ERROR order {n} <b>failed</b>\n" for n in range(2)))
    setting = {"API": {"access_logs": [str(access)]}, "LOGS": {"app": str(log)}, "HOST": "web1"}
    return recorded(Site(folder, {}, {}, setting).ready())


def recorded(site: Site) -> Site:
    run = site.health("run", "api", "logs:app", "--record")
    assert run.code == 1, run.out + run.err  # 4 % of all answers are 5xx
    return site


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_format_shows_them(site: Site, name: str) -> None:
    run = site.health("run", "api", "logs:app", "-f", name, "-v", env={"COLUMNS": "200"})
    assert run.code == 1, run.out + run.err
    assert [check for check in CHECKS if check not in run.out] == []
    assert "server_errors_percent_1h" in run.out


def test_they_are_recorded_with_their_metrics(site: Site) -> None:
    rows = site.ask(
        "from health_cli.models import *\n"
        "rows = HealthMetric.objects.filter(value__isnull=False)\n"
        "print(json.dumps({f'{m.check_name}/{m.metric_name}': m.value for m in rows}))"
    )
    assert {name: rows[name] for name in METRICS} == METRICS
    last = site.health("last", "-f", "json")
    assert sorted(last.checks) == sorted(CHECKS) and last.checks["api.errors"]["status"] == "warning"


def test_the_page_shows_them_and_charts_them(site: Site) -> None:
    urls = [f"/admin/health/api/series/?host=web1&range=24h&metric={quote(name)}" for name in METRICS]
    html, values = site.ask(
        f"{PRELUDE}root = client('root')\n"
        f"series = [root.get(url).json()['points'] for url in {urls!r}]\n"
        f"show([root.get({PAGE!r}).content.decode(), [points[-1]['value'] for points in series]])"
    )
    assert [check for check in CHECKS if f">{check}<" not in html] == []
    assert values == list(METRICS.values())
    assert "order 1 &lt;b&gt;failed&lt;/b&gt;" in html, "the newest message, as text"
    assert "GET /admin/" in html


def test_no_address_is_shown_anywhere(site: Site) -> None:
    html = site.ask(f"{PRELUDE}show(client('root').get({PAGE!r}).content.decode())")
    state = "".join(path.read_text() for path in Path(site.env["HEALTH_STATE_DIR"]).rglob("*") if path.is_file())
    report = site.health("last", "-f", "json").out
    assert "requests" in state
    assert not any(f"10.0.0.{n}" in text for text in (html, state, report) for n in range(9))
