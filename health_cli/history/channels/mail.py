"""Mail: a notice as a plain message, through whatever backend the project's settings name."""

import re
import smtplib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core import mail

from health_cli.config.django_source import read
from health_cli.core.excerpt import MAX_TEXT, cut
from health_cli.core.guard import Crash, attempt
from health_cli.core.redaction import Redactor
from health_cli.history.channels.error import CLOSED, NO_ANSWER, ChannelError, Reasons, reason_of
from health_cli.history.channels.message import Notice, body, subject

MAIL_NOBODY = {f"django.core.mail.backends.{name}" for name in ("console", "dummy", "filebased", "locmem")}


def send(notice: Notice, channel: Mapping[str, Any], *, timeout: float) -> None:
    """Send one message to all addresses of the channel; ChannelError names the server and says what it answered."""
    mailer = attempt(_mailer)
    if isinstance(mailer, Crash):
        raise ChannelError(_reason(mailer, None))
    if hasattr(mailer, "timeout"):
        mailer.timeout = min(mailer.timeout or timeout, timeout)
    sent = attempt(lambda: mailer.send_messages([_message(notice, channel["mail"])]))
    if isinstance(sent, Crash):
        attempt(mailer.close)  # after a refused login Django leaves the connection open
        raise ChannelError(f"{_server(mailer)}{_reason(sent, mailer)}")
    if sent == 0:  # some backends return None whatever happened
        raise ChannelError(f"{_server(mailer)}the backend sent nothing and does not say why")


def doubt() -> str:
    """Say so where the backend is one that mails nobody: Django's for development, which new projects have."""
    module = type(_mailer()).__module__
    return f" (by {module}, which sends no mail)" if module in MAIL_NOBODY else ""


def _mailer() -> Any:
    """Return the project's backend for mail: of MAILERS where Django has it (6.1), else of EMAIL_BACKEND."""
    mailers = getattr(mail, "mailers", None)
    return mail.get_connection(fail_silently=False) if mailers is None else mailers.default


def _message(notice: Notice, addresses: Any) -> mail.EmailMessage:
    to = sorted(addresses)
    return mail.EmailMessage(
        f"{settings.EMAIL_SUBJECT_PREFIX}{subject(notice)}",
        body(notice),
        _sender(),
        to,
        headers={"Message-ID": _message_id(notice, to), "Auto-Submitted": "auto-generated"},  # RFC 3834
    )


def _sender() -> str:
    """Return SERVER_EMAIL, which Django's own reports of errors come from, or DEFAULT_FROM_EMAIL where it is not set.

    Many projects set the second alone, and few mail servers take a message from Django's default, root@localhost.
    """
    chosen: str = settings.SERVER_EMAIL if settings.is_overridden("SERVER_EMAIL") else settings.DEFAULT_FROM_EMAIL
    return chosen


def _message_id(notice: Notice, addresses: list[str]) -> str:
    """Return the same id for the same notice to the same addresses: a mail server may drop the second of two."""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", notice.host).strip(".-") or "localhost"
    return f"<{notice.id}.{sha256(','.join(addresses).encode()).hexdigest()[:8]}@{host}>"


def _server(mailer: Any) -> str:
    host, port = getattr(mailer, "host", ""), getattr(mailer, "port", "")
    return f"{host}:{port}: " if host else ""


def _reason(crash: Crash, mailer: Any) -> str:
    """Return why it failed; what a backend says in its own words is told where the secrets to mask are known."""
    text, known = reason_of(crash.error, _SMTP), attempt(lambda: read("settings").secrets)
    secrets = {str(getattr(mailer, "password", None) or "")}
    if not isinstance(known, Crash):
        secrets |= known
        text = f"{text}: {crash.text}" if text == crash.name else text
    return Redactor(secrets).text(cut(text, MAX_TEXT))


def _reply(code: int, text: bytes | str) -> str:
    """Return what a mail server said: the one thing that helps. It may quote the password, to be masked."""
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"the server said {code} {' '.join(words.split())}".rstrip()


def _refusals(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(sorted({_reply(*reply) for reply in error.recipients.values()}))


def _disconnected(error: smtplib.SMTPServerDisconnected) -> str:
    """Tell the two apart of which smtplib makes one."""
    return NO_ANSWER if isinstance(error.__context__, TimeoutError) else CLOSED


_LOGIN = "user and password were not accepted"
_SMTP: Reasons = (
    (smtplib.SMTPServerDisconnected, _disconnected),
    (smtplib.SMTPRecipientsRefused, _refusals),
    (smtplib.SMTPAuthenticationError, lambda error: f"{_LOGIN}: {_reply(error.smtp_code, error.smtp_error)}"),
    (smtplib.SMTPResponseException, lambda error: _reply(error.smtp_code, error.smtp_error)),
)
