"""The format `json`, against its JSON Schema."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

import health_cli.formatters
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric
from health_cli.core.report import SCHEMA, FailOn, Report
from health_cli.core.status import Status
from health_cli.formatters import Style
from health_cli.formatters.json import render
from health_cli.testing import FakeRun
from tests.formatters.sample import HEALTHY, RICH
from tests.formatters.strategies import reports

DOCUMENT = json.loads(Path(health_cli.formatters.__file__).with_name("health-cli-1.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(DOCUMENT)


def parsed(report: Report) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document: dict[str, Any] = json.loads(render(report, Style()), parse_constant=refuse)
    return document


def problems(document: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def test_the_schema_is_a_schema_and_has_our_id() -> None:
    Draft202012Validator.check_schema(DOCUMENT)
    assert DOCUMENT["$id"] == DOCUMENT["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize("report", [RICH, HEALTHY], ids=["rich", "healthy"])
def test_the_sample_is_valid(report: Report) -> None:
    assert problems(parsed(report)) == []


def test_an_empty_report_and_a_fake_one_are_valid() -> None:
    assert problems(parsed(FakeRun().report())) == []
    run = FakeRun()
    for status in Status:
        run.add(f"fake.{status.word}", status)
    assert problems(parsed(run.report())) == []


@settings(max_examples=80, deadline=None)
@given(reports())
def test_every_report_is_valid_and_reads_back(report: Report) -> None:
    document = parsed(report)
    assert problems(document) == []
    assert document["counts"] == report.counts
    values = [[metric["value"] for metric in check["metrics"]] for check in document["checks"]]
    assert values == [[metric.value for metric in result.metrics] for result in report.checks]


def test_the_output_is_ascii_and_ends_with_one_line_break() -> None:
    text = render(RICH, Style())
    assert text.isascii()
    assert text.endswith("}\n")


def test_the_enumerations_are_those_of_the_code() -> None:
    definitions = DOCUMENT["$defs"]
    assert set(definitions["check"]["properties"]["kind"]["enum"]) == {None, *(kind.value for kind in Kind)}
    assert set(definitions["status"]["enum"]) == {status.word for status in Status}
    assert set(DOCUMENT["properties"]["fail_on"]["enum"]) >= {word.value for word in FailOn}


def test_every_key_that_is_given_is_described() -> None:
    document = parsed(RICH)
    check, metric = document["checks"][0], document["checks"][0]["metrics"][0]
    assert set(document) | {"age"} == set(DOCUMENT["properties"])
    assert set(parsed(replace(RICH, age=12.5))) == set(DOCUMENT["properties"])
    assert set(check) == set(DOCUMENT["$defs"]["check"]["properties"])
    assert set(metric) == set(DOCUMENT["$defs"]["metric"]["properties"])


def test_what_could_not_be_measured_is_null_with_its_reason() -> None:
    metrics = {m["name"]: m for check in parsed(RICH)["checks"] for m in check["metrics"]}
    assert (metrics["evicted_keys"]["value"], metrics["evicted_keys"]["reason"]) == (None, "needs two samples")
    assert metrics["minus_zero"]["value"] == 0
    assert Metric(name="x").measured(float("nan")).to_json()["value"] is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "health-cli/2"),
        (("run",), "run-1"),
        (("started_at",), "2026-11-23 15:04:05"),
        (("started_at",), "2026-11-23T15:04:05.678+00:00"),
        (("started_at",), "2026-13-23T15:04:05.678Z"),
        (("duration",), -1),
        (("duration",), "1 s"),
        (("status",), "skipped"),
        (("status",), "OK"),
        (("exit_code",), 4),
        (("fail_on",), "error"),
        (("isolation",), "none"),
        (("counts", "healthy"), 1.5),
        (("counts", "critical"), -1),
        (("checks",), {}),
        (("checks", 0, "name"), "Cache:default"),
        (("checks", 0, "name"), "cache: default"),
        (("checks", 0, "name"), ""),
        (("checks", 0, "subsystem"), "cache:default"),
        (("checks", 0, "status"), "ok"),
        (("checks", 0, "kind"), "broken"),
        (("checks", 0, "summary"), None),
        (("checks", 0, "data"), []),
        (("checks", 0, "blocked_by"), ""),
        (("checks", 0, "metrics", 0, "value"), "0.1"),
        (("checks", 0, "metrics", 0, "value"), True),
        (("checks", 0, "metrics", 0, "status"), "skipped"),
        (("checks", 0, "metrics", 0, "warning"), "90%"),
        (("checks", 0, "metrics", 0, "warning"), ":"),
        (("checks", 0, "metrics", 0, "critical"), 5),
        (("checks", 0, "metrics", 0, "name"), "ping time"),
        (("checks", 0, "metrics", 3, "status"), "healthy"),
    ],
)
def test_the_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    document = deepcopy(parsed(RICH))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert problems(document)


@pytest.mark.parametrize(
    "path", [(), ("counts",), ("checks", 0), ("checks", 0, "metrics", 0)], ids=["report", "counts", "check", "metric"]
)
def test_a_missing_key_is_refused_and_an_additional_one_is_not(path: tuple[str | int, ...]) -> None:
    document = parsed(RICH)
    place: Any = document
    for step in path:
        place = place[step]
    place["added_later"] = {"any": "thing"}
    assert problems(document) == []
    for key in [key for key in place if key not in {"added_later", "reason"}]:
        kept = place.pop(key)
        assert problems(document), f"nobody missed {key}"
        place[key] = kept
