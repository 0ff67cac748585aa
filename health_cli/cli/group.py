"""The command `health`: a table of subcommands, each loaded when it is called. Alone it is `health run`."""

from importlib import import_module

import click

from health_cli import __version__

COMMANDS = {
    "run": ("health_cli.cli.run", "Run the checks once and exit with the verdict (the default)."),
    "last": ("health_cli.cli.last", "The last recorded run, in any format, running nothing."),
    "alerts": ("health_cli.cli.alerts", "Open and past alerts; silence and resolve them."),
    "prune": ("health_cli.cli.prune", "Condense and delete old runs now, as the settings say."),
    "list": ("health_cli.cli.catalogue", "What would run, with every threshold and where it comes from."),
    "explain": ("health_cli.cli.explain", "What a check looks at: metrics, thresholds, options, grants."),
    "beat": ("health_cli.cli.beat", "A job says that it has run, for a check that waits for it."),
    "history": ("health_cli.cli.history", "How a metric went: a plot, its trends, or an export."),
}


FLAGS = {"--quiet", "--verbose", "--no-color", "--force-color", "--traceback", "--skip-checks"}


def behind_options(args: list[str]) -> int:
    """Return the place of the first word that is neither an option nor the value of one."""
    place = 0
    while place < len(args) and args[place].startswith("-") and args[place] != "--":
        word = args[place]
        alone = word in FLAGS or "=" in word or set(word) <= set("-qv") or (word[1] != "-" and len(word) > 2)
        place += 1 if alone else 2
    return place


class HealthGroup(click.Group):
    """Loads a subcommand when it is called; options without a subcommand are those of `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the subcommand in front of its options, `run` where none is named."""
        own = {"-h", "--help", "-V", "--version"}
        if not args or (args[0].startswith("-") and args[0] not in own):
            place = behind_options(args)
            named = place < len(args) and args[place] in COMMANDS
            args = [args[place], *args[:place], *args[place + 1 :]] if named else ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for a word that is none, say how to run checks of that name."""
        if args[0] not in COMMANDS:
            nearest = import_module("health_cli.core.names").nearest(args[0], COMMANDS)
            raise click.UsageError(
                f"There is no command '{args[0]}'{nearest}. "
                f"To run checks of that name: {ctx.command_path} run {args[0]}",
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=HealthGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 healthy, 1 warning, 2 critical, 3 unknown or bad usage.",
)
@click.version_option(__version__, "-V", "--version", message="health-cli %(version)s")
def health() -> None:
    """Tell whether this Django stack is healthy, now.

    Without a command it runs every check once: the databases, caches and Celery of the
    project's settings, this host, and the project's own checks.
    """
