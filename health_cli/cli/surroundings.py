"""Surroundings: who calls a command, and where its output goes."""

import sys
from typing import TextIO

from health_cli.cli.interrupt import Interrupt


class Surroundings:
    """The streams of one call and the signals during it. None is the process's own stream.

    `call_command` gives streams of its own. They are handed on and never put in the place of sys.stdout,
    where checks that print in other threads would find them.
    """

    def __init__(
        self,
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        trigger: str = "command",
        forks: bool = True,
    ) -> None:
        """Take the streams that the caller gives, if any; `trigger` is what the record says of who asked.

        Without `forks` nothing runs in a process of its own: a server's process has too much to lose.
        """
        self.interrupt = Interrupt()
        self.trigger, self.forks = trigger, forks
        self.stdout, self.stderr = stdout, stderr
        self.printed = 0  # bytes of the report

    @property
    def out(self) -> TextIO | None:
        """Where the report goes."""
        return self.stdout or sys.stdout

    @property
    def err(self) -> TextIO | None:
        """Where errors go."""
        return self.stderr or sys.stderr
