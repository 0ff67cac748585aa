"""Fixtures: a project whose setting has checks."""

from pathlib import Path

import pytest

from tests.checks.made import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that is fit for production."""
    return Project(tmp_path).set()
