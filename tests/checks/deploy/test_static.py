"""deploy.static: with a manifest and without, collected and not."""

from typing import Any

import pytest

from tests.checks.made import Project

MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture
def site(project: Project) -> Project:
    return with_storage(project, MANIFEST).write("assets/shop.css", "a { color: red }").write("assets/shop.js", "1")


def with_storage(project: Project, backend: str, **settings: Any) -> Project:
    own = {
        "STORAGES": {"staticfiles": {"BACKEND": backend}}, "STATIC_URL": "/static/",
        "STATIC_ROOT": str(project.folder / "collected"), "STATICFILES_DIRS": [str(project.folder / "assets")],
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
    }  # fmt: skip
    return project.set(**{**own, **settings})


def test_what_the_manifest_names_is_there(site: Project) -> None:
    site.manage("collectstatic", "--no-input", "--verbosity", "0")
    found = site.look("deploy.static")
    assert (found["status"], found["summary"]) == ("healthy", "2 files")
    assert found["metrics"]["missing"] == 0 and 0 <= found["metrics"]["age"] < 60
    (lost,) = (site.folder / "collected").glob("shop.*.css")
    lost.unlink()
    found = site.look("deploy.static")
    assert (found["status"], found["metrics"]["missing"], found["data"]["missing_files"]) == (
        "critical",
        1,
        [lost.name],
    )
    assert "collectstatic" in found["hint"]


def test_without_a_manifest_pages_fail(site: Project) -> None:
    found = site.look("deploy.static")
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "missing", "not collected")
    assert "There is no manifest staticfiles.json in " in found["message"]


def test_a_damaged_manifest_is_told(site: Project) -> None:
    found = site.write("collected/staticfiles.json", '{"paths": [').look("deploy.static")
    assert (found["status"], found["summary"]) == ("critical", "no storage")
    assert "Couldn't load manifest 'staticfiles.json'" in found["message"]


def test_a_storage_without_a_manifest_has_files_or_not(project: Project) -> None:
    site = with_storage(project, PLAIN)
    assert site.look("deploy.static")["message"].startswith("There is no folder")
    (site.folder / "collected").mkdir()
    assert site.look("deploy.static")["message"].endswith("is empty.")
    site.write("collected/shop.css", "")
    found = site.look("deploy.static")
    assert (found["status"], found["metrics"]["files"], found["metrics"]["missing"]) == ("healthy", 1, None)


def test_where_nothing_is_collected_it_is_skipped(project: Project) -> None:
    found = with_storage(project, PLAIN, STATIC_ROOT=None).look("deploy.static")
    assert (found["status"], found["code"]) == ("skipped", 3)


def test_a_storage_that_can_not_be_made_is_critical(project: Project) -> None:
    found = with_storage(project, "no.such.Storage").look("deploy.static")
    assert (found["status"], found["kind"]) == ("critical", "misconfigured")
    assert "Could not find backend 'no.such.Storage'" in found["message"]


def test_what_is_no_folder_is_unknown(project: Project) -> None:
    found = with_storage(project, PLAIN).write("collected", "a file").look("deploy.static")
    assert (found["status"], found["kind"]) == ("unknown", "misconfigured")
    assert "Not a directory" in found["message"]
