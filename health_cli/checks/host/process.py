"""host.process:NAME: whether a program runs, how often, and what it takes."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from health_cli.core.check import Check
from health_cli.core.loading import load
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

METRICS = (
    metric(
        "processes", critical="1:",
        hint="Too few: start it, and see why it ended (systemctl status). Too many: see who starts them.",
        help="Processes that match.",
    ),
    metric("memory", "B", help="Resident memory of all of them; what they share counts for each."),
    metric("youngest", "s", help="Seconds since the last of them started: it stays small where one starts again."),
    metric("oldest", "s", help="Seconds since the first of them started."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Process(Check):
    """A program that must run: `"CHECKS": {"host.process:web": {"PROCESS": "gunicorn.*shop"}}`.

    A regular expression that is looked for in the command line of every process, its words joined by blanks; of
    another user's process in a container, or of the kernel, only the name is known. `user` leaves those of other
    users out. Our own process and those above it never count. `warning` and `critical` judge `processes`:
    `"critical": "1:"` is the default, `"warning": "4:4"` asks for exactly four.
    """

    name: str = "host.process"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    pattern: str = ""
    user: str = ""
    main: ClassVar[str] = "processes"

    def verify(self) -> None:
        """Raise ValueError where the pattern is none."""
        if not self.pattern:
            raise ValueError("an empty pattern means every process")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"'{self.pattern}' is no regular expression: {error}") from error

    def gather(self) -> Measurement:
        """Look at every process."""
        client = load("health_cli.checks.host.process_client")
        measurement: Measurement = client.gather(re.compile(self.pattern), self.user)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Say how many there are, and what they take."""
        count = measurement.values["processes"]
        said = f"{count} process{'' if count == 1 else 'es'}"
        memory = measurement.values.get("memory")
        return self.result(measurement, summary=f"{said}, {humanize(memory, 'B')}" if memory else said)
