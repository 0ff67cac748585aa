"""What OPTIONS and TIMEOUTS may change of a check, and what they may not."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from health_cli.config.options import options_of, with_options
from health_cli.config.setting import HealthSetting
from health_cli.core.check import Check, FunctionCheck
from health_cli.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Probe(Check):
    """A check with an option of every type."""

    depth: int = 3
    ratio: float = 0.5
    strict: bool = False
    path: str = "/"
    words: tuple[str, ...] = ()
    anything: Any = None
    password: str = field(default="hidden", repr=False)


PROBES = [Probe(name="shop.a"), Probe(name="shop.b:eu"), Probe(name="mail.c", timeout=2)]
FUNCTION = FunctionCheck(name="shop.f", function=lambda: None)


def ready(**keys: Any) -> dict[str, Check]:
    """The probes with this setting, by name."""
    return {check.name: check for check in with_options([*PROBES, FUNCTION], HealthSetting(**keys))}


def test_the_options_of_a_check_are_its_own_visible_fields() -> None:
    assert list(options_of(PROBES[0])) == ["depth", "ratio", "strict", "path", "words", "anything"]
    assert options_of(FUNCTION) == {}


@pytest.mark.parametrize(
    ("option", "value", "kept"),
    [
        ("depth", 5, 5),
        ("ratio", 1, 1),
        ("ratio", 0.1, 0.1),
        ("strict", True, True),
        ("path", "/var", "/var"),
        ("words", ["a", "b"], ("a", "b")),
        ("words", ("a",), ("a",)),
        ("anything", {"x": 1}, {"x": 1}),
        ("anything", None, None),
    ],
)
def test_an_option_of_the_right_type_is_taken(option: str, value: object, kept: object) -> None:
    checks = ready(OPTIONS={"shop.a": {option: value}})
    assert getattr(checks["shop.a"], option) == kept
    assert checks["shop.b:eu"] == PROBES[1], "the others stay as they were"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("depth", "5"),
        ("depth", True),
        ("depth", None),
        ("ratio", "0.1"),
        ("ratio", False),
        ("strict", 1),
        ("strict", "yes"),
        ("path", 5),
        ("path", None),
        ("words", "a"),
        ("words", {"a": 1}),
    ],
)
def test_an_option_of_another_type_is_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match="it must be a ") as caught:
        ready(OPTIONS={"shop.a": {option: value}})
    assert f"HEALTH_CLI['OPTIONS']['shop.a']['{option}'] is {value!r}" in caught.value.message


@pytest.mark.parametrize("option", ["password", "name", "metrics", "timeout", "needs", "requires", "dpeth"])
def test_what_is_no_option_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match="there is no such option") as caught:
        ready(OPTIONS={"shop.a": {option: "x"}})
    assert "(options: anything, depth, path, ratio, strict, words)" in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_typo_is_told_the_nearest_and_one_without_options_says_so() -> None:
    with pytest.raises(ConfigError, match="nearest: depth"):
        ready(OPTIONS={"shop.a": {"dpeth": 1}})
    with pytest.raises(ConfigError, match=r"\(options: none\)"):
        ready(OPTIONS={"shop.f": {"depth": 1}})


def test_every_problem_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ready(OPTIONS={"shop.[ab]*": {"dpeth": 1, "depth": "x"}, "mail": {"strict": 2}})
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize(
    ("patterns", "depth"),
    [
        ({"shop": {"depth": 1}}, 1),
        ({"shop": {"depth": 1}, "shop.b:eu": {"depth": 2}}, 2),
        ({"shop.b:eu": {"depth": 2}, "shop": {"depth": 1}}, 1),
        ({"*:eu": {"depth": 4}}, 4),
        ({"mail": {"depth": 1}}, 3),
    ],
    ids=["subsystem", "the later wins", "in either order", "glob", "another"],
)
def test_a_pattern_means_the_checks_it_matches(patterns: dict[str, dict[str, int]], depth: int) -> None:
    # FUNCTION has no options, and is a check of `shop` too.
    checks = with_options(PROBES, HealthSetting(OPTIONS=patterns))
    assert options_of(checks[1])["depth"] == depth


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        ({}, [5, 5, 2]),
        ({"CHECK_TIMEOUT": 9}, [9, 9, 2]),
        ({"TIMEOUTS": {"shop": 1}}, [1, 1, 2]),
        ({"TIMEOUTS": {"shop": 1, "*:eu": 3, "mail.c": 4}, "CHECK_TIMEOUT": 9}, [1, 3, 4]),
    ],
    ids=["defaults", "for all", "for some", "each"],
)
def test_limits(keys: dict[str, Any], limits: list[float]) -> None:
    assert [check.timeout for check in with_options(PROBES, HealthSetting(**keys))] == limits
