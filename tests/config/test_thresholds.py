"""Four places for a threshold: the option wins over the environment, the setting and the default."""

import itertools
from typing import Any

import pytest

from health_cli.config.request import Request
from health_cli.config.thresholds import Sources, apply, overrides, refuse_lost
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.metric import metric

DISKS = [
    Check(
        name=f"host.disk:{mount}",
        metrics=(
            metric("used_percent", "%", warning="80", critical="90"),
            metric("free_bytes", "B", warning="10GiB:", critical="1GiB:"),
        ),
    )
    for mount in ("/", "/var")
]
LOAD = Check(name="host.load", metrics=(metric("load15", warning="4", critical="8"),))
BACKLOG = Check(name="shop.backlog", metrics=(metric("value", "orders"),))
CHECKS = [*DISKS, LOAD, BACKLOG]
FAMILIES = ("host.disk", "host.load")


def applied(request: Request, setting: dict[str, dict[str, Any]]) -> tuple[dict[str, str], Sources]:
    """The ranges of every metric by `check/metric which`, and their places."""
    checks, places = apply(CHECKS, overrides(request, setting))
    ranges = {
        f"{check.name}/{item.name} {which}": str(getattr(item, which) or "")
        for check in checks
        for item in check.metrics
        for which in ("warning", "critical")
    }
    return ranges, places


PLACES = ["setting", "HEALTH_WARNING", "--warning"]


@pytest.mark.parametrize(
    "used",
    [c for n in range(4) for c in itertools.combinations(PLACES, n)],
    ids=lambda used: "+".join(used) or "default",
)
def test_the_strongest_place_wins_and_is_named(used: tuple[str, ...]) -> None:
    target = "host.load/load15"
    ranges, places = applied(
        Request(
            warning=(f"{target}=3",) if "--warning" in used else (),
            environ={"HEALTH_WARNING": f"{target}=2"} if "HEALTH_WARNING" in used else {},
        ),
        {target: {"warning": "1"}} if "setting" in used else {},
    )
    expected = {"setting": "1", "HEALTH_WARNING": "2", "--warning": "3"}[used[-1]] if used else "4"
    assert ranges["host.load/load15 warning"] == expected
    assert ranges["host.load/load15 critical"] == "8", "the other one stays"
    assert places == ({("host.load", "load15", "warning"): used[-1]} if used else {})


def test_critical_has_its_own_option_and_variable() -> None:
    ranges, places = applied(
        Request(critical=("host.load=9",), environ={"HEALTH_CRITICAL": "host.disk/used_percent=95 shop.backlog=7"}), {}
    )
    assert ranges["host.load/load15 critical"] == "9"
    assert ranges["host.disk:/var/used_percent critical"] == "95"
    assert ranges["shop.backlog/value critical"] == "7"
    assert set(places.values()) == {"--critical", "HEALTH_CRITICAL"}


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        ("host.disk:/var/used_percent", ["host.disk:/var/used_percent"]),
        ("host.disk://used_percent", ["host.disk://used_percent"]),
        ("host.disk/used_percent", ["host.disk://used_percent", "host.disk:/var/used_percent"]),
        ("host/used_percent", ["host.disk://used_percent", "host.disk:/var/used_percent"]),
        ("*/used_percent", ["host.disk://used_percent", "host.disk:/var/used_percent"]),
        ("host.load", ["host.load/load15"]),
        ("host.load/load15", ["host.load/load15"]),
        ("shop", ["shop.backlog/value"]),
    ],
)
def test_a_target_means_these_metrics(target: str, hit: list[str]) -> None:
    ranges, _ = applied(Request(warning=(f"{target}=~:7",)), {})
    assert [name.removesuffix(" warning") for name, text in ranges.items() if text == "~:7"] == hit


def test_of_two_options_the_later_wins() -> None:
    ranges, _ = applied(Request(warning=("host.load=1", "host.load=2")), {})
    assert ranges["host.load/load15 warning"] == "2"


def test_a_number_in_the_setting_is_a_range() -> None:
    assert applied(Request(), {"host.load": {"warning": 2}})[0]["host.load/load15 warning"] == "2"


def test_a_suffix_is_read_by_the_unit_of_the_metric() -> None:
    ranges, _ = applied(Request(warning=("host.disk/free_bytes=20GiB:",)), {})
    assert ranges["host.disk:/var/free_bytes warning"] == f"{20 * 2**30}:"


@pytest.mark.parametrize("text", ["host.load", "=80", "", "host.load 80"], ids=repr)
def test_what_is_not_name_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--warning '.*' is not NAME=RANGE") as caught:
        overrides(Request(warning=(text,)), {})
    assert f"'{text}'" in caught.value.message
    assert "Example" in caught.value.hint


