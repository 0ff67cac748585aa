"""The threshold `full_in`: what it may be, which metrics it is for, and the metric that it makes."""

from typing import Any

import pytest

from health_cli.config.full_in import parse
from health_cli.config.request import Request
from health_cli.config.setting import validate
from health_cli.config.thresholds import Sources, apply, overrides, refuse_lost
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.metric import Metric, metric
from health_cli.core.threshold import Threshold

DAY = 86_400
DISKS = [
    Check(
        name=f"host.disk:{mount}",
        metrics=(metric("used_percent", "%", warning="85", hint=f"Empty {mount}."), metric("available", "B")),
    )
    for mount in ("/", "/var")
]
CPU = Check(name="host.cpu", metrics=(metric("used_percent", "%"),))
STORE = Check(name="shop.store", metrics=(metric("used", "B"),))
CHECKS = [*DISKS, CPU, STORE]
ROOT, VAR = ("host.disk:/", "used_percent"), ("host.disk:/var", "used_percent")


def applied(setting: dict[str, dict[str, Any]], **options: Any) -> tuple[list[Check], Sources]:
    """Return the checks, and where their thresholds come from, once none of these is lost."""
    given = overrides(Request(**options), setting)
    checks, places = apply(CHECKS, given)
    refuse_lost(given, checks, ())
    return checks, places


def foretelling(checks: list[Check]) -> dict[tuple[str, str], Metric]:
    return {(check.name, item.foretells): item for check in checks for item in check.metrics if item.foretells}


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("7d:", Threshold(7 * DAY)),
        ("604800:", Threshold(7 * DAY)),
        ("15min:", Threshold(900)),
        ("365d:", Threshold(365 * DAY)),
        ("~:", Threshold.parse("~:")),
    ],
)
def test_a_time_that_must_be_left(text: str, threshold: Threshold) -> None:
    assert parse(text) == threshold
    assert validate({"THRESHOLDS": {"host.disk/used_percent": {"full_in": text}}})[1] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7d", "'7d' does not say below what time it is to warn: it must be from 15min: to 365d:"),
        ("7:", "'7:' does not say below what time it is to warn"),
        ("@7d:", "'@7d:' does not say below what time it is to warn"),
        ("7d:30d", "'7d:30d' does not say below what time it is to warn"),
        ("14min:", "it must be from 15min: to 365d:"),
        ("366d:", "it must be from 15min: to 365d:"),
        ("0:", "it must be from 15min: to 365d:"),
        (7, "'7' does not say below what time it is to warn"),
        ("10GiB:", "'GiB' does not go with a value in s"),
        ("7w:", "'w' is not a unit"),
        ("soon", "'soon' is not a threshold"),
        (None, "'None' is not a threshold"),
    ],
)
def test_what_would_not_warn_of_what_is_full_soon_is_refused(text: Any, words: str) -> None:
    _, (problem,) = validate({"THRESHOLDS": {"host.disk/used_percent": {"warning": "80", "full_in": text}}})
    assert problem.id == "E004"
    assert problem.message.startswith("HEALTH_CLI['THRESHOLDS']['host.disk/used_percent']['full_in']: ")
    assert words in problem.message
    assert "'7d:' warns" in problem.hint


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("host.disk/used_percent", {ROOT, VAR}),
        ("host.disk:/var/used_percent", {VAR}),
        ("*/used_percent", {ROOT, VAR}),
        ("host/used_percent", {ROOT, VAR}),
        ("shop.store/used", {("shop.store", "used")}),
        ("shop.store", {("shop.store", "used")}),
    ],
)
def test_a_key_means_those_of_its_metrics_that_fill_up(target: str, asked: set[tuple[str, str]]) -> None:
    checks, places = applied({target: {"full_in": "7d:"}})
    found = foretelling(checks)
    assert set(found) == asked
    assert {(item.unit, item.warning, item.critical) for item in found.values()} == {("s", Threshold(7 * DAY), None)}
    assert places == {(check, f"{name}_full_in", "warning"): "setting" for check, name in asked}


def test_without_it_no_check_has_another_metric() -> None:
    assert [check.metrics for check in applied({})[0]] == [check.metrics for check in CHECKS]


def test_the_other_thresholds_of_the_same_key_stay() -> None:
    checks, _ = applied({"shop.store": {"warning": "80GB", "critical": "90GB", "full_in": "7d:"}})
    used, full = next(check for check in checks if check.name == "shop.store").metrics
    assert (str(used.warning), str(used.critical)) == ("80000000000", "90000000000")
    assert (full.name, full.warning) == ("used_full_in", Threshold(7 * DAY))


def test_what_to_do_is_what_the_metric_says_and_where_to_look() -> None:
    item = foretelling(applied({"host.disk:/var/used_percent": {"full_in": "7d:"}})[0])[VAR]
    assert item.hint == ("Empty /var. See how it grew: health history 'host.disk:/var/used_percent' --since 14d")
    assert item.help


def test_the_last_key_wins_and_can_switch_it_off() -> None:
    checks, _ = applied(
        {
            "host.disk/used_percent": {"full_in": "7d:"},
            "host.disk://used_percent": {"full_in": "~:"},
            "host.disk:/var/used_percent": {"full_in": "3d:"},
        }
    )
    assert {name: item.warning for name, item in foretelling(checks).items()} == {VAR: Threshold(3 * DAY)}


def test_options_change_it_like_any_other() -> None:
    setting = {"host.disk/used_percent": {"full_in": "7d:"}}
    options = {"warning": ("host.disk:/var/used_percent_full_in=10d:",), "critical": ("*/used_percent_full_in=1d:",)}
    checks, places = applied(setting, **options)
    found = foretelling(checks)
    assert [str(found[name].warning) for name in (ROOT, VAR)] == [str(7 * DAY) + ":", str(10 * DAY) + ":"]
    assert {str(item.critical) for item in found.values()} == {f"{DAY}:"}
    assert places["host.disk:/var", "used_percent_full_in", "warning"] == "--warning"
    assert places["host.disk:/", "used_percent_full_in", "warning"] == "setting"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            "host.disk/available",
            "setting host.disk/available: host.disk://available does not fill up: 'full_in' is for database_size, ",
        ),
        ("host.cpu/used_percent", "setting host.cpu/used_percent: host.cpu/used_percent does not fill up"),
        ("host.cpu", "setting host.cpu: host.cpu/used_percent does not fill up"),
    ],
)
def test_a_metric_that_does_not_fill_up_is_refused(target: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        applied({target: {"full_in": "7d:"}})
    assert caught.value.message.startswith(words)
    assert "used_percent, of any check but host.cpu." in caught.value.message


@pytest.mark.parametrize("target", ["host.disk/used_percnt", "shop.storage", "host.disk"])
def test_a_metric_that_there_is_not_is_lost(target: str) -> None:
    with pytest.raises(ConfigError, match=f"setting {target}: no check has such a metric"):
        applied({target: {"full_in": "7d:"}})


def test_an_option_for_what_is_not_foretold_is_lost() -> None:
    with pytest.raises(ConfigError, match="no check has such a metric"):
        applied({}, warning=("host.disk:/var/used_percent_full_in=7d:",))
