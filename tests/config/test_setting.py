"""The setting HEALTH_CLI: every validator, every id, all errors at once."""

import math
from dataclasses import fields
from typing import Any

import pytest

from health_cli.config.setting import _VALIDATORS, HealthSetting, validate

KEYS = {item.name for item in fields(HealthSetting)}


def problems(raw: Any) -> list[tuple[str, str]]:
    """The ids and messages of what is wrong with a setting."""
    return [(problem.id, problem.message) for problem in validate(raw)[1]]


@pytest.mark.parametrize("raw", [None, [], "TIMEOUT", 10, ("TIMEOUT", 10)], ids=repr)
def test_e001_no_dict(raw: Any) -> None:
    setting, found = validate(raw)
    assert setting == HealthSetting()
    assert [problem.id for problem in found] == ["E001"]
    assert type(raw).__name__ in found[0].message
    assert "HEALTH_CLI = {" in found[0].hint


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("TIMOUT", "nearest: TIMEOUT"),
        ("PLUGIN", "nearest: PLUGINS"),
        ("THRESHOLD", "nearest: THRESHOLDS"),
        ("ZZZ", "unknown key 'ZZZ'."),
        ("", "unknown key ''."),
        (1, "unknown key 1."),
    ],
)
def test_e002_unknown_key(key: Any, near: str) -> None:
    setting, found = validate({key: 1, "CHECK_TIMEOUT": 3})
    assert [problem.id for problem in found] == ["E002"]
    assert near in found[0].message
    assert all(known in found[0].hint for known in KEYS)
    assert setting == HealthSetting(CHECK_TIMEOUT=3), "the good keys stand"


BAD_SECONDS = [0, -1, 86_401, math.nan, math.inf, True, "10", None, [10]]
BAD_TEXTS = ["host", [1], [""], [None], {"host": 1}, None, 5, ["host", 5]]
E003 = (
    [("TIMEOUT", value) for value in BAD_SECONDS]
    + [("CHECK_TIMEOUT", value) for value in BAD_SECONDS]
    + [(key, value) for key in ("SKIP", "MOUNTS", "PLUGINS", "SECRETS") for value in BAD_TEXTS]
    + [("FAIL_ON", value) for value in ("", "Warning", "healthy", None, 1, ["warning"])]
    + [("TIMEOUTS", value) for value in (None, [], "host", {1: 5}, 5)]
    + [("THRESHOLDS", value) for value in (None, [], "80", {1: {"warning": "80"}})]
    + [("OPTIONS", value) for value in (None, [], "a", {1: {}})]
)


@pytest.mark.parametrize(("key", "value"), E003, ids=[f"{key}={value!r}" for key, value in E003])
def test_e003_wrong_value(key: str, value: Any) -> None:
    setting, found = validate({key: value})
    assert [problem.id for problem in found] == ["E003"]
    assert found[0].message.startswith(f"HEALTH_CLI['{key}'] is {value!r}: it must be ")
    assert setting == HealthSetting(), "a bad key keeps its default"


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ({"TIMEOUTS": {"host": 0}}, "HEALTH_CLI['TIMEOUTS']['host'] is 0"),
        ({"TIMEOUTS": {"host": "5"}}, "HEALTH_CLI['TIMEOUTS']['host'] is '5'"),
        ({"THRESHOLDS": {"a/b": "80"}}, "HEALTH_CLI['THRESHOLDS']['a/b'] is '80'"),
        ({"THRESHOLDS": {"a/b": {}}}, "HEALTH_CLI['THRESHOLDS']['a/b'] is {}"),
        ({"THRESHOLDS": {"a/b": {"warn": "80"}}}, "HEALTH_CLI['THRESHOLDS']['a/b'] is {'warn': '80'}"),
        ({"OPTIONS": {"host": 5}}, "HEALTH_CLI['OPTIONS']['host'] is 5"),
        ({"OPTIONS": {"host": {1: 5}}}, "HEALTH_CLI['OPTIONS']['host'] is {1: 5}"),
    ],
)
def test_e003_says_where_it_is(raw: dict[str, Any], where: str) -> None:
    ((number, message),) = problems(raw)
    assert (number, message.partition(":")[0]) == ("E003", where.partition(":")[0])
    assert message.startswith(where)


@pytest.mark.parametrize("text", ["10k", "1:2:3", "", "20:10", "\u0661\u0660", "abc", None, True, [80]], ids=repr)
@pytest.mark.parametrize("which", ["warning", "critical"])
def test_e004_bad_range(which: str, text: Any) -> None:
    _, found = validate({"THRESHOLDS": {"host.disk:/var/used_percent": {which: text}}})
    assert [problem.id for problem in found] == ["E004"]
    assert found[0].message.startswith(
        f"HEALTH_CLI['THRESHOLDS']['host.disk:/var/used_percent']['{which}']: '{text}' is not a threshold"
    )
    assert found[0].hint


