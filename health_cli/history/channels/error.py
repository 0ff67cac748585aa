"""Error: why a channel did not take a notice, in words that hold no secret."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from http.client import responses
from typing import Any

from health_cli.core.errors import HealthError


class ChannelError(HealthError):
    """A channel did not take the notice; it is tried again after the next run."""


def reason_of(error: BaseException) -> str:
    """Return what went wrong with a connection, without the texts of libraries, which quote URLs and commands.

    What a mail server says is kept: it is the one thing that helps, and the caller masks secrets in it.
    """
    return next(describe(error) for kind, describe in _REASONS if isinstance(error, kind))


def status_phrase(code: int) -> str:
    """Return a status of HTTP with its words: ours, since a server's may say anything."""
    return f"{code} {responses.get(code, '')}".rstrip()


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"the server said {code} {' '.join(words.split())}".rstrip()


def _refusals(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(sorted({_reply(*reply) for reply in error.recipients.values()}))


def _disconnected(error: smtplib.SMTPServerDisconnected) -> str:
    """Tell the two apart of which smtplib makes one."""
    return _NO_ANSWER if isinstance(error.__context__, TimeoutError) else _CLOSED


def _system_error(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror}" if error.strerror else type(error).__name__


_NO_ANSWER, _CLOSED = "no answer in time", "the server closed the connection"
_LOGIN = "user and password were not accepted"
_REASONS: tuple[tuple[type[BaseException], Callable[[Any], str]], ...] = (
    (TimeoutError, lambda error: _NO_ANSWER),
    (ConnectionRefusedError, lambda error: "the connection was refused"),
    (smtplib.SMTPServerDisconnected, _disconnected),
    (ConnectionError, lambda error: _CLOSED),
    (smtplib.SMTPRecipientsRefused, _refusals),
    (smtplib.SMTPAuthenticationError, lambda error: f"{_LOGIN}: {_reply(error.smtp_code, error.smtp_error)}"),
    (smtplib.SMTPResponseException, lambda error: _reply(error.smtp_code, error.smtp_error)),
    (ssl.SSLCertVerificationError, lambda error: f"its certificate is not valid: {error.verify_message}"),
    (socket.gaierror, lambda error: "there is no such host"),
    (OSError, _system_error),
    (BaseException, lambda error: type(error).__name__),
)
