"""The way in: takes the signals first, then loads click, and turns every way out into an exit code.

Bad usage and faults of ours exit with 3, since Nagios reads click's own 2 as critical and Python's 1
as a warning. In a format for machines they are a valid document too, never a bare traceback.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from health_cli.cli.interrupt import Interrupt
from health_cli.cli.output import keep_open, write
from health_cli.core.guard import Crash, attempt

USAGE = 3


def main(argv: Sequence[str] | None = None, prog: str = "health") -> None:
    """Run the command line in this process and end the process with the verdict's exit code."""
    keep_open()
    interrupt = Interrupt()
    interrupt.catch()
    words = list(sys.argv[1:] if argv is None else argv)
    outcome = attempt(lambda: call(words, prog, interrupt))
    code = _our_fault(outcome, words) if isinstance(outcome, Crash) else outcome
    for stream in (sys.stdout, sys.stderr):
        write(stream, "")
    os._exit(code)  # every thread of ours is a daemon; the interpreter's own farewell takes 10 ms


def call(argv: list[str], prog: str, interrupt: Interrupt | None = None) -> int:
    """Run the command line and return its exit code; nothing of click's gets out."""
    click = import_module("click")
    group = import_module("health_cli.cli.group").health
    try:
        code = group.main(args=argv, prog_name=prog, standalone_mode=False, obj=interrupt or Interrupt())
    except click.ClickException as error:
        return _bad_usage(error.format_message(), _usage(error), argv)
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _our_fault(crash: Crash, argv: Sequence[str]) -> int:
    """Say that health-cli itself failed. That is unknown, never one of the codes that Python would give."""
    text = f"health-cli itself crashed: {crash.name}: {crash.text} (in {crash.place})"
    return _bad_usage(text, "Please report this, with what was called.", argv)


def _usage(error: Exception) -> str:
    """Return where help is to be found, as click would have said it."""
    context = getattr(error, "ctx", None)
    return f"Try '{context.command_path} --help'." if context else "Try 'health --help'."


def _bad_usage(message: str, hint: str, argv: Sequence[str]) -> int:
    """Say what is wrong: to people on standard error, to machines as a document of their format."""
    name = asked_format(argv, os.environ)
    if name in {"", "table"}:
        write(sys.stderr, f"Error: {message}\n{hint}\n")
        return USAGE
    failure = import_module("health_cli.cli.failure")
    return int(failure.show(message, hint, name))


def asked_format(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the format that a command line asks for, even one that can't be parsed."""
    for position, word in enumerate(argv):
        if word in {"-f", "--format"}:
            return argv[position + 1] if position + 1 < len(argv) else ""
        if word.startswith("--format="):
            return word.partition("=")[2]
        if word.startswith("-f") and not word.startswith("--"):
            return word[2:].removeprefix("=")
    return environ.get("HEALTH_FORMAT", "")
