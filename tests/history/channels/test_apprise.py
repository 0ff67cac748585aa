"""Apprise, with the one service of it that needs nobody else: JSON to our own server."""

import json
import logging
import sys
import time
from typing import Any

import pytest

from health_cli.history.channels import ChannelError, send
from health_cli.history.channels.message import body, subject
from tests.history.channels.notices import PASSWORD, PATH, QUERY, USER, leaks, notice, over, turn
from tests.history.channels.servers import answers, drips, frozen, http
from tests.servers import free_port

# Apprise looks for a module of the standard library that Python 3.11 and 3.12 warn of.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


def channel(port: int, scheme: str = "json") -> dict[str, Any]:
    return {"apprise": f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/{PATH}?-t={QUERY}"}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (notice(turn(), over(5, check="a")), "failure"),
        (notice(turn(severity="warning")), "warning"),
        (notice(over(5)), "success"),
    ],
)
def test_a_notice_arrives_with_its_subject_and_text(given: Any, kind: str) -> None:
    with http(answers(200)) as hooks:
        send(given, channel(hooks.port), timeout=5)
    (request,) = hooks.requests
    found = json.loads(request.body)
    assert (found["title"], found["type"]) == (subject(given), kind)
    assert found["message"].split() == body(given).split()
    assert request.path == f"/{PATH}?t={QUERY}"


def fails(given: dict[str, Any], caplog: pytest.LogCaptureFixture, timeout: float = 5) -> str:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ChannelError) as raised:
        send(notice(), given, timeout=timeout)
    assert leaks(str(raised.value) + caplog.text) == []
    assert caplog.text == ""
    return str(raised.value).partition(": ")[2]


def test_what_the_library_says_is_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    with http(answers(500)) as hooks:
        reason = fails(channel(hooks.port), caplog)
    assert reason.startswith("Apprise could not deliver it: ")
    assert "500" in reason
    assert "onnection" in fails(channel(free_port()), caplog)


def test_a_url_that_it_does_not_take(caplog: pytest.LogCaptureFixture) -> None:
    reason = fails(channel(1, "k7canary"), caplog)
    assert reason.startswith("Apprise does not take the URL: ")
    assert "://" not in reason


def test_a_frozen_server_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with frozen() as port:
        began = time.monotonic()
        fails(channel(port), caplog, timeout=1)
        assert time.monotonic() - began < 2


def test_a_server_that_drips_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with http(drips) as hooks:
        began = time.monotonic()
        assert fails(channel(hooks.port), caplog, timeout=1) == "no answer in time"
        assert time.monotonic() - began < 2


def test_the_extra_is_named_where_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ChannelError, match=r"pip install 'health-cli\[notify\]'"):
        send(notice(), channel(1), timeout=2)


def test_others_may_log_while_it_sends(caplog: pytest.LogCaptureFixture) -> None:
    """Only our own thread is kept from the log."""
    with http(
        lambda handler: (logging.getLogger("apprise").warning("a word of another"), answers(200)(handler))[-1]
    ) as h:
        send(notice(), channel(h.port), timeout=5)
    assert caplog.messages == ["a word of another"]
