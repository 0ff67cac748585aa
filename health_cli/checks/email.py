"""email:ALIAS: whether the mail server takes our connection and our login. Nothing is sent."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("connect_time", "s", help="Seconds until the server had taken the connection, TLS and login included."),
)


@dataclass(frozen=True, kw_only=True)
class Email(Check):
    """A mail server, as the project would use it: connected to and logged in to, with TLS where the settings want it.

    `email:default` is the server of EMAIL_HOST, or each alias of MAILERS (Django 6.1) one of its own. It is reached
    through the project's own backend, so that certificate, user and password are those that a message would be sent
    with. Nothing is sent, and no sender or recipient is named: whether a message arrives is not told by this, nor that
    the server wants a login where the settings have none.

    It runs with all others where the settings name a server. Where they leave Django's `localhost`, or mail goes
    through a backend of another kind, it is on request; of the latter it says that there is no server to log in to.
    """

    name: str = "email:default"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Connect and log in."""
        client = load("health_cli.checks.email_client")
        measurement: Measurement = client.gather(self.name.partition(":")[2], self.timeout)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say where, and how."""
        facts = measurement.facts
        how = "logged in to" if facts["login"] else "connected to"
        took = humanize(measurement.values["connect_time"], "s")
        summary = f"{how} {facts['server']} in {took}"
        return self.result(measurement, summary=summary, findings=list(_half(facts)))


def _half(facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts["half_login"]:
        yield Finding(
            status=Status.WARNING, kind=Kind.MISCONFIGURED, summary="half a login",
            message=f"Of user and password for {facts['server']} only one is set: nobody logs in there",
            hint="Set both, or neither.",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class UnnamedEmail(Email):
    """The same where no setting names a server: on request."""

    on_request: ClassVar[bool] = True

    @property
    def manual(self) -> str:
        """The manual page is that of the other."""
        return inspect.getdoc(Email) or ""
