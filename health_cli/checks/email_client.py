"""Logs in to a mail server through the project's own backend. Loaded only when that is looked at."""

import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core import mail
from django.core.mail.backends.smtp import EmailBackend

from health_cli.checks.network.reach import Address, explained
from health_cli.checks.project import loaded
from health_cli.core.errors import Failure, Skipped
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement

PART = 0.6  # of the check's limit that one answer may take


def gather(alias: str, limit: float) -> Measurement:
    """Return how long it took to be taken in; Failure where the server does not, or can't be asked."""
    backend = loaded(lambda: _ready(alias, limit * PART))
    if isinstance(backend, Crash):
        raise _unusable(f"The mailer '{alias}' can't be made: {backend.name}: {backend.text}")
    if not isinstance(backend, EmailBackend):
        kind = f"{type(backend).__module__}.{type(backend).__name__}"
        raise Skipped(f"Mail goes through {kind}: there is no server to log in to.", summary="no mail server")
    if not backend.host:  # smtplib would connect to nothing then, and all would seem well
        raise _unusable(f"The mailer '{alias}' has no host")
    server = Address(str(backend.host), int(backend.port))
    security = "TLS" if backend.use_ssl else "STARTTLS" if backend.use_tls else "none"
    facts = {"server": str(server), "security": security, "login": bool(backend.username and backend.password)}
    facts["half_login"] = bool(backend.username) is not bool(backend.password)
    began = time.monotonic()
    try:
        with explained(server, backend.timeout or 0), _in_words(server, f"{backend.username}{backend.password}"):
            backend.open()
            took = time.monotonic() - began
    except Failure as failure:
        raise _with_settings(failure) from failure
    finally:
        attempt(backend.close)  # what a server says to QUIT is no news; after a refused login it may be gone
    return Measurement(values={"connect_time": took}, facts=facts)


def _ready(alias: str, patience: float) -> Any:
    """Return the backend, ready to connect: of MAILERS where Django has it (6.1), else that of EMAIL_BACKEND."""
    mailers = getattr(mail, "mailers", None)
    backend = mail.get_connection() if mailers is None else mailers[alias]
    if isinstance(backend, EmailBackend):
        if backend.use_tls or backend.use_ssl:
            _ = backend.ssl_context
        backend.port, backend.fail_silently = int(backend.port), False
        backend.timeout = min(float(backend.timeout or patience), patience)
        if backend.timeout <= 0 or not 0 < backend.port < 65_536:
            raise ValueError(f"port {backend.port} and timeout {backend.timeout:g}: both must be above 0")
    return backend


def _unusable(text: str) -> Failure:
    return Failure(Kind.MISCONFIGURED, text, summary="no mailer", hint=f"Correct {_settings()}.")


def _settings() -> str:
    mailers = getattr(mail, "mailers", None)
    return "MAILERS" if mailers is not None and list(mailers) else "EMAIL_HOST and the other EMAIL settings"


# Class -> (kind, a few words, what to do); most specific first.
_SMTP: Sequence[tuple[type[Exception], Kind, str, str]] = (
    (smtplib.SMTPAuthenticationError, Kind.AUTH, "refuses the login", "Correct user and password in {}."),
    (
        smtplib.SMTPNotSupportedError, Kind.MISCONFIGURED, "can't do what the settings want",
        "It may offer login after STARTTLS alone, or on another port (587, 465): correct {}.",
    ),
    (smtplib.SMTPResponseException, Kind.REFUSED, "turns us away", "What it says is the reason; see its log."),
    (smtplib.SMTPException, Kind.REFUSED, "does not speak SMTP as expected", "Is it a mail server at all?"),
    (
        ssl.SSLCertVerificationError, Kind.AUTH, "has a certificate that is not trusted",
        "Name the server as its certificate does, or add its authority to those that this host trusts.",
    ),
    (
        ssl.SSLError, Kind.MISCONFIGURED, "speaks no TLS as expected",
        "TLS at once (use_ssl) is usual on port 465, STARTTLS (use_tls) on 587: correct {}.",
    ),
)  # fmt: skip


@contextmanager
def _in_words(server: Address, login: str) -> Iterator[None]:
    """Turn what smtplib and TLS raise into a Failure; the network's own errors pass."""
    try:
        yield
    except smtplib.SMTPServerDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise Failure(
                Kind.TIMEOUT, f"{server} took the connection and said nothing.", summary="no answer",
                hint="Is it overloaded, or does it want TLS at once (port 465)?",
            ) from error  # fmt: skip
        raise Failure(
            Kind.REFUSED, f"{server} closed the connection.", summary="closed the connection",
            hint="Does it want TLS at once (port 465), or does it take too many connections of ours for an attack?",
        ) from error  # fmt: skip
    except UnicodeEncodeError:
        if login.isascii():  # it is the host's name
            raise
        raise Failure(
            Kind.MISCONFIGURED,
            "User or password has a letter beyond ASCII, which Python's smtplib can't send.",
            summary="login beyond ASCII",
            hint=f"No mail is sent with it: have another, and set it in {_settings()}.",
        ) from None  # the error shows the password
    except (smtplib.SMTPException, ssl.SSLError) as error:
        kind, words, hint = next(row[1:] for row in _SMTP if isinstance(error, row[0]))
        raise Failure(
            kind, f"{server} {words}: {_said(error)}", summary=words, hint=hint.format(_settings())
        ) from error  # fmt: skip


def _with_settings(failure: Failure) -> Failure:
    """Return a failure whose hint says where the server is named: many a project has never named one."""
    if _settings() in failure.hint:
        return failure
    return failure.but(hint=f"{failure.hint} The server is named by {_settings()}.")


def _said(error: Exception) -> str:
    """Return what the server said, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {' '.join(str(text).split())}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return " ".join(str(error).split())
