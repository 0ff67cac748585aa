"""Speaks Memcached's text protocol: set, get, delete and stats, each bounded in time."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from health_cli.checks.cache.base import PROBE_TTL, probe_key
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind

VALUE = b"health-cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What one server said: the time of the round trip in seconds, and its counters as text."""

    location: str
    roundtrip: float
    stats: Mapping[str, str]


def ask(location: str, limit: float) -> Server:
    """Make the round trip and read the counters; raise Failure where the server is not well."""
    with _explained(location, limit), _connect(location, limit) as link, link.makefile("rwb") as stream:
        key = probe_key().encode()
        began = time.monotonic()
        stream.write(b"set %b 0 %d %d\r\n%b\r\n" % (key, PROBE_TTL, len(VALUE), VALUE))
        stream.flush()
        stored = stream.readline().strip()
        if stored != b"STORED":
            raise _refused_write(location, stored.decode(errors="replace"))
        stream.write(b"get %b\r\ndelete %b noreply\r\n" % (key, key))
        stream.flush()
        back = _read_value(stream.readline, stream.read)
        roundtrip = time.monotonic() - began
        if back != VALUE:
            raise _refused_write(location, "the key did not come back")
        stream.write(b"stats\r\n")
        stream.flush()
        return Server(location=location, roundtrip=roundtrip, stats=dict(_stats(stream.readline)))


def _connect(location: str, limit: float) -> socket.socket:
    if location.startswith(("unix:", "/")):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(limit)
        link.connect(location.removeprefix("unix:"))
        return link
    host, _, port = location.rpartition(":") if ":" in location else (location, "", "11211")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=limit)


def _read_value(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> bytes:
    """Read the answer to a get: the value, or nothing where there is none."""
    head = readline().split()
    if len(head) < 4:
        return b""
    value = read(int(head[3]))
    readline()  # the end of the value's line
    readline()  # END
    return value


def _stats(readline: Callable[[], bytes]) -> Iterator[tuple[str, str]]:
    while (words := readline().decode(errors="replace").split(None, 2)) and words[0] == "STAT":
        yield words[1], words[2].strip()


def _refused_write(location: str, answer: str) -> Failure:
    return Failure(
        Kind.FULL,
        f"Memcached at {location} does not take writes: {answer or 'it closed the connection'}.",
        summary=f"takes no writes at {location}",
        hint="See its memory limit (-m), and whether this is a Memcached at all.",
    )


@contextmanager
def _explained(location: str, limit: float) -> Iterator[None]:
    """Turn the system's errors into failures."""
    try:
        yield
    except TimeoutError as error:
        raise Failure(
            Kind.TIMEOUT, f"Memcached at {location} did not answer in {limit:g} s.",
            summary=f"no answer at {location}", hint="It hangs, or packets are dropped on the way.",
        ) from error  # fmt: skip
    except socket.gaierror as error:
        raise Failure(
            Kind.MISSING, f"The host of {location} is not found: {error.strerror}.",
            summary="host name not found", hint="Correct LOCATION in CACHES, or the name service.",
        ) from error  # fmt: skip
    except OSError as error:
        raise Failure(
            Kind.REFUSED, f"Memcached at {location}: {error.strerror or error}.",
            summary=f"refused at {location}", hint="Is it running there, and does nothing block the port?",
        ) from error  # fmt: skip
