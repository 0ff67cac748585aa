"""Reach: connects to a host and a port, and says why that can't be done. Standard library only."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: str, port: int = 0) -> Address:
    """Read `host:port`, `[::1]:port`, or a host alone where there is a usual port; Failure where it is neither."""
    if "://" in text:
        raise Failure(
            Kind.MISCONFIGURED, f"'{text}' is a URL, no host and port.", summary="no host and port",
            status=Status.UNKNOWN, hint="Write host:port alone, as in mail.example.org:25.",
        )  # fmt: skip
    host, colon, number = text.rpartition(":")
    if text.endswith("]") or not colon or (":" in host and not host.startswith("[")):
        host, number = text, ""
    if not host.strip("[]") or not (number or port) or not (number or "1").isdecimal() or int(number or 1) > 65535:
        raise Failure(
            Kind.MISCONFIGURED, f"'{text}' is no host and port.", summary="no host and port", status=Status.UNKNOWN,
            hint="Write host:port, as in mail.example.org:25 or [::1]:8000.",
        )  # fmt: skip
    return Address(host.strip("[]"), int(number or port))


@contextmanager
def explained(address: Address, timeout: float) -> Iterator[None]:
    """Turn what the network raises into a Failure that says what is wrong there."""
    try:
        yield
    except socket.gaierror as error:
        raise Failure(
            Kind.MISSING, f"The name {address.host} can't be resolved: {error.strerror}.", summary="unknown name",
            hint=f"Ask the resolver of this host: getent hosts {address.host}",
        ) from error  # fmt: skip
    except UnicodeError as error:
        raise Failure(
            Kind.MISSING, f"{address.host} can't be the name of a host: {error}.", summary="no name of a host",
            hint="A part between two dots has 1 to 63 letters: correct it.",
        ) from error  # fmt: skip
    except TimeoutError as error:
        raise Failure(
            Kind.TIMEOUT, f"{address} did not answer within {timeout:g} s.", summary=f"no answer in {timeout:g} s",
            hint="Is the host up, and does a firewall drop the connection?",
        ) from error  # fmt: skip
    except ConnectionRefusedError as error:
        raise Failure(
            Kind.REFUSED, f"{address} refuses the connection.", summary="refused",
            hint="Nothing listens there: is the service running, and on that address?",
        ) from error  # fmt: skip
    except OSError as error:
        text = error.strerror or str(error) or type(error).__name__
        raise Failure(
            Kind.REFUSED, f"{address} can't be reached: {text}.", summary="not reachable",
            hint=f"Look at the way there: ip route get {address.host}",
        ) from error  # fmt: skip


def connected(address: Address, timeout: float) -> tuple[socket.socket, float]:
    """Return a connection to the first of its addresses that takes one, and the seconds that took; OSError.

    All addresses together have `timeout` seconds.
    """
    began, last = time.monotonic(), OSError("the name has no address")
    for family, kind, protocol, _, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        left = timeout - (time.monotonic() - began)
        if left <= 0:
            raise TimeoutError
        link = socket.socket(family, kind, protocol)
        link.settimeout(left)
        try:
            link.connect(where)
        except OSError as error:
            link.close()
            last = error
            continue
        return link, time.monotonic() - began
    raise last
