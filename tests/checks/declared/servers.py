"""Small servers on loopback that answer as a test wants, in threads of the test's own process."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def answering(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer each connection by a call; the value is the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(link,), daemon=True).start()

    def one(link: socket.socket) -> None:
        try:
            with tls.wrap_socket(link, server_side=True) if tls else link as spoken:
                answer(spoken)
        except OSError:  # the client has had enough
            link.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http(status: str = "200 OK", body: str = "", headers: str = "") -> Callable[[socket.socket], None]:
    """Return what answers HTTP like that, whatever is asked."""

    def answer(link: socket.socket) -> None:
        link.recv(65_536)
        data = body.encode()
        link.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{headers}\r\n".encode() + data)

    return answer


def silent(link: socket.socket) -> None:
    """Say nothing, until the client goes."""
    while link.recv(4_096):
        pass