def test_every_problem_is_reported_at_once() -> None:
    raw = {
        "TIMOUT": 5,
        "TIMEOUT": -1,
        "FAIL_ON": "always",
        "SKIP": "host",
        "TIMEOUTS": {"a": 0, "b": 5, "c": "x"},
        "THRESHOLDS": {"a/b": {"warning": "x", "critical": "y"}, "c/d": "80"},
        "MOUNTS": ["/var"],
    }
    setting, found = validate(raw)
    assert sorted(problem.id for problem in found) == ["E002", *["E003"] * 6, "E004", "E004"]
    assert setting == HealthSetting(MOUNTS=("/var",))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, HealthSetting()),
        ({"TIMEOUT": 0.5, "CHECK_TIMEOUT": 86_400}, HealthSetting(TIMEOUT=0.5, CHECK_TIMEOUT=86_400)),
        ({"SKIP": ["host"]}, HealthSetting(SKIP=("host",))),
        ({"SKIP": ("host",)}, HealthSetting(SKIP=("host",))),
        ({"SKIP": {"host"}}, HealthSetting(SKIP=("host",))),
        ({"SKIP": []}, HealthSetting()),
        ({"FAIL_ON": "never"}, HealthSetting(FAIL_ON="never")),
        ({"TIMEOUTS": {"host.*": 1}}, HealthSetting(TIMEOUTS={"host.*": 1})),
        ({"THRESHOLDS": {"a/b": {"warning": "80"}}}, HealthSetting(THRESHOLDS={"a/b": {"warning": "80"}})),
        ({"THRESHOLDS": {"a/b": {"critical": 80}}}, HealthSetting(THRESHOLDS={"a/b": {"critical": 80}})),  # type: ignore[dict-item]
        ({"OPTIONS": {"a": {"x": object}}}, HealthSetting(OPTIONS={"a": {"x": object}})),
        ({"OPTIONS": {"a": {}}}, HealthSetting(OPTIONS={"a": {}})),
    ],
    ids=[
        "nothing",
        "times",
        "list",
        "tuple",
        "set",
        "empty list",
        "gate",
        "limits",
        "range",
        "number",
        "options",
        "none",
    ],
)
def test_a_good_setting(raw: dict[str, Any], expected: HealthSetting) -> None:
    assert validate(raw) == (expected, [])


def test_every_key_has_a_validator_a_default_and_help() -> None:
    assert set(_VALIDATORS) == KEYS
    defaults = HealthSetting()
    for item in fields(HealthSetting):
        assert item.metadata["help"]
        assert validate({item.name: getattr(defaults, item.name)}) == (defaults, []), "a default is allowed"


TOKEN = "k7canaryTOKEN99"
GOOD_CHANNELS = [
    {"mail": ["ops@example.org"]},
    {"mail": ("ops@example.org",), "severity": "critical", "checks": ["database", "*:default"]},
    {"webhook": "https://hooks.example.org/a/b?c=d", "secret": "whsec_aGVhbHRo", "timeout": 3},
    {"webhook": "http://user:password@[::1]:8080", "secret": "any text"},
    {"apprise": "slack://T0/B0/X0"},
]
BAD_CHANNELS = [
    ({}, "must be a dict with one of mail, webhook and apprise"),
    ("mail", "must be a dict with one of mail, webhook and apprise"),
    ({"mail": ["a@example.org"], "webhook": "http://a"}, "must be a dict with one of mail, webhook and apprise"),
    ({"mail": "a@example.org"}, "['mail'] must be a list of addresses"),
    ({"mail": []}, "['mail'] must be a list of addresses"),
    ({"mail": ["a@example.org"], "secret": TOKEN}, "unknown keys (secret)"),
    ({"webhook": f"ftp://hooks/{TOKEN}"}, "['webhook'] is no URL"),
    ({"webhook": f"https://h\u00f6oks/{TOKEN}"}, "['webhook'] is no URL"),
    ({"webhook": f"https://hooks:99999/{TOKEN}"}, "['webhook'] is no URL"),
    ({"webhook": f"https://[::1/{TOKEN}"}, "['webhook'] is no URL"),
    ({"webhook": 5}, "['webhook'] is no URL"),
    ({"webhook": "http://a", "secret": 5}, "['secret'] must be a text"),
    ({"webhook": "http://a", "secret": f"whsec_{TOKEN}!"}, "['secret'] must be a text, in base64"),
    ({"webhook": "http://a", "secret": "whsec_"}, "['secret'] must be a text, in base64"),
    ({"webhook": "http://a", "timeout": 0}, "['timeout'] must be a number of seconds, above 0 and at most 60"),
    ({"webhook": "http://a", "timeout": 61}, "['timeout'] must be"),
    ({"apprise": TOKEN}, "['apprise'] is no URL of Apprise"),
    ({"apprise": "a://b", "severity": "info"}, "['severity'] must be warning or critical"),
    ({"apprise": "a://b", "checks": "host"}, "['checks'] must be a list of patterns"),
]


def test_good_channels_are_taken() -> None:
    assert problems({"NOTIFY": GOOD_CHANNELS}) == []
    assert problems({"NOTIFY": "mail"}) == [("E003", "HEALTH_CLI['NOTIFY'] must be a list of channels.")]


@pytest.mark.parametrize(("channel", "part"), BAD_CHANNELS, ids=[f"{part}" for _, part in BAD_CHANNELS])
def test_a_bad_channel_is_named_without_its_values(channel: Any, part: str) -> None:
    ((word, message),) = problems({"NOTIFY": [GOOD_CHANNELS[0], channel]})
    assert (word, message.startswith("HEALTH_CLI['NOTIFY'][1]")) == ("E003", True)
    assert part in message
    assert TOKEN not in message
