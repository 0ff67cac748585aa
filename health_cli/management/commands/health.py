"""`manage.py health`: a doorway to the same click command as `health`."""

from argparse import Namespace
from typing import Any

from click import Context, Group
from django.core.management.base import BaseCommand, CommandParser

from health_cli.cli.entry import call, main
from health_cli.cli.group import COMMANDS, health
from health_cli.cli.surroundings import Surroundings


class _AnyArguments(CommandParser):
    """Takes every argument as it is: click is the one that understands them."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Hand the words on."""
        return Namespace(words=list(args or ()))


class Command(BaseCommand):
    """Run the checks once and exit with the verdict; see `manage.py health --help`."""

    help = "Tell whether this Django stack is healthy, now."
    requires_system_checks = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Tell `call_command` which keyword arguments there are: every long option of a subcommand."""
        super().__init__(*args, **kwargs)
        commands = [health.get_command(Context(health), name) for name in COMMANDS]
        commands += [nested for item in commands if isinstance(item, Group) for nested in item.commands.values()]
        options = [text for item in commands if item for param in item.params for text in param.opts]
        names = {text[2:].replace("-", "_") for text in options if text.startswith("--")}
        self.stealth_options = ("words", *sorted(names))

    def run_from_argv(self, argv: list[str]) -> None:
        """Give the command line to click, which ends the process with the exit code."""
        main(argv[2:], prog=f"{argv[0].rpartition('/')[2]} {argv[1]}")

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """`manage.py help health`: click's own page."""
        main(["--help"], prog=f"{prog_name.rpartition('/')[2]} {subcommand}")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that leaves everything to click, for `call_command`."""
        return _AnyArguments(prog=f"{prog_name} {subcommand}", add_help=False)

    def execute(self, *args: Any, **options: Any) -> None:
        """Serve `call_command`: return when the exit code is 0, raise SystemExit with any other.

        Keyword arguments are the options by their names: `call_command("health", format="json")`.
        """
        words = [*options.pop("words", ()), *_words(options)]
        around = Surroundings(stdout=options.get("stdout"), stderr=options.get("stderr"))
        code = call(words, "health", around)
        if code:
            raise SystemExit(code)


def _words(options: dict[str, Any]) -> list[str]:
    """Turn keyword arguments into words of a command line."""
    words: list[str] = []
    for key, value in options.items():
        if key in {"stdout", "stderr"}:
            continue
        flag = f"--{key.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is not None and value is not False:
            many = value if isinstance(value, list | tuple) else [value]
            words += [f"{flag}={item}" for item in many]
    return words
