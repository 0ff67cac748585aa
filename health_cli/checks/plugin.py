"""PLUGIN in CHECKS: a monitoring plugin, any executable of the kind of check_disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import ClassVar, NamedTuple

from health_cli.checks.plugin_output import parse
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.loading import load
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.variables import resolved, secrets_of

PART = 0.9  # of the limit
CODES = {0: Status.HEALTHY, 1: Status.WARNING, 2: Status.CRITICAL, 3: Status.UNKNOWN}
NOT_THERE, NOT_EXECUTABLE = 127, 126  # exit codes of a shell


class Ended(NamedTuple):
    """How a program ended: its exit code, negative for a signal, and what it said."""

    code: int
    output: str
    errors: str = ""


@dataclass(frozen=True, kw_only=True)
class Plugin(Check):
    """An executable with the interface of the monitoring plugins, as Nagios and Icinga run it.

    `"CHECKS": {"disk.root": {"PLUGIN": ["/usr/lib/nagios/plugins/check_disk", "-w", "10%", "-c", "5%", "-p", "/"]}}`.

    Its exit code is the status (0 healthy, 1 warning, 2 critical, 3 unknown, anything else unknown), the first line
    of its output the message, and its performance data the metrics, in base units, with the thresholds that it gives;
    those that would make a metric worse than that status are left out.
    The program and its words are a list, or a text that is split as a shell does; no shell reads them. A word
    `env:NAME` is the value of a variable of the environment, which is never shown. It runs in `/` with the
    environment of `health` and LC_ALL=C. After nine tenths of the check's limit it is killed, with all that it has
    started: that is critical.
    """

    name: str = "plugin"
    command: tuple[str, ...] = ()
    main: ClassVar[str] = ""

    @property
    def secrets(self) -> frozenset[str]:
        """The words that stand in the environment."""
        return secrets_of(self.command)

    def verify(self) -> None:
        """Raise ValueError where there is no command."""
        if not self.command:
            raise ValueError("there is no command")

    def gather(self) -> Ended:
        """Run it; Failure where it can't be run, or does not end."""
        client = load("health_cli.checks.plugin_client")
        ended: Ended = client.run([resolved(word) for word in self.command], self.timeout * PART, shown(self.command))
        return ended

    def judge(self, measurement: Ended) -> Result:
        """Understand its exit code and what it said."""
        said = parse(measurement.output)
        if measurement.code not in CODES or not (said.text or said.metrics):
            raise self._strange(measurement)
        status = CODES[measurement.code]
        kind = None if status is Status.HEALTHY else Kind.THRESHOLD
        metrics = tuple(m if m.status <= status else replace(m, warning=None, critical=None) for m in said.metrics)
        return Result(
            name=self.name, status=status, summary=said.text[:80], message=said.text or "it says nothing", kind=kind,
            hint="" if kind is None else f"Run it by hand: {shown(self.command)}", metrics=metrics,
            data={"long_output": said.more} if said.more else {},
        )  # fmt: skip

    def _strange(self, ended: Ended) -> Failure:
        words = (ended.output or ended.errors).strip().splitlines()
        said = f": {words[0][:200]}" if words else ""
        how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"exited with code {ended.code}"
        if ended.code in CODES:
            how = f"said nothing and exited with code {ended.code}"
        return Failure(
            Kind.CRASHED, f"The plugin {how}{said}.", summary=f"no plugin's answer (code {ended.code})",
            hint=f"Run it by hand: {shown(self.command)}", status=Status.UNKNOWN,
        )  # fmt: skip


def shown(command: Sequence[str]) -> str:
    """Return a command line as one would type it."""
    return str(import_module("shlex").join(command))
