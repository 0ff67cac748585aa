"""The way in: takes the signals first, then loads click, and turns every way out into an exit code.

Bad usage and faults of ours exit with 3, since Nagios reads click's own 2 as critical and Python's 1
as a warning. In a format for machines they are a valid document too, never a bare traceback.
"""

import gc
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from health_cli import __version__
from health_cli.checks.host.sample import begin
from health_cli.cli.output import Undelivered, keep_open, write
from health_cli.cli.surroundings import Surroundings
from health_cli.core.guard import Crash, attempt

USAGE = 3
OBJECTS = 50_000  # made between two collections: at Python's 2,000, loading modules is interrupted for 5 to 10 ms


def main(argv: Sequence[str] | None = None, prog: str = "health") -> None:
    """Run the command line in this process and end the process with the verdict's exit code."""
    gc.set_threshold(OBJECTS)
    keep_open()
    attempt(begin)
    around = Surroundings()
    around.interrupt.catch()
    words = list(sys.argv[1:] if argv is None else argv)
    outcome = attempt(lambda: call(words, prog, around))
    code = _our_fault(outcome, words, around) if isinstance(outcome, Crash) else outcome
    os._exit(code)  # every thread of ours is a daemon; the interpreter's own farewell takes 10 ms


def call(argv: list[str], prog: str, around: Surroundings) -> int:
    """Run the command line and return its exit code; nothing of click's gets out."""
    if argv in (["--version"], ["-V"]):  # without click, which takes twice as long to load as the interpreter
        write(around.out, f"health-cli {__version__}\n")
        return 0
    click = import_module("click")
    group = import_module("health_cli.cli.group").health
    try:
        code = group.main(args=argv, prog_name=prog, standalone_mode=False, obj=around)
    except click.ClickException as error:
        hint = _usage(error) if isinstance(error, click.UsageError) else ""
        return _bad_usage(error.format_message(), hint, argv, around)
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _our_fault(crash: Crash, argv: Sequence[str], around: Surroundings) -> int:
    """Say that health-cli itself failed. That is unknown, never one of the codes that Python would give."""
    if isinstance(crash.error, Undelivered):
        return _last_words(str(crash.error.strerror))
    text = f"health-cli itself crashed: {crash.name}: {crash.text} (in {crash.place})"
    told = attempt(lambda: _bad_usage(text, "Please report this, with what was called.", argv, around))
    return _last_words(text) if isinstance(told, Crash) else told


def _last_words(text: str) -> int:
    """Say it on standard error, if that can be written."""
    attempt(lambda: write(sys.stderr, f"Error: {text}\n"))
    return USAGE


def _usage(error: Exception) -> str:
    """Return where help is to be found, as click would have said it."""
    context = getattr(error, "ctx", None)
    return f"Try '{context.command_path} --help'." if context else "Try 'health --help'."


def _bad_usage(message: str, hint: str, argv: Sequence[str], around: Surroundings) -> int:
    """Say what is wrong: to people on standard error, to machines as a document of their format."""
    command = _command(argv)
    name = asked(argv, "f", "format") or ("" if command else os.environ.get("HEALTH_FORMAT", ""))
    output = "" if command else asked(argv, "o", "output")
    output = "" if output == "-" else output
    if command in {"history", "alerts", "prune"}:  # what they print is no report
        name = ""
    if name in {"", "table"} and not output:
        write(around.err, f"Error: {message}\n{hint}".rstrip() + "\n")
        return USAGE
    failure = import_module("health_cli.cli.failure")
    return int(failure.show(message, hint, name or "table", output, around))


def _command(argv: Sequence[str]) -> str:
    """Return the command that was called, nothing for those that give a report: `run` and `last`."""
    group = import_module("health_cli.cli.group")
    words = list(argv)
    word = "".join(words[group.behind_options(words) :][:1])
    return word if word in group.COMMANDS and word not in {"run", "last"} else ""


def asked(argv: Sequence[str], letter: str, name: str) -> str:
    """Return the value of an option in a command line, even in one that can't be parsed."""
    short = re.compile(rf"-[qv]*{letter}=?(.*)", re.DOTALL)
    value = ""
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        found = short.fullmatch(word)
        if word.startswith(f"--{name}="):
            value = word.partition("=")[2]
        elif word == f"--{name}" or (found and not found[1]):
            value = following
        elif found:
            value = found[1]
    return value
