"""Channels: tell of alerts, by mail, to a webhook, or to anything that Apprise knows.

A channel is a dict of the setting NOTIFY. Each kind is a module with `send(notice, channel, *, timeout)`, loaded only
when it is used.
"""

import json
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any

from health_cli.config.notify import channel_secrets, place_of
from health_cli.config.plugins import close_connections
from health_cli.core.errors import HealthError
from health_cli.core.excerpt import cut
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches
from health_cli.core.redaction import Redactor
from health_cli.history.channels.error import ChannelError, reason_of
from health_cli.history.channels.message import Notice, Turn

__all__ = ["ChannelError", "doubt", "label", "send", "wanted"]

KINDS = {
    "mail": "health_cli.history.channels.mail",
    "webhook": "health_cli.history.channels.webhook",
    "apprise": "health_cli.history.channels.apprise",
}
MAX_REASON = 300  # characters
_NO_PART_OF_IT = {"secret", "timeout"}  # to change one of them makes no other channel

_late: dict[str, threading.Thread] = {}  # by label: those that had not ended in time


def send(notice: Notice, channel: Mapping[str, Any], *, timeout: float) -> None:
    """Tell a channel what it wants to know of a notice, within this many seconds; ChannelError says why it failed.

    Where it wants nothing of it, nothing is sent. After a failure the same notice may be sent again: its id stays.
    """
    told = wanted(notice, channel)
    if not told.turns:
        return
    name, limit = label(channel), min(timeout, channel.get("timeout", timeout))
    module = KINDS[kind_of(channel)]
    # A little less for the libraries, whose errors say more than ours.
    outcome = _within(limit, name, lambda: import_module(module).send(told, channel, timeout=0.9 * limit))
    if isinstance(outcome, Crash):
        raise ChannelError(f"{name.partition('#')[0]}: {_reason(outcome.error, channel)}")


def wanted(notice: Notice, channel: Mapping[str, Any]) -> Notice:
    """Return what a channel wants to know of a notice: of its checks, and from its severity on."""
    return notice._replace(turns=tuple(turn for turn in notice.turns if _wants(channel, turn)))


def _wants(channel: Mapping[str, Any], turn: Turn) -> bool:
    severe = channel.get("severity", "warning") == "warning" or turn.severity == "critical"
    patterns = channel.get("checks") or ("*",)
    return severe and any(matches(turn.check, pattern) for pattern in patterns)


def label(channel: Mapping[str, Any]) -> str:
    """Return a name for a channel without a secret: the same as long as it is told the same at the same place."""
    parts = {key: value for key, value in channel.items() if key not in _NO_PART_OF_IT}
    text = json.dumps(parts, sort_keys=True, default=list)
    return f"{kind_of(channel)} {place_of(channel)}#{sha256(text.encode()).hexdigest()[:6]}"


def doubt(channel: Mapping[str, Any]) -> str:
    """Return what there is to say of a channel that takes everything and may tell nobody."""
    return str(getattr(import_module(KINDS[kind_of(channel)]), "doubt", lambda: "")())


def kind_of(channel: Mapping[str, Any]) -> str:
    """Return the kind of a channel: the key that says where to."""
    return next(kind for kind in KINDS if kind in channel)


def _within(seconds: float, name: str, call: Callable[[], None]) -> Crash | None:
    """Call in a thread that is left alone when the time is over: looking a host up can't be interrupted.

    One that has not ended since is not joined by a second one.
    """
    if name in _late and _late[name].is_alive():
        return Crash(ChannelError("the last attempt has not ended yet"))
    outcomes: list[Crash | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(_called(call)), name=f"channel {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    _late.pop(name, None)
    if not outcomes:
        _late[name] = thread
        return Crash(TimeoutError())
    return outcomes[0]


def _called(call: Callable[[], None]) -> Crash | None:
    """Call, and close what a backend of Django's mail has opened in this thread."""
    outcome = attempt(call)
    attempt(close_connections)
    return outcome


def _reason(error: BaseException, channel: Mapping[str, Any]) -> str:
    """Return why it failed, on one line, without a secret."""
    text = error.message if isinstance(error, HealthError) else reason_of(error)
    hint = f" {error.hint}" if isinstance(error, HealthError) and error.hint else ""
    masked = Redactor(channel_secrets(channel)).text(" ".join(f"{text}{hint}".split()))
    return cut(masked, MAX_REASON)
