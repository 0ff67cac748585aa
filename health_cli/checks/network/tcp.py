"""network.tcp:NAME: whether something accepts connections on a host and a port."""

import socket
import time
from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.checks.network.reach import Address, address_of, connected, explained
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

PART = 0.8  # of the limit that the network may take
MOST = 4_096  # bytes of an answer
SHOWN = 80  # characters of it

METRICS = (
    metric("connect_time", "s", help="Seconds until the connection stood, its name resolved."),
    metric("answer_time", "s", help="Seconds until the answer came that `expect` asks for; null without it."),
)


@dataclass(frozen=True, kw_only=True)
class Tcp(Check):
    """A port that must accept connections: `"CHECKS": {"network.tcp:mail": {"TCP": "mail.example.org:25"}}`.

    With `expect` it must say a text, such as `SSH-2.0` or `220`, by itself or after `send` was sent, in which `\\r\\n`
    ends a line. Nothing else is sent, and the connection is closed at once.
    """

    name: str = "network.tcp"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    address: str = ""
    send: str = ""
    expect: str = ""
    main: ClassVar[str] = "connect_time"

    def verify(self) -> None:
        """Raise Failure where the address is none."""
        address_of(self.address)

    def gather(self) -> Measurement:
        """Connect, and listen where something is expected."""
        address, limit = address_of(self.address), self.timeout * PART
        with explained(address, limit):
            link, took = connected(address, limit)
            with link:
                if not self.expect and not self.send:
                    missing = {"answer_time": "nothing is expected"}
                    return Measurement(values={"connect_time": took}, missing=missing, facts={"address": str(address)})
                began = time.monotonic()
                self._hear(link, address, began + limit - took)
        values = {"connect_time": took, "answer_time": time.monotonic() - began}
        return Measurement(values=values, facts={"address": str(address)})

    def _hear(self, link: socket.socket, address: Address, until: float) -> None:
        """Return once what is expected has come; Failure where something else has."""
        link.sendall(self.send.encode())
        heard, wanted = b"", self.expect.encode()
        while wanted not in heard and len(heard) < MOST:
            link.settimeout(max(0.01, until - time.monotonic()))
            try:
                part = link.recv(MOST)
            except TimeoutError:
                part = b""
            if not part:
                break
            heard += part
        if not heard:
            raise Failure(
                Kind.TIMEOUT, f"{address} said nothing, and {self.expect!r} is expected.", summary="no answer",
                hint="The connection stood: is the service overloaded, or does it wait for something in 'send'?",
            )  # fmt: skip
        if wanted not in heard:
            text = heard.decode(errors="replace")[:SHOWN]
            raise Failure(
                Kind.MISCONFIGURED, f"{address} says {text!r} instead of {self.expect!r}.", summary="unexpected answer",
                hint="Is another service listening there?",
            )  # fmt: skip

    def judge(self, measurement: Measurement) -> Result:
        """Say how long it took."""
        return self.result(measurement, summary=f"connected in {humanize(measurement.values['connect_time'], 's')}")
