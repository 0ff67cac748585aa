"""The one place where text is made safe to show, and the report put together."""

import json
import re
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health_cli.core.assembly import Stamp, clean, iso_utc, safe
from health_cli.core.kind import Kind
from health_cli.core.metric import metric
from health_cli.core.redaction import Redactor
from health_cli.core.report import FailOn, Report
from health_cli.core.result import Result
from health_cli.core.status import Status

SECRET = "hunter2-hunter2"
TEXTS = ["summary", "message", "hint", "detail"]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain \u00e9 \u4e2d \U0001f600", "plain \u00e9 \u4e2d \U0001f600"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("dos\r\nline", "dos\nline"),
        ("old\rmac", "oldmac"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07shell", "shell"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bMup", "up"),
        ("alone \x1b", "alone "),
        ("nul\0nul", "nulnul"),
        ("bell\x07back\x08feed\x0cvt\x0b", "bellbackfeedvt"),
        ("del\x7f", "del"),
        ("c1 \x80\x85\x9b\x9f", "c1 "),
        ("cut \ud83d off \udcff", "cut  off "),
        ("none \ufffe\uffff", "none "),
        ("", ""),
    ],
    ids=ascii,
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x1b[]m0;\r\n\x07\\")))
def test_what_is_clean_can_be_written_anywhere(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", cleaned)
    assert cleaned.encode().decode() == cleaned


def result(**fields: Any) -> Result:
    """A critical result with these fields."""
    return Result(**{"name": "shop.a", "status": Status.CRITICAL, **fields})


@pytest.mark.parametrize("face", TEXTS)
def test_every_text_of_a_result_is_made_safe(face: str) -> None:
    made = safe(result(**{face: f"\x1b[31m{SECRET}\0 redis://u:pw@h"}), Redactor([SECRET]))
    assert getattr(made, face) == "*** redis://u:***@h"


def test_the_reason_of_a_metric_is_made_safe() -> None:
    made = safe(result(metrics=(metric("m").measured(None, f"no {SECRET}\x1b[0m"),)), Redactor([SECRET]))
    assert made.metrics[0].reason == "no ***"


def test_data_is_redacted() -> None:
    made = safe(result(data={"list": [f"a {SECRET}"], "password": "x"}), Redactor([SECRET]))
    assert made.data == {"list": ["a ***"], "password": "***"}


def test_data_is_cleaned() -> None:
    made = safe(result(data={"list": ["\x1b[31mred\0"], "deep": {"text": "cut \ud83d"}}), Redactor())
    assert made.data == {"list": ["red"], "deep": {"text": "cut "}}


@pytest.mark.parametrize("mark", ["\0", "\x1b[1m", "\r", "\x9b"], ids=ascii)
def test_no_control_character_hides_a_secret(mark: str) -> None:
    split = SECRET[:5] + mark + SECRET[5:]
    made = safe(result(message=f"denied for {split}"), Redactor([SECRET]))
    assert SECRET not in made.message


def test_a_secret_with_a_control_character_is_masked_too() -> None:
    odd = "hunter2\x07hunter2"
    made = safe(result(message=f"denied for {odd}"), Redactor([odd]))
    assert made.message == "denied for ***"


def test_keys_and_verdicts_stay() -> None:
    given_result = result(name="shop:db", kind=Kind.AUTH, blocked_by="cache:db", duration=1.5)
    assert safe(given_result, Redactor(["db"])) == given_result


def test_a_report_is_put_together() -> None:
    report = Stamp("9.9").finish(
        [result(message=SECRET)],
        secrets=[SECRET],
        fail_on=FailOn.CRITICAL,
        isolation="threads",
        interrupted=15,
        noise=f"\x1b[31m{SECRET}",
    )
    assert isinstance(report, Report)
    assert (report.version, report.fail_on, report.isolation) == ("9.9", FailOn.CRITICAL, "threads")
    assert (report.interrupted, report.noise, report.checks[0].message) == (15, "***", "***")
    assert uuid.UUID(report.run)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", report.started_at)
    assert 0 <= report.duration < 60
    assert report.host
    assert SECRET not in json.dumps(report.to_json())


def test_each_report_has_an_id_of_its_own() -> None:
    stamp = Stamp("1")
    assert stamp.finish([]).run != stamp.finish([]).run


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_900_000_000.9999, "2030-03-17T17:46:40.999Z"),
        (951_782_400.5, "2000-02-29T00:00:00.500Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(seconds: float, text: str) -> None:
    assert iso_utc(seconds) == text
