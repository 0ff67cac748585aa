"""network.dns:NAME: whether a name resolves, and to which addresses."""

import ipaddress
import socket
import time
from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.checks.network.reach import Address, explained
from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("resolve_time", "s", help="Seconds that the resolver took."),
    metric("addresses", help="Addresses that the name has, of IPv4 and IPv6."),
)


@dataclass(frozen=True, kw_only=True)
class Dns(Check):
    """A name that must resolve: `"CHECKS": {"network.dns:shop": {"DNS": "shop.example.org"}}`.

    It is asked as every program of this host asks: /etc/hosts, then the resolvers of /etc/resolv.conf, with whatever
    these have cached. With `expect`, a list of addresses, each of these must be among those found, and no other.
    """

    name: str = "network.dns"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    host: str = ""
    expect: tuple[str, ...] = ()
    main: ClassVar[str] = "resolve_time"

    def gather(self) -> Measurement:
        """Resolve it."""
        began = time.monotonic()
        with explained(Address(self.host, 0), self.timeout):
            rows = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        found = sorted({str(row[4][0]) for row in rows})
        values = {"resolve_time": time.monotonic() - began, "addresses": len(found)}
        return Measurement(values=values, facts={"host": self.host, "found": found})

    def judge(self, measurement: Measurement) -> Result:
        """Compare the addresses with those expected."""
        found = measurement.facts["found"]
        took = humanize(measurement.values["resolve_time"], "s")
        same = {_address(text) for text in found} == {_address(text) for text in self.expect}
        findings = [] if same or not self.expect else [
            Finding(
                status=Status.CRITICAL, kind=Kind.MISCONFIGURED, summary=f"resolves to {', '.join(found)}",
                message=f"{self.host} resolves to {', '.join(found)}, and {', '.join(self.expect)} is expected",
                hint="Was the record changed, or has a resolver an old one?",
            )
        ]  # fmt: skip
        return self.result(measurement, summary=f"{', '.join(found[:3])} in {took}", findings=findings)


def _address(text: str) -> object:
    """Return an address so that two writings of one are equal; any other text as it is."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