def test_a_variable_is_named_where_it_is_wrong() -> None:
    with pytest.raises(ConfigError, match="HEALTH_CRITICAL 'nonsense' is not NAME=RANGE"):
        overrides(Request(environ={"HEALTH_CRITICAL": "host.load=8 nonsense"}), {})


@pytest.mark.parametrize(
    ("request_", "setting", "words"),
    [
        (Request(warning=("host.load=10k",)), {}, ["--warning host.load: '10k' is not a threshold"]),
        (Request(warning=("host.load=",)), {}, ["--warning host.load: '' is not a threshold"]),
        (Request(), {"host.load": {"critical": "x"}}, ["setting host.load: 'x' is not a threshold"]),
        (Request(warning=("host.load=10GiB",)), {}, ["'GiB' does not go with a value in plain numbers"]),
        (Request(warning=("host.disk:/var/used_percent=90ms",)), {}, ["'ms' does not go with a value in %"]),
        (
            Request(warning=("host.load=x",), critical=("shop=y",)),
            {"host.disk:/var/free_bytes": {"warning": "z"}},
            ["'x'", "'y'", "'z'"],
        ),
    ],
    ids=["option", "empty", "setting", "suffix", "other suffix", "all at once"],
)
def test_a_bad_range_names_its_place_its_target_and_itself(
    request_: Request, setting: dict[str, dict[str, str]], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        applied(request_, setting)
    assert len(caught.value.message.splitlines()) == len(words)
    assert all(word in caught.value.message for word in words)


@pytest.mark.parametrize(
    ("request_", "setting"),
    [
        (Request(warning=("host.load=9",)), {}),
        (Request(warning=("host.load=6",)), {"host.load": {"critical": "5"}}),
        (Request(), {"host.load": {"warning": "5", "critical": "5"}}),
    ],
    ids=["above the default", "two places", "equal"],
)
def test_a_warning_that_can_never_fire_is_refused(request_: Request, setting: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ConfigError, match=r"host\.load/load15: .*never fire before critical"):
        applied(request_, setting)


def test_a_default_warning_gives_way_to_a_critical_that_hides_it() -> None:
    found = applied(Request(critical=("host.load=3",)), {})[0]
    assert found["host.load/load15 critical"] == "3"
    assert found["host.load/load15 warning"] == ""


def test_a_warning_switched_off_is_not_hidden() -> None:
    assert applied(Request(warning=("host.load=~:",)), {})[0]["host.load/load15 warning"] == "~:"


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("host.load/load51", "nearest: host.load/load15"),
        ("host.lod", "host.load"),
        ("host.disk", "host.disk:/var/free_bytes"),
        ("host.disk/used", ""),
        ("shop.backlog/orders", ""),
        ("zzz/zzz", ""),
    ],
    ids=["metric", "check", "which of two", "part of a metric", "no such metric", "nothing near"],
)
@pytest.mark.parametrize("place", PLACES)
def test_a_lost_target_is_refused(place: str, target: str, near: str) -> None:
    request_ = Request(
        warning=(f"{target}=5",) if place == "--warning" else (),
        environ={"HEALTH_WARNING": f"{target}=5"} if place == "HEALTH_WARNING" else {},
    )
    given = overrides(request_, {target: {"warning": "5"}} if place == "setting" else {})
    with pytest.raises(ConfigError, match="no check has such a metric") as caught:
        refuse_lost(given, CHECKS, FAMILIES)
    assert caught.value.message.startswith(f"{place} {target}: ")
    assert near in caught.value.message


ABSENT = "host.disk:/data/used_percent"


def test_an_instance_that_this_host_lacks_is_no_error_in_the_setting() -> None:
    refuse_lost(overrides(Request(), {ABSENT: {"warning": "5"}}), CHECKS, FAMILIES)


@pytest.mark.parametrize(
    ("request_", "setting"),
    [
        (Request(warning=(f"{ABSENT}=5",)), {}),
        (Request(environ={"HEALTH_CRITICAL": f"{ABSENT}=5"}), {}),
        (Request(), {"host.dsik:/data/used_percent": {"warning": "5"}}),
        (Request(), {"shop:/data/used_percent": {"warning": "5"}}),
    ],
    ids=["option", "environment", "no such family", "not a family"],
)
def test_elsewhere_an_absent_instance_is_lost(request_: Request, setting: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ConfigError, match="no check has such a metric"):
        refuse_lost(overrides(request_, setting), CHECKS, FAMILIES)


def test_every_lost_target_is_named_at_once() -> None:
    given = overrides(Request(warning=("a/b=1", "host.load=1"), critical=("c/d=1",)), {"e/f": {"warning": "1"}})
    with pytest.raises(ConfigError) as caught:
        refuse_lost(given, CHECKS, FAMILIES)
    assert [line.split(":")[0] for line in caught.value.message.splitlines()] == [
        "setting e/f", "--warning a/b", "--critical c/d",
    ]  # fmt: skip
