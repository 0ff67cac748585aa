"""security.packages: the real pip-audit, and a database of vulnerabilities that speaks OSV's API on loopback."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.security.packages_client import understood
from health_cli.core.errors import Failure
from tests.checks.declared.servers import answering, silent
from tests.checks.made import Project
from tests.conftest import Run
from tests.history.channels.servers import Hooks, http
from tests.servers import free_port

NAME = "security.packages"
# As OSV tells it: docs of its schema, 1.6.
FLAW = {
    "id": "PYSEC-2026-7", "aliases": ["CVE-2026-7"], "summary": "It falls over.", "affected": [{
        "package": {"name": "tabulate", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
    }],
}  # fmt: skip
OPEN = {"id": "PYSEC-2026-8", "affected": [{"package": {"name": "click", "ecosystem": "PyPI"}}]}
FLAWS = {"tabulate": [FLAW], "click": [OPEN]}


def tell(handler: BaseHTTPRequestHandler, hooks: Hooks) -> None:
    """Answer what is known of the package that was asked for."""
    name = json.loads(hooks.requests[-1].body)["package"]["name"]
    body = json.dumps({"vulns": FLAWS[name]} if name in FLAWS else {}).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def database() -> Iterator[Hooks]:
    with http(lambda handler: tell(handler, hooks)) as hooks:
        yield hooks


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).set()


def look(project: Project, port: int, limit: float = 60, **options: Any) -> Run:
    about = {"service": "osv", "url": f"http://127.0.0.1:{port}/v1/query", **options}
    project.set(HEALTH_CLI={"OPTIONS": {NAME: about}, "TIMEOUTS": {NAME: limit}, "TIMEOUT": 90})
    return project.health("run", NAME, "-f", "json")


def test_what_is_known_is_named_and_asked_once_a_day(project: Project, database: Hooks) -> None:
    run = look(project, database.port)
    found = run.checks[NAME]
    assert (run.code, found["status"], found["summary"]) == (1, "warning", "2 known in 2 packages"), run.out
    assert "PYSEC-2026-7, fixed in 99.1" in found["message"] and "PYSEC-2026-8, not fixed yet" in found["message"]
    assert run.metrics(NAME)["audited"] > 50 and run.metrics(NAME)["vulnerabilities"] == 2
    asked = len(database.requests)
    again = look(project, database.port, ignore=["CVE-2026-7", "PYSEC-2026-8"])
    assert (again.code, again.metrics(NAME)["vulnerabilities"]) == (0, 0), again.out
    assert again.checks[NAME]["message"].startswith("no known vulnerability in ")
    assert again.metrics(NAME)["age"] > 0 and len(database.requests) == asked
    look(project, database.port, fresh=0.001)
    assert len(database.requests) == 2 * asked


def test_a_database_that_is_down_or_silent_is_unknown(project: Project) -> None:
    run = look(project, free_port())
    assert (run.code, run.checks[NAME]["summary"]) == (3, "pip-audit can't tell"), run.out
    with answering(silent) as port:
        run = look(project, port, limit=6)
    assert (run.code, run.checks[NAME]["kind"], run.seconds < 9) == (3, "timeout", True), run.out


def test_without_pip_audit_it_is_skipped(project: Project) -> None:
    path = project.folder / "site_settings.py"
    path.write_text(f"import sys\nsys.modules['pip_audit'] = None\n{path.read_text()}")
    run = project.health("run", NAME, "-f", "json")
    assert (run.checks[NAME]["status"], run.checks[NAME]["summary"]) == ("skipped", "pip-audit is not installed")


def test_packages_that_nobody_knows_do_not_count_as_well(project: Project) -> None:
    ours, well = {"name": "ours", "skip_reason": "not found on PyPI"}, {"name": "click", "version": "8", "vulns": []}
    assert understood([ours, well], "pypi") == {"vulnerable": [], "audited": 1, "unknown": ["ours"]}
    with pytest.raises(Failure, match="pypi knows none of the 1 packages"):
        understood([ours], "pypi")
