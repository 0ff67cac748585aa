"""health_cli.testing: the fakes that a project's own tests use."""

import pytest

from health_cli import Failure, Kind, Measurement, Metric, Status, check, metric
from health_cli.core.check import declared
from health_cli.testing import FakeCheck, FakeRun, fake_result, find, run_check


def test_a_declared_check_is_run_by_its_name() -> None:
    check("mine.backlog", warning="10")(lambda: 12)
    try:
        result = run_check("mine.backlog")
        assert (result.status, result.metrics[0].value) == (Status.WARNING, 12)
        with pytest.raises(LookupError, match=r"no check is declared as 'mine.log' .*mine.backlog"):
            find("mine.log")
    finally:
        declared.pop()


def test_a_fake_check_has_the_outcome_that_it_is_given() -> None:
    measured = FakeCheck(metrics=(metric("age", "s", critical="5"),), measurement=Measurement(values={"age": 7}))
    assert run_check(measured).status is Status.CRITICAL
    assert run_check(FakeCheck(status=Status.UNKNOWN)).status is Status.UNKNOWN
    refused = run_check(FakeCheck(error=Failure(Kind.REFUSED, "nobody is there")))
    assert (refused.kind, refused.message) == (Kind.REFUSED, "nobody is there")


def test_a_fake_run_makes_a_report() -> None:
    report = FakeRun().add("a.b").add("c.d", Status.CRITICAL, metrics=(Metric(name="x", value=1),)).report()
    assert (report.status, report.exit_code) == (Status.CRITICAL, 2)
    assert fake_result(status=Status.WARNING).hint
