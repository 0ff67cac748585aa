"""Surroundings: who calls a command, and where its output goes."""

import sys
from dataclasses import dataclass, field
from typing import TextIO

from health_cli.cli.interrupt import Interrupt


@dataclass
class Surroundings:
    """The streams of one call and the signals during it. None is the process's own stream.

    `call_command` gives streams of its own. They are handed on and never put in the place of sys.stdout,
    where checks that print in other threads would find them.
    """

    interrupt: Interrupt = field(default_factory=Interrupt)
    stdout: TextIO | None = None
    stderr: TextIO | None = None

    @property
    def out(self) -> TextIO | None:
        """Where the report goes."""
        return self.stdout or sys.stdout

    @property
    def err(self) -> TextIO | None:
        """Where errors go."""
        return self.stderr or sys.stderr
