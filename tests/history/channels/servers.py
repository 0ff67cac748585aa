"""Servers to tell things: of mail and of HTTP, that behave or do not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.servers import free_port

MAIL_PASSWORD = "mail-s3cret-Jq7"  # smtplib sends ASCII alone


class Mailbox:
    """Takes mail, or refuses it with a line of its own."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.recipients: list[list[str]] = []
        self.messages: list[EmailMessage] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if not self.refusal:
            envelope.rcpt_tos.append(address)
        return self.refusal or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        message: Any = message_from_bytes(envelope.content or b"", policy=default)  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        self.messages.append(message)
        return "250 OK"


def _refuse(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Refuse any user, and say the password that was tried, as no server should."""
    tried = data.password.decode()
    return AuthResult(success=False, handled=False, message=f"535 5.7.8 no such user with {tried}")


def _take(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Take the one user there is."""
    return AuthResult(success=data.login == b"app" and data.password == MAIL_PASSWORD.encode())


class _Controller(Controller):
    """Knows its connections, which have to be closed before its loop is stopped."""

    def __init__(self, *words: Any, **how: Any) -> None:
        super().__init__(*words, **how)
        self.connections: list[Any] = []

    def factory(self) -> Any:
        self.connections.append(super().factory())
        return self.connections[-1]

    def wait(self, limit: float = 5) -> None:
        end = time.monotonic() + limit
        while any(connection.transport for connection in self.connections) and time.monotonic() < end:
            time.sleep(0.01)


@contextmanager
def smtp(mailbox: Mailbox, *, refuse_users: bool = False, takes_users: bool = False, **how: Any) -> Iterator[int]:
    """Run a mail server, which may know one user, `app`; gives its port."""
    if refuse_users or takes_users:
        how = {"authenticator": _refuse if refuse_users else _take, "auth_require_tls": False, **how}
    controller = _Controller(mailbox, hostname="127.0.0.1", port=free_port(), **how)
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.wait()
        controller.stop()


class Request(NamedTuple):
    """What a server of HTTP was asked."""

    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """What a server of HTTP was asked so far, and what it answers."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.port = 0


def answers(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with this status, and a body and a phrase that tell what was asked, as some servers do."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status, f"for {handler.path}")
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(handler.path.encode())

    return answer


def drips(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, for three seconds."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    for _ in range(30):
        handler.wfile.write(b"x")
        time.sleep(0.1)


def is_silent(handler: BaseHTTPRequestHandler) -> None:
    """Take the request and say nothing for three seconds."""
    time.sleep(3)


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that do not wait."""


@contextmanager
def http(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Hooks]:
    """Run a server of HTTP that keeps what it is asked."""
    hooks = Hooks(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            hooks.requests.append(Request(self.path, dict(self.headers), self.rfile.read(size)))
            hooks.answer(self)

        do_GET = do_HEAD = do_POST

        def log_message(self, *words: Any) -> None:
            """Keep the terminal clean."""

    server = _Server(("127.0.0.1", 0), Handler)
    hooks.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def frozen() -> Iterator[int]:
    """Run a server that accepts and never says a word; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@contextmanager
def greeting_for_ever() -> Iterator[int]:
    """Run a server of mail whose greeting comes a byte at a time and never ends; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet_for_ever, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])


def _greet_for_ever(listener: socket.socket) -> None:
    connection = listener.accept()[0]
    with connection, suppress(OSError):
        for byte in b"220-" + b"x" * 30:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
