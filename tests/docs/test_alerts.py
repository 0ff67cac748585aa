"""What the page on alerts shows of channels is what comes out, and its code runs."""

import base64
import json
import os
import time
from typing import Any

import pytest

from health_cli.config.setting import _CHANNEL_KEYS, validate
from health_cli.history.channels import send
from health_cli.history.channels.message import body, payload, subject
from tests.docs.test_docs import blocks, section
from tests.history.channels.notices import notice, over, turn
from tests.history.channels.servers import answers, http

PAGE = "docs/alerts.md"


def test_the_setting_of_the_page_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "whsec_aGVhbHRo")
    monkeypatch.setenv("SLACK_URL", "slack://T0/B0/X0")
    namespace: dict[str, Any] = {"os": os}
    exec(blocks(PAGE, "python")[0], namespace)
    assert validate(namespace["HEALTH_CLI"])[1] == []


def test_every_key_of_a_channel_has_its_row() -> None:
    keys = {key for keys in _CHANNEL_KEYS.values() for key in keys}
    assert [key for key in keys if f"\n| `{key}` |" not in section(PAGE, "## Channels")] == []


def test_the_message_of_the_page_is_what_comes_out() -> None:
    disk = over(7500, check="host.disk:/var", severity="warning", message="61 % of /var is used.")
    given = notice(turn(), disk)
    assert blocks(PAGE, "text") == [subject(given) + "\n", body(given)]


def test_the_json_of_the_page_is_what_comes_out() -> None:
    assert json.loads(blocks(PAGE, "json")[0]) == payload(notice())


@pytest.mark.parametrize(("change", "genuine"), [(b"", True), (b" ", False)])
def test_the_code_of_the_page_verifies_what_is_sent(change: bytes, genuine: bool) -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(PAGE, "python")[1], namespace)
    secret = "whsec_" + base64.b64encode(bytes(range(24, 56))).decode()
    with http(answers(200)) as hooks:
        send(notice(), {"webhook": f"http://127.0.0.1:{hooks.port}/", "secret": secret}, timeout=5)
    (request,) = hooks.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert namespace["is_genuine"](secret, headers, request.body + change) is genuine
    assert not namespace["is_genuine"](
        secret, {**headers, "webhook-timestamp": str(int(time.time()) - 600)}, request.body
    )
