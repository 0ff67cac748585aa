"""A project: one survey for all of its checks."""

import pytest

from health_cli.checks.celery.base import Project
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind


def test_the_workers_are_asked_once() -> None:
    asked: list[int] = []
    project = Project()

    def ask() -> str:
        asked.append(1)
        return "survey"

    assert [project.survey(ask), project.survey(ask)] == ["survey", "survey"]
    assert asked == [1]


def test_the_failure_of_the_survey_is_everybodys() -> None:
    asked: list[int] = []
    project = Project()

    def ask() -> None:
        asked.append(1)
        raise Failure(Kind.TIMEOUT, "no answer")

    for _ in range(2):
        with pytest.raises(Failure, match="no answer"):
            project.survey(ask)
    assert asked == [1]


def test_without_an_app_the_problem_is_raised() -> None:
    with pytest.raises(Failure, match="not loaded"):
        _ = Project(problem=Failure(Kind.MISCONFIGURED, "not loaded")).app
    assert Project("app").app == "app"
