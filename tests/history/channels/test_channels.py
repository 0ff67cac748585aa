"""What a channel wants, how it is called, and that it can't keep a run waiting."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from health_cli.history.channels import KINDS, ChannelError, label, send, wanted
from health_cli.history.channels.message import Turn
from tests.history.channels.notices import PASSWORD, PATH, QUERY, SECRET, USER, leaks, notice, over, turn
from tests.history.channels.servers import answers, drips, http

WARNING = turn(severity="warning", status="warning")


@pytest.mark.parametrize(
    ("filters", "given", "told"),
    [
        ({}, turn(), True),
        ({}, WARNING, True),
        ({"severity": "warning"}, over(5, severity="warning"), True),
        ({"severity": "critical"}, turn(), True),
        ({"severity": "critical"}, WARNING, False),
        ({"severity": "critical"}, turn("escalated"), True),
        ({"severity": "critical"}, over(5), True),
        ({"severity": "critical"}, over(5, severity="warning"), False),
        ({"checks": []}, turn(), True),
        ({"checks": ["database"]}, turn(), True),
        ({"checks": ["cache", "*:default"]}, turn(), True),
        ({"checks": ["cache", "host"]}, turn(), False),
        ({"checks": ["database"], "severity": "critical"}, WARNING, False),
    ],
)
def test_a_channel_chooses_by_severity_and_check(filters: Mapping[str, Any], given: Turn, told: bool) -> None:
    found = wanted(notice(given), {"mail": ["ops@example.org"], **filters})
    assert found.turns == ((given,) if told else ())


HOOK = {"webhook": f"https://{USER}:{PASSWORD}@hooks.example.org/{PATH}?t={QUERY}", "secret": SECRET}


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ({"mail": ["ops@example.org"]}, "mail ops@example.org"),
        ({"mail": ("b@example.org", "a@example.org")}, "mail a@example.org,b@example.org"),
        (HOOK, "webhook hooks.example.org"),
        ({"webhook": "http://127.0.0.1:8080"}, "webhook 127.0.0.1:8080"),
        ({"apprise": f"slack://{USER}/{PATH}"}, "apprise slack"),
    ],
)
def test_a_label_says_where_to_and_no_secret(channel: Mapping[str, Any], name: str) -> None:
    found, _, mark = label(channel).partition("#")
    assert (found, len(mark), leaks(label(channel))) == (name, 6, [])


def test_a_label_is_of_this_channel_alone_and_stays() -> None:
    others = [
        {**HOOK, "severity": "critical"},
        {**HOOK, "checks": ["host"]},
        {**HOOK, "webhook": HOOK["webhook"] + "x"},
    ]
    assert len({label(channel) for channel in (HOOK, *others)}) == 4
    assert label({**HOOK, "secret": "another", "timeout": 3}) == label(HOOK)
    assert label({"mail": ["a@example.org"]}) == label({"mail": ("a@example.org",)}) == "mail a@example.org#1d9422"


def test_every_kind_has_its_module_that_sends() -> None:
    from importlib import import_module

    assert all(callable(import_module(path).send) for path in KINDS.values())


def test_nothing_wanted_is_nothing_sent() -> None:
    with http(answers(200)) as hooks:
        channel = {"webhook": f"http://127.0.0.1:{hooks.port}/", "severity": "critical"}
        send(notice(WARNING), channel, timeout=2)
        assert hooks.requests == []


def test_a_channel_that_never_ends_is_left_alone_and_not_joined_by_a_second_attempt() -> None:
    with http(drips) as hooks:
        channel = {"webhook": f"http://127.0.0.1:{hooks.port}/{PATH}"}
        began = time.monotonic()
        with pytest.raises(ChannelError, match="no answer in time"):
            send(notice(), channel, timeout=0.5)
        assert time.monotonic() - began < 1.5
        with pytest.raises(ChannelError, match="the last attempt has not ended yet"):
            send(notice(), channel, timeout=0.5)
        assert len(hooks.requests) == 1
        hooks.answer = answers(200)
        send(notice(), {**channel, "checks": ["*"]}, timeout=2)  # another channel is not concerned


def test_a_channels_own_timeout_is_kept_where_it_is_less() -> None:
    with http(drips) as hooks:
        began = time.monotonic()
        with pytest.raises(ChannelError, match="no answer in time"):
            send(notice(), {"webhook": f"http://127.0.0.1:{hooks.port}/", "timeout": 0.3}, timeout=10)
        assert time.monotonic() - began < 1.5
