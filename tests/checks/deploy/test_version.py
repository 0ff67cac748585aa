"""deploy.version: where the version and the commit come from."""

import subprocess
from typing import Any

import django
import pytest

from tests.checks.made import Project


@pytest.mark.parametrize(
    ("settings", "options", "env", "summary"),
    [
        ({"VERSION": "4.2"}, {}, {}, "4.2"),
        ({}, {}, {"RELEASE": "shop@17", "GIT_COMMIT": "0123456789abcdef"}, "shop@17, commit 0123456789ab"),
        ({"VERSION": "4.2"}, {}, {"VERSION": "5"}, "4.2"),
        ({"VERSION": (4, 2)}, {}, {}, "nothing tells the version"),
        ({"VERSION": "x" * 300}, {}, {}, "nothing tells the version"),
        ({}, {"package": "Django"}, {}, django.__version__),
        ({"VERSION": "4.2"}, {"version": "5", "commit": "abc"}, {}, "5, commit abc"),
    ],
)
def test_the_version_comes_from(
    project: Project, settings: dict[str, Any], options: dict[str, Any], env: dict[str, str], summary: str
) -> None:
    found = project.set(HEALTH_CLI={"OPTIONS": {"deploy.version": options}}, **settings).look("deploy.version", env=env)
    assert found["summary"] == summary
    assert found["status"] == ("skipped" if summary.startswith("nothing") else "healthy")
    assert found["data"]["django"] == django.__version__


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_the_folder(project: Project, packed: bool) -> None:
    git = ["git", "-C", str(project.folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], *([["pack-refs", "--all"]] if packed else [])):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert project.look("deploy.version")["data"]["commit"] == commit
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    assert project.look("deploy.version")["data"]["commit"] == commit


@pytest.mark.parametrize(
    ("expected", "status"), [("4.2", "healthy"), ("abc", "healthy"), ("4.3", "critical"), ("abd", "critical")]
)
def test_another_version_than_the_expected_one_is_critical(project: Project, expected: str, status: str) -> None:
    options = {"expected": expected, "version": "4.2", "commit": "abcdef"}
    found = project.set(HEALTH_CLI={"OPTIONS": {"deploy.version": options}}).look("deploy.version")
    assert found["status"] == status
    assert status == "healthy" or f"and {expected} is expected" in found["message"]


def test_a_package_that_is_not_installed_is_unknown(project: Project) -> None:
    options = {"OPTIONS": {"deploy.version": {"package": "no-such-package"}}}
    found = project.set(HEALTH_CLI=options).look("deploy.version")
    assert (found["status"], found["kind"]) == ("unknown", "missing")
