"""Forecasts without a database: the file, what is due, what is left of one, and how a check is judged by it."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from health_cli.core.assembly import iso_utc
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.plan import Plan
from health_cli.core.result import Result
from health_cli.core.runner import execute
from health_cli.core.status import Status
from health_cli.history.forecast import Forecast, due, load, save
from health_cli.history.forewarning import Forewarned, forewarned, left
from health_cli.history.place import Place
from health_cli.history.trends import DAY, HOUR, MINUTE, Full

NOW = 1_700_000_000.0
WEEK_LEFT = Full(6 * DAY, 4 * DAY, 9 * DAY)
NOTHING = Full(reason="it is too uncertain")


def test_what_is_saved_is_loaded_and_closed_to_others(tmp_path: Path) -> None:
    place = Place(tmp_path)
    forecasts = {"host.disk:/var/used_percent": Forecast(NOW, WEEK_LEFT), "a/used": Forecast(NOW - 60, NOTHING)}
    save(place, forecasts)
    assert load(place, NOW) == forecasts
    assert stat.S_IMODE(place.forecast.stat().st_mode) == 0o600
    assert json.loads(place.forecast.read_text())["a/used"] == {
        "at": NOW - 60, "seconds": None, "soonest": None, "latest": None, "reason": "it is too uncertain",
    }  # fmt: skip


GOOD = Forecast(NOW, WEEK_LEFT).to_json()


@pytest.mark.parametrize(
    "spoiled",
    [
        None,
        [],
        {},
        {**GOOD, "at": None},
        {**GOOD, "at": "yesterday"},
        {**GOOD, "at": NOW + 1},
        {**GOOD, "seconds": "6 d"},
        {**GOOD, "latest": None},
        {**GOOD, "latest": float("inf")},
        {**GOOD, "soonest": float("nan")},
    ],
    ids=str,
)
def test_what_is_damaged_or_of_a_time_to_come_is_not_there(tmp_path: Path, spoiled: Any) -> None:
    place = Place(tmp_path)
    place.forecast.write_text(json.dumps({"a/used": spoiled, "b/used": GOOD}))
    assert load(place, NOW) == {"b/used": Forecast(NOW, WEEK_LEFT)}


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"a"'])
def test_a_file_that_is_none_says_nothing(tmp_path: Path, text: str) -> None:
    Place(tmp_path).forecast.write_text(text)
    assert load(Place(tmp_path), NOW) == {}
    assert load(Place(tmp_path / "missing"), NOW) == {}


@pytest.mark.parametrize(
    ("ages", "names"),
    [
        ({}, ["a", "b", "c"]),
        ({"a": 14 * MINUTE, "b": 15 * MINUTE, "c": 16 * MINUTE}, ["c", "b"]),
        ({"a": HOUR, "c": 2 * HOUR}, ["b", "c", "a"]),
        ({"a": 0, "b": 0, "c": 0, "d": DAY}, []),
    ],
)
def test_what_waits_longest_is_foretold_first_and_nothing_too_often(
    ages: Mapping[str, float], names: list[str]
) -> None:
    assert due(["a", "b", "c"], {name: Forecast(NOW - age, NOTHING) for name, age in ages.items()}, NOW) == names


@pytest.mark.parametrize(
    ("forecast", "expected"),
    [
        (None, Full(reason="nothing has been foretold yet: that takes recorded runs")),
        (Forecast(NOW, NOTHING), NOTHING),
        (Forecast(NOW, WEEK_LEFT), WEEK_LEFT),
        (Forecast(NOW - HOUR, WEEK_LEFT), WEEK_LEFT.after(HOUR)),
        (Forecast(NOW - 2 * HOUR, WEEK_LEFT), WEEK_LEFT.after(2 * HOUR)),
        (Forecast(NOW - 2 * HOUR - 1, WEEK_LEFT), Full(reason=f"not known since {iso_utc(NOW - 2 * HOUR - 1)}")),
        (Forecast(NOW - 2 * HOUR - 1, NOTHING), Full(reason=f"not known since {iso_utc(NOW - 2 * HOUR - 1)}")),
        (Forecast(NOW - HOUR, Full(60.0, 30.0, 90.0)), Full(0.0, 0.0, 0.0)),
    ],
    ids=["none", "no prediction", "new", "an hour old", "two hours", "too old", "none, too old", "past"],
)
def test_what_is_left_of_a_forecast(forecast: Forecast | None, expected: Full) -> None:
    assert left(forecast, NOW) == expected


class Disk(Check):
    """A check whose measurement is what it is given."""

    def gather(self) -> Any:
        return Measurement(values={"used_percent": 50})


class Full95(Disk):
    def gather(self) -> Any:
        return Measurement(values={"used_percent": 95})


class Odd(Disk):
    def judge(self, measurement: Any) -> Any:
        finding = Finding(status=Status.UNKNOWN, kind=Kind.CRASHED, summary="odd", message="it is odd", hint="Look.")
        return self.result(measurement, findings=[finding])


class Skipped(Disk):
    def judge(self, measurement: Any) -> Any:
        return Result(name=self.name, status=Status.SKIPPED, summary="not here")


class Broken(Disk):
    def gather(self) -> Any:
        raise Failure(Kind.REFUSED, "It is gone.")


class Wrong(Disk):
    def judge(self, measurement: Any) -> Any:
        return "healthy"


USED = metric("used_percent", "%", warning="80", critical="90", hint="Empty it.")
FORETELLS = metric("used_percent_full_in", "s", warning="7d:", hint="Empty it soon.", foretells="used_percent")


def judged(kind: type[Check], full: Full) -> tuple[Result, Metric | None]:
    """Return the result of a check of a kind with what is foretold, and the metric that tells it."""
    plain = kind(name="host.disk:/", metrics=(USED,))
    check = Forewarned(name="host.disk:/", metrics=(USED, FORETELLS), check=plain, told={"used_percent": full})
    result = execute(check)
    return result, next((item for item in result.metrics if item.name == FORETELLS.name), None)


SOON = "used_percent_full_in is 6 d (warning below 7 d): full in about 6 days (4 to 9)"


@pytest.mark.parametrize(
    ("kind", "status", "message", "hint"),
    [
        (Disk, Status.WARNING, SOON, "Empty it soon."),
        (Full95, Status.CRITICAL, f"used_percent is 95 % (critical above 90 %); {SOON}", "Empty it."),
        (Odd, Status.UNKNOWN, f"it is odd; {SOON}", "Look."),
    ],
)
def test_what_is_full_soon_warns_and_makes_nothing_better(
    kind: type[Check], status: Status, message: str, hint: str
) -> None:
    result, told = judged(kind, WEEK_LEFT)
    assert (result.status, result.message, result.hint) == (status, message, hint)
    assert told is not None and (told.value, told.status) == (6 * DAY, Status.WARNING)


def test_the_summary_says_when() -> None:
    assert judged(Disk, WEEK_LEFT)[0].summary == "full in about 6 days (4 to 9)"
    assert judged(Disk, Full(0.0, 0.0, 0.0))[0].summary == "full by now, as the record foretold"


@pytest.mark.parametrize(
    ("full", "value", "reason"),
    [(NOTHING, None, "it is too uncertain"), (Full(8 * DAY, 7 * DAY, 9 * DAY), 8 * DAY, "")],
    ids=["not known", "later"],
)
@pytest.mark.parametrize("kind", [Disk, Full95, Odd])
def test_what_is_not_full_soon_changes_no_verdict(
    kind: type[Check], full: Full, value: float | None, reason: str
) -> None:
    plain = execute(kind(name="host.disk:/", metrics=(USED,)))
    result, told = judged(kind, full)
    assert (result.status, result.message, result.hint) == (plain.status, plain.message, plain.hint)
    assert told is not None and (told.value, told.reason) == (value, reason)


@pytest.mark.parametrize(
    ("kind", "status", "summary", "reason"),
    [
        (Broken, Status.CRITICAL, "It is gone.", "It is gone."),
        (Wrong, Status.UNKNOWN, "crashed: TypeError", "crashed"),
        (Skipped, Status.SKIPPED, "not here", None),
    ],
)
def test_a_check_that_tells_nothing_is_not_judged_by_it(
    kind: type[Check], status: Status, summary: str, reason: str | None
) -> None:
    result, told = judged(kind, WEEK_LEFT)
    assert (result.status, result.summary) == (status, summary)
    assert (told and told.reason) == reason and not (told and told.value)


def test_only_checks_that_foretell_are_others(tmp_path: Path) -> None:
    plain, asked = Disk(name="a", metrics=(USED,)), Disk(name="b", metrics=(USED, FORETELLS), needs=("a",), timeout=3)
    for place in (Place(tmp_path), None):
        same, other = forewarned(Plan(checks=(plain, asked)), place).checks
        assert same is plain
        assert (other.name, other.metrics, other.needs, other.timeout) == ("b", asked.metrics, ("a",), 3)
        assert execute(other).status is Status.HEALTHY
