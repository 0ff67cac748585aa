"""Apprise: a notice to any service that the library of this name knows, by its URL."""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from health_cli.core.check import Requirement
from health_cli.core.redaction import MASK
from health_cli.core.registry import load_client
from health_cli.history.channels.error import ChannelError
from health_cli.history.channels.message import Notice, body, subject, worst_first

REQUIREMENT = Requirement("apprise", "notify")
LOGGERS = ("apprise", "urllib3.connectionpool")  # they write URLs with their tokens
_URL = r"[\w+.-]+://\S*"


def send(notice: Notice, channel: Mapping[str, Any], *, timeout: float) -> None:
    """Notify; ChannelError where the library is missing, does not take the URL, or says that it failed."""
    library = load_client("apprise", REQUIREMENT)
    with _listened() as said:
        # In this thread: the library's own are waited for when the process ends.
        own = {"service_timeout": 0} if hasattr(library.AppriseAsset, "_service_timeout") else {}
        apprise = library.Apprise(asset=library.AppriseAsset(async_mode=False, **own))
        if not apprise.add(channel["apprise"]) or not len(apprise):
            raise ChannelError(f"Apprise does not take the URL{_because(said)}")
        for service in apprise:
            service.socket_connect_timeout = min(service.socket_connect_timeout, timeout)
            service.socket_read_timeout = min(service.socket_read_timeout, timeout)
        if not apprise.notify(body=body(notice), title=subject(notice), notify_type=_type(notice), body_format="text"):
            raise ChannelError(f"Apprise could not deliver it{_because(said)}")


def _type(notice: Notice) -> str:
    """Return the library's word for a notice: it chooses the colour or the sign."""
    worst = worst_first(notice.turns)[0]
    if worst.what in {"resolved", "test"}:
        return "success" if worst.what == "resolved" else "info"
    return "failure" if worst.severity == "critical" else "warning"


@contextmanager
def _listened() -> Iterator[list[str]]:
    """Keep what the library logs in this thread, and let nothing of it reach the project's log or the terminal."""
    ours, said = threading.get_ident(), list[str]()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != ours:
            return True
        if record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False

    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield said
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


def _because(said: list[str]) -> str:
    """Return the library's words without the URLs in them, of which it hides less than all."""
    return f": {re.sub(_URL, MASK, ' '.join(said))}" if said else ""
