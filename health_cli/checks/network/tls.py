"""network.tls:NAME: whether a certificate is trusted, of the right name, and for how many days yet."""

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.checks.network.reach import Address, address_of, connected, explained
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status

PORT, PART, DAY = 443, 0.8, 86_400
EXPIRED, OTHER_NAME = 10, (62, 64)  # X509_V_ERR_CERT_HAS_EXPIRED, ..._HOSTNAME_MISMATCH and ..._IP_ADDRESS_MISMATCH

METRICS = (
    metric(
        "days_left", "days", warning="20:", critical="3:",
        hint="Renew it, have the server load the new one, and look why nothing has renewed it.",
        help="Days until the certificate expires. 20 and 3: the rules for the blackbox exporter of "
        "awesome-prometheus-alerts.",
    ),
    metric("handshake_time", "s", help="Seconds from the first byte of TLS until both sides agreed."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tls(Check):
    """The certificate of a server: `"CHECKS": {"network.tls:shop": {"TLS": "shop.example.org"}}`, by default on 443.

    Its chain must lead to an authority that this host trusts (or that of the file `ca_file`), it must be of this name
    (or of `server_name`), and not be over: each of these is critical. It is looked at as clients see it, so that a
    server which has not loaded the renewed one is found out. Of mail servers, those with TLS from the start (465, 993)
    can be asked, not those that begin it with STARTTLS.
    """

    name: str = "network.tls"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    address: str = ""
    server_name: str = ""
    ca_file: str = ""
    main: ClassVar[str] = "days_left"

    def verify(self) -> None:
        """Raise Failure where the address is none."""
        address_of(self.address, PORT)

    def gather(self) -> Measurement:
        """Shake hands, and read the certificate."""
        address, limit = address_of(self.address, PORT), self.timeout * PART
        context = context_of(self.ca_file)
        with explained(address, limit):
            link, took = connected(address, limit)
            with link:
                link.settimeout(max(0.01, limit - took))
                return self._measured(context, link, address)

    def _measured(self, context: ssl.SSLContext, link: socket.socket, address: Address) -> Measurement:
        began = time.monotonic()
        try:
            with context.wrap_socket(link, server_hostname=self.server_name or address.host) as secure:
                took = time.monotonic() - began
                return measured(secure.getpeercert() or {}, secure.version() or "", took, time.time())
        except ssl.SSLCertVerificationError as error:
            raise refused(address, error) from error
        except ssl.SSLError as error:
            raise Failure(
                Kind.REFUSED, f"{address} speaks no TLS that is understood here: {error.reason or error}.",
                summary="no TLS", hint=f"Try it by hand: openssl s_client -connect {address}",
            ) from error  # fmt: skip

    def judge(self, measurement: Measurement) -> Result:
        """Judge the days."""
        facts = measurement.facts
        summary = f"{facts['subject']}, {measurement.values['days_left']:.0f} days left, {facts['protocol']}"
        return self.result(measurement, summary=summary)


def context_of(ca_file: str) -> ssl.SSLContext:
    """Return what verifies a server, by the authorities of this host or of a file; Failure where that is none."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Failure(
            Kind.MISCONFIGURED, f"The authorities in {ca_file} can't be read: {error.strerror or error}.",
            summary="no authorities", status=Status.UNKNOWN, hint="Give a file of certificates in PEM as 'ca_file'.",
        ) from error  # fmt: skip


def refused(address: Address, error: ssl.SSLCertVerificationError) -> Failure:
    """Return what a certificate is refused for."""
    why = error.verify_message or str(error)
    match error.verify_code:
        case code if code == EXPIRED:
            summary, hint = "expired", "Renew it, and have the server load the new one."
        case code if code in OTHER_NAME:
            summary, hint = "of another name", "Does the server choose by name, and is 'server_name' the right one?"
        case _:
            summary, hint = (
                "not trusted",
                "Does the server send the whole chain? Name an authority of yours in 'ca_file'.",
            )
    return Failure(
        Kind.AUTH, f"The certificate of {address} is not accepted: {why}.", summary=summary,
        hint=f"{hint} See it: openssl s_client -connect {address}",
    )  # fmt: skip


def measured(certificate: Mapping[str, Any], protocol: str, took: float, now: float) -> Measurement:
    """Return what a certificate says."""
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    facts = {
        "subject": _common(certificate.get("subject", ())) or next(iter(names), ""),
        "issuer": _common(certificate.get("issuer", ())), "names": names, "protocol": protocol,
        "not_after": certificate["notAfter"],
    }  # fmt: skip
    return Measurement(values={"days_left": round((ends - now) / DAY, 3), "handshake_time": took}, facts=facts)


def _common(name: Any) -> str:
    parts = {key: value for part in name for key, value in part}
    return str(parts.get("commonName") or parts.get("organizationName") or "")
