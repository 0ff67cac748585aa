"""Asks a server of NTP for the time, once, as SNTP does (RFC 4330, RFC 5905). Standard library only."""

import os
import socket
import struct
import time
from typing import NamedTuple

from health_cli.checks.network.reach import Address, address_of, explained
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status
from health_cli.core.units import humanize

PORT = 123
REQUEST = 0b00_100_011  # no warning, version 4, a client
SERVER = 4
UNSYNCHRONIZED = 3
EPOCH = 2_208_988_800  # seconds from 1900 to 1970
NEVER = float(2**32 - EPOCH)  # what a stamp of zeros is read as
MAX_DISTANCE = 1.5  # seconds: ntpd's MAXDIST, beyond which it takes no server for synchronized
TRIES = 3  # a packet may be lost
ERA = 2**32  # seconds; NTP's counter begins anew in 2036
SIZE = 48


class Answer(NamedTuple):
    """What a server says; times in seconds since 1970, `distance` those that it may be wrong by itself."""

    leap: int
    stratum: int
    code: str
    nonce: bytes
    received: float
    sent: float
    distance: float


def offset(where: str, limit: float) -> tuple[float, float]:
    """Return how many seconds we are ahead of a server, and those that this may be wrong by; Failure."""
    address = address_of(where, PORT)
    with explained(address, limit):
        family, kind, protocol, _, place = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as link:
            link.settimeout(limit / TRIES)
            link.connect(place)  # so that a port nobody listens on is told, and answers of others are not heard
            answer, began, ended = _asked(link, address)
    delay = max(0.0, (ended - began) - (answer.sent - answer.received))
    theirs_ahead = ((answer.received - began) + (answer.sent - ended)) / 2
    return -theirs_ahead, delay / 2 + answer.distance


def _asked(link: socket.socket, address: Address) -> tuple[Answer, float, float]:
    """Return an answer, and when it was asked for and came; TimeoutError where none of some questions is answered."""
    for left in reversed(range(TRIES)):
        nonce = os.urandom(8)  # in the place of our time, which is nobody's business: the server sends it back
        began = time.time()
        link.send(struct.pack("!B39x8s", REQUEST, nonce))
        try:
            data = link.recv(1_024)
        except TimeoutError:
            if not left:
                raise
            continue
        ended = time.time()
        answer = understood(data, address)
        if answer.nonce == nonce or not left:  # else that of an earlier question, which came late
            refuse(answer, nonce, address)
            return answer, began, ended
    raise TimeoutError


def understood(data: bytes, address: Address) -> Answer:
    """Read a packet; Failure where it is none of a server."""
    if len(data) < SIZE or data[0] & 0b111 != SERVER:
        raise Failure(
            Kind.REFUSED, f"{address} answers with what is no NTP.", summary="no NTP", status=Status.UNKNOWN,
            hint="Is it a server of NTP? Try it by hand: chronyd -Q -t 3 'server HOST iburst'",
        )  # fmt: skip
    first, stratum, delay, dispersion, code, nonce, received, sent = struct.unpack("!BB2xiI4s8x8s8s8s", data[:SIZE])
    return Answer(
        leap=first >> 6, stratum=stratum, code=code.decode("ascii", errors="replace").strip("\0"), nonce=nonce,
        received=seconds_of(received), sent=seconds_of(sent), distance=abs(delay) / 2**17 + dispersion / 2**16,
    )  # fmt: skip


def seconds_of(stamp: bytes) -> float:
    """Return a time stamp as seconds since 1970; one before 1968 is of the era that begins in 2036."""
    seconds, part = struct.unpack("!II", stamp)
    if seconds < ERA // 2:
        seconds += ERA
    return float(seconds - EPOCH) + float(part) / 2**32


def refuse(answer: Answer, nonce: bytes, address: Address) -> None:
    """Raise Failure for an answer that tells no time: not to us, a refusal, or of a clock that is not set."""
    if answer.nonce != nonce:
        words, hint = "answers somebody else's question", "Is something on the way that answers for it?"
    elif answer.stratum == 0 and answer.code.isalnum():
        words, hint = f"refuses to answer ({answer.code})", "RATE: it is asked too often; DENY, RSTR: we may not ask."
    elif answer.distance > MAX_DISTANCE:
        words = f"says that it may be {humanize(answer.distance, 's')} wrong itself"
        hint = "See 'chronyc tracking' there, or name another server."
    elif answer.leap == UNSYNCHRONIZED or not 0 < answer.stratum < 16 or NEVER in {answer.received, answer.sent}:
        words, hint = "is not synchronized itself", "See 'chronyc tracking' there, or name another server."
    else:
        return
    raise Failure(Kind.REFUSED, f"{address} {words}.", summary=words, hint=hint, status=Status.UNKNOWN)
