"""Fixtures: a project, and one with an app that has migrations."""

from pathlib import Path

import pytest

from tests.checks.made import Project, migration


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that is fit for production."""
    return Project(tmp_path).set()


@pytest.fixture
def stock(project: Project) -> Project:
    """A project with an app that has two migrations."""
    apps = ["health_cli", "stock"]
    project.set(INSTALLED_APPS=apps).write("stock/__init__.py", "").write("stock/migrations/__init__.py", "")
    project.write("stock/models.py", "")
    migration(project, "0001_initial", [])
    return migration(project, "0002_more", ["0001_initial"])
