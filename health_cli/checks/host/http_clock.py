"""Reads the time off the Date of an HTTP answer (RFC 9110), which every server with a clock sends."""

import http.client
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime

from health_cli import __version__
from health_cli.checks.network.http import PORTS, split
from health_cli.checks.network.reach import Address, explained
from health_cli.checks.network.tls import refused
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

HALF = 0.5  # of a second: a Date has none of its parts


def offset(where: str, limit: float) -> tuple[float, float]:
    """Return how many seconds we are ahead of a server, and those that this may be wrong by; Failure."""
    try:
        parts = split(where)
    except Failure as failure:
        raise failure.but(hint="Correct 'http' in the OPTIONS of host.time.") from failure
    address = Address(parts.hostname or "", parts.port or PORTS[parts.scheme])
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = make(*address, timeout=limit)
    try:
        with explained(address, limit), _trusted(address):
            link.connect()
            began = time.time()
            link.request("HEAD", parts.path or "/", headers={"User-Agent": f"health-cli/{__version__}"})
            headers = link.getresponse().headers
            ended = time.time()
    except http.client.HTTPException as error:
        raise _unusable(address, "answers with what is no HTTP") from error
    finally:
        link.close()
    if headers.get("Age", "0").strip() != "0":
        raise _unusable(address, "answers out of a cache, with the Date of another time")
    try:
        date = parsedate_to_datetime(headers.get("Date") or "")
    except ValueError:
        raise _unusable(address, "sends no Date") from None
    date = date.replace(tzinfo=date.tzinfo or UTC)  # a Date is in GMT, whatever it says, or does not
    return (began + ended) / 2 - (date.timestamp() + HALF), (ended - began) / 2 + HALF


@contextmanager
def _trusted(address: Address) -> Iterator[None]:
    """Say why a certificate is not accepted."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise refused(address, error) from error


def _unusable(address: Address, words: str) -> Failure:
    return Failure(
        Kind.MISCONFIGURED, f"{address} {words}.", summary=words, status=Status.UNKNOWN,
        hint="Name the URL of a server that answers by itself: curl -I shows its Date.",
    )  # fmt: skip
