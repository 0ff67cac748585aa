"""One number with its unit and thresholds: what counts as a number, and the verdict on it."""

import json
import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from health_cli.core.metric import Metric, as_number, metric
from health_cli.core.status import Status

USED = metric("used_percent", "%", warning="80", critical="90", min=0, max=100)


@pytest.mark.parametrize(
    ("value", "status", "crossed"),
    [
        (None, Status.SKIPPED, None),
        (0, Status.HEALTHY, None),
        (80, Status.HEALTHY, None),
        (80.1, Status.WARNING, "80"),
        (90, Status.WARNING, "80"),
        (90.1, Status.CRITICAL, "90"),
        (-1, Status.CRITICAL, "90"),
    ],
)
def test_the_verdict_on_a_value(value: float | None, status: Status, crossed: str | None) -> None:
    measured = USED.measured(value)
    assert measured.status is status
    assert (str(measured.crossed) if measured.crossed else None) == crossed


@pytest.mark.parametrize("value", [-1e300, 0, 1e300])
def test_an_unset_threshold_is_no_threshold(value: float) -> None:
    assert metric("m").measured(value).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("warning", "critical", "value", "status"),
    [
        ("10", "", 11, Status.WARNING),
        ("", "10", 11, Status.CRITICAL),
        ("~:", "10", 11, Status.CRITICAL),
        ("10", "~:", 11, Status.WARNING),
        ("10", "@50:60", 55, Status.CRITICAL),
    ],
)
def test_either_threshold_alone(warning: str, critical: str, value: float, status: Status) -> None:
    assert metric("m", warning=warning, critical=critical).measured(value).status is status


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (10**30, 10**30),
        (2.5, 2.5),
        (Decimal("2.50"), 2.5),
        (Fraction(1, 4), 0.25),
    ],
)
def test_every_real_number_is_a_number(value: object, number: float) -> None:
    measured = metric("m").measured(value)
    assert measured.value == number
    assert json.loads(json.dumps(measured.to_json()))["value"] == number


@pytest.mark.parametrize(
    "value",
    [True, False, "5", b"5", "", [], {}, 1j, object(), timedelta(seconds=1)],
    ids=lambda value: type(value).__name__,
)
def test_all_else_is_no_number(value: object) -> None:
    with pytest.raises(TypeError, match=f"{type(value).__name__} is not a number"):
        as_number(value)
    with pytest.raises(TypeError, match="is not a number"):
        metric("m").measured(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("Infinity")], ids=str)
def test_what_is_not_finite_was_not_measured(value: object) -> None:
    measured = USED.measured(value)
    assert (measured.value, measured.status) == (None, Status.SKIPPED)
    assert "not a finite number" in measured.reason


def test_a_missing_value_has_a_reason() -> None:
    assert USED.measured(None).reason == "not measured"
    assert USED.measured(None, "no /proc").reason == "no /proc"
    assert str(USED.measured(None, "no /proc")) == "used_percent n/a (no /proc)"
    assert str(USED.measured(81.25)) == "used_percent 81.2 %"


@pytest.mark.parametrize(("warning", "critical"), [("90", "80"), ("80", "80"), ("10:", "20:")])
def test_a_warning_that_can_never_fire_is_refused(warning: str, critical: str) -> None:
    with pytest.raises(ValueError, match=r"metric m: .*never fire before critical"):
        metric("m", warning=warning, critical=critical)


def test_a_bad_range_names_metric_and_text() -> None:
    with pytest.raises(ValueError, match=r"metric m: '10k' is not a threshold"):
        metric("m", warning="10k")


def test_a_suffix_of_another_unit_is_refused() -> None:
    assert metric("m", "s", warning="500ms").warning == metric("m", "s", warning="0.5").warning
    with pytest.raises(ValueError, match="does not go with a value in s"):
        metric("m", "s", warning="10GiB")


@pytest.mark.parametrize("unit", ["a|b", "a\nb", "a\x1b[31m"], ids=ascii)
def test_a_unit_that_can_not_be_printed_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="unit"):
        Metric(name="m", unit=unit)


@pytest.mark.parametrize("value", [None, 0, 50.5, 95])
def test_json_and_back(value: float | None) -> None:
    measured = USED.measured(value, "no reason")
    data = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert Metric.from_json(data) == measured
    assert list(data) == ["name", "value", "unit", "warning", "critical", "min", "max", "status", "reason"]
    assert (data["warning"], data["critical"], data["status"]) == ("80", "90", measured.status.word)


def test_json_has_null_where_nothing_is_set() -> None:
    data = metric("m").to_json()
    assert {key for key, value in data.items() if value is None} == {
        "value", "warning", "critical", "min", "max", "reason",
    }  # fmt: skip
