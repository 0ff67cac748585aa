"""Webhook: a notice as JSON by POST, signed as Standard Webhooks has it (https://www.standardwebhooks.com).

Redirects are not followed: neither the notice nor its signature goes to a server that the setting does not name.
"""

import binascii
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from http.client import responses
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from health_cli import __version__
from health_cli.history.channels.error import ChannelError, reason_of
from health_cli.history.channels.message import Notice, payload

SECRET_PREFIX = "whsec_"  # noqa: S105 what the standard puts before a secret in base64


def send(notice: Notice, channel: Mapping[str, Any], *, timeout: float) -> None:
    """Post the notice; ChannelError where the server can't be reached or answers with anything but 2xx."""
    content = json.dumps(payload(notice), ensure_ascii=False).encode()
    now = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"health-cli/{__version__}",
        "webhook-id": notice.id,
        "webhook-timestamp": str(now),
    }
    if secret := channel.get("secret"):
        headers["webhook-signature"] = signature(secret, notice.id, now, content)
    _post(channel["webhook"], headers, content, timeout)


def signature(secret: str, notice_id: str, at: int, content: bytes) -> str:
    """Return `v1,` and the HMAC-SHA256 of id, time and content in base64.

    A secret that begins with `whsec_` is base64, as the standard has it; any other is taken as it stands.
    """
    signed = f"{notice_id}.{at}.".encode() + content
    return "v1," + b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ChannelError(f"the secret is no base64 after {SECRET_PREFIX}") from None


def _post(url: str, headers: dict[str, str], content: bytes, timeout: float) -> None:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at:
        headers["Authorization"] = "Basic " + b64encode(unquote(user).encode()).decode()
    bare = parts._replace(netloc=host, fragment="").geturl()
    request = Request(bare, data=content, headers=headers, method="POST")  # noqa: S310 validated: http or https
    try:
        _opener().open(request, timeout=timeout).close()
    except HTTPError as error:
        error.close()
        raise ChannelError(f"it answered {_status(error.code)}") from None
    except URLError as error:
        cause = error.reason if isinstance(error.reason, BaseException) else error
        raise ChannelError(reason_of(cause)) from None


def _opener() -> OpenerDirector:
    """Return what speaks HTTP alone, through the proxy of the environment where there is one."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler):
        opener.add_handler(handler())
    return opener


def _status(code: int) -> str:
    """Return a status with its words: ours, since a server's may say anything."""
    words = f"{code} {responses.get(code, '')}".rstrip()
    return f"{words}: redirects are not followed, so name the address where they lead" if 300 <= code < 400 else words
