"""Webhooks against a real server: signed, bounded, and without a secret in any error."""

import base64
import hashlib
import hmac
import json
import logging
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from health_cli.history.channels import ChannelError, send
from health_cli.history.channels.message import payload
from health_cli.history.channels.webhook import signature
from tests.history.channels.notices import ID, PASSWORD, PATH, QUERY, SECRET, USER, leaks, notice, over, turn
from tests.history.channels.servers import Request, answers, drips, frozen, hangs_up, http, is_silent
from tests.servers import free_port


def channel(port: int, **others: Any) -> dict[str, Any]:
    url = f"http://{USER}:{PASSWORD}@127.0.0.1:{port}/{PATH}?t={QUERY}"
    return {"webhook": url, "secret": SECRET, **others}


def signed(request: Request, key: bytes) -> str:
    """Sign by the words of the standard: id, time and body, joined by dots."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), request.body])
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_notice_is_posted_as_json_with_its_id_and_signature(status: int) -> None:
    given = notice(turn(), over(60, check="cache:default"))
    with http(answers(status)) as hooks:
        send(given, channel(hooks.port), timeout=5)
    (request,) = hooks.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert request.path == f"/{PATH}?t={QUERY}"
    assert json.loads(request.body) == payload(given)
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", ID)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
    assert headers["webhook-signature"] == signed(request, SECRET.encode())
    assert headers["authorization"] == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def test_a_secret_of_the_standard_is_base64() -> None:
    key = bytes(range(32))
    with http(answers(200)) as hooks:
        secret = "whsec_" + base64.b64encode(key).decode()
        send(notice(), {"webhook": f"http://127.0.0.1:{hooks.port}", "secret": secret}, timeout=5)
    (request,) = hooks.requests
    assert request.headers["Webhook-Signature"] == signed(request, key)


def test_the_signature_is_that_of_the_standards_own_libraries() -> None:
    """The values of their tests: github.com/standard-webhooks/standard-webhooks."""
    found = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed_and_without_a_user_nobody_logs_in() -> None:
    with http(answers(200)) as hooks:
        send(notice(), {"webhook": f"http://127.0.0.1:{hooks.port}/hook"}, timeout=5)
    assert {"webhook-signature", "authorization"}.isdisjoint(name.lower() for name in hooks.requests[0].headers)


def fails(given: dict[str, Any], caplog: pytest.LogCaptureFixture, timeout: float = 5) -> str:
    """Send, and return why it failed; no secret may be in it, nor in the log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ChannelError) as raised:
        send(notice(), given, timeout=timeout)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    assert leaks(str(raised.value) + caplog.text) == []
    return str(raised.value).partition(": ")[2]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "it answered 500 Internal Server Error"),
        (404, "it answered 404 Not Found"),
        (401, "it answered 401 Unauthorized"),
        (799, "it answered 799"),
    ],
)
def test_any_other_answer_is_named(status: int, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with http(answers(status)) as hooks:
        assert fails(channel(hooks.port), caplog) == reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with http(answers(200)) as other, http(answers(status, Location=f"http://localhost:{other.port}/{PATH}")) as hooks:
        assert "redirects are not followed" in fails(channel(hooks.port), caplog)
        assert (len(hooks.requests), other.requests) == (1, [])


@pytest.mark.parametrize(("answer", "longest"), [(drips, 2), (is_silent, 2)])
def test_a_slow_server_is_not_waited_for(
    answer: Callable[[BaseHTTPRequestHandler], None], longest: float, caplog: pytest.LogCaptureFixture
) -> None:
    with http(answer) as hooks:
        began = time.monotonic()
        assert fails(channel(hooks.port), caplog, timeout=1) == "no answer in time"
        assert time.monotonic() - began < longest


def test_a_frozen_server_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with frozen() as port:
        assert fails(channel(port), caplog, timeout=1) == "no answer in time"


def test_a_server_that_hangs_up_is_told_from_one_that_refuses(caplog: pytest.LogCaptureFixture) -> None:
    with http(hangs_up) as hooks:
        assert fails(channel(hooks.port), caplog) == "the server closed the connection"
    assert fails(channel(free_port()), caplog) == "the connection was refused"


def test_a_server_that_speaks_something_else(caplog: pytest.LogCaptureFixture) -> None:
    def greets(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"220 {handler.path}\r\n\r\n".encode())

    with http(greets) as hooks:
        assert fails(channel(hooks.port), caplog) == "BadStatusLine"


def test_a_server_without_tls_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with http(answers(200)) as hooks:
        given = channel(hooks.port)
        assert "SSL" in fails({**given, "webhook": given["webhook"].replace("http:", "https:")}, caplog)


def test_a_host_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    given = {"webhook": f"http://nowhere.invalid/{PATH}", "secret": SECRET}
    assert fails(given, caplog, timeout=10) in {"there is no such host", "no answer in time"}


def test_a_broken_secret_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    assert fails(channel(1, secret=f"whsec_{SECRET}!"), caplog) == "the secret is no base64 after whsec_"


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with http(answers(200)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        send(notice(), {"webhook": "http://hooks.invalid/hook"}, timeout=5)
    assert proxy.requests[0].path == "http://hooks.invalid/hook"


def test_an_address_of_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with pytest.raises(ChannelError, match="refused"):
        send(notice(), {"webhook": f"http://[::1]:{free_port()}/"}, timeout=5)
