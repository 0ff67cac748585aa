"""`health alerts`: open and past alerts; silence checks, resolve alerts by hand, and try the channels."""

import getpass
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from textwrap import wrap
from typing import Any

import click

from health_cli.cli.options import Duration, Plain, django_options, project_options
from health_cli.cli.output import is_terminal, terminal_width, write
from health_cli.cli.record import found, opened
from health_cli.core.assembly import clean, iso_utc
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches, nearest
from health_cli.core.units import humanize

MOST = 1000
SHOWN = 20  # numbers in a message
MOST_ID = 2**63 - 1
FOR_A_TEST = 10.0  # seconds that a channel may take: nobody waits behind it
INDENT = " " * 7
WIDEST = 10_000  # columns where nobody looks: a line stays one


@click.group("alerts", invoke_without_command=True)
@click.option("--all", "past", is_flag=True, help="The ended ones too, newest first.")
@click.option("--host", type=Plain(), metavar="NAME", default="", help="Of this host alone.")
@click.option("-f", "--format", "format_name", type=click.Choice(["table", "json"]), default="table")
@project_options
@django_options
@click.pass_context
def command(context: click.Context, /, **values: Any) -> int | None:
    """Show the open alerts. Exit code 0, however many there are: 'health last' is what gates."""
    context.obj.interrupt.release()
    if context.invoked_subcommand:
        context.meta["project"] = values
        return None
    with opened(values) as record:
        handling = import_module("health_cli.history.handling")
        rows = handling.listed(record.alias, host=values["host"], past=values["past"], most=MOST)
        silences = handling.silences(record.alias)
        _refuse_unknown_host(handling, record, values["host"] if not rows else "")
    shown = [handling.as_json(row) for row in rows]
    if values["format_name"] == "json":
        text = json.dumps({"schema": "health-cli-alerts/1", "alerts": shown, "silences": silences}, indent=2) + "\n"
    else:
        width = terminal_width() if is_terminal(context.obj.out) else WIDEST
        text = "".join(_lines(row, width) for row in shown) or "No open alerts.\n"
        text += "".join(_silence_line(row) for row in silences)
    write(context.obj.out, text)
    if len(rows) == MOST:
        write(context.obj.err, f"health: these are the first {MOST}; the admin has all of them\n")
    return 0


@command.command("silence")
@click.argument("pattern", type=Plain(190, least=1), metavar="NAME")
@click.option("--for", "seconds", type=Duration(bare=False), required=True, help="For how long: 30m, 2h, 7d.")
@click.option("--why", type=Plain(least=1), required=True, metavar="TEXT", help="The reason, for whoever wonders.")
@click.option("--host", type=Plain(190), metavar="NAME", default="", help="On this host alone.")
@click.option("--by", type=Plain(150), metavar="WHO", help="Who wants that.  [this user]")
@project_options
@django_options
@click.pass_context
def silence(context: click.Context, /, **values: Any) -> int:
    """Tell nobody about the checks that NAME means, for some time. Alerts open and end as ever."""
    with opened(_project(context, values)) as record:
        handling = import_module("health_cli.history.handling")
        known = handling.known(record.alias)
        hosts = handling.hosts(record.alias) if values["host"] else []
        until = time.time() + values["seconds"]
        handling.silence(
            record.alias,
            pattern=values["pattern"],
            host=values["host"],
            until=until,
            why=values["why"],
            by=_who(values),
        )
        _take_over(record, "take_silences")
    write(context.obj.err, _doubt(values["pattern"], known))
    where = f" on {values['host']}" if values["host"] else ""
    if hosts and values["host"] not in hosts:
        write(context.obj.err, f"health: nothing has been recorded{where}{nearest(values['host'], hosts)}\n")
    write(context.obj.out, f"Silenced until {iso_utc(until)}: {values['pattern']}{where}.\n")
    return 0


@command.command("unsilence")
@click.argument("pattern", type=Plain(), metavar="NAME")
@click.option("--host", type=Plain(), metavar="NAME", default="", help="The silence of this host alone.")
@project_options
@django_options
@click.pass_context
def unsilence(context: click.Context, /, **values: Any) -> int:
    """End a silence before its time. What is still open is told by the next recorded run."""
    with opened(_project(context, values)) as record:
        handling = import_module("health_cli.history.handling")
        count = handling.unsilence(record.alias, pattern=values["pattern"], host=values["host"])
        silences = handling.silences(record.alias)
        _take_over(record, "take_silences")
    if not count:
        known = "".join(_silence_line(row) for row in silences) or "There is none.\n"
        raise click.ClickException(f"'{values['pattern']}' is not silenced.\n{known}".rstrip())
    write(context.obj.out, f"Not silenced any more: {values['pattern']}.\n")
    return 0


@command.command("test")
@click.option("--by", type=Plain(150), metavar="WHO", help="Who asks for it.  [this user]")
@project_options
@django_options
@click.pass_context
def test(context: click.Context, /, **values: Any) -> int:
    """Send a test to every channel of NOTIFY. Exit code 3 where one does not take it."""
    record = found(_project(context, values))
    if not record.setting.NOTIFY:
        raise click.ClickException("There is no channel: HEALTH_CLI['NOTIFY'] names none. Nobody is told of alerts.")
    channels, telling = (import_module(f"health_cli.history.{name}") for name in ("channels", "telling"))
    names = {"host": record.host, "project": record.place.project, "by": _who(values)}
    code = 0
    for number, channel in enumerate(record.setting.NOTIFY):
        outcome = attempt(partial(telling.tell_a_test, channel, **names, timeout=FOR_A_TEST))
        if isinstance(outcome, Crash):
            line, code = f"Not told: NOTIFY[{number}], {outcome.text}", 3
        else:
            line = f"Told: NOTIFY[{number}], {channels.label(channel).partition('#')[0]}{channels.doubt(channel)}."
        write(context.obj.out, f"{line}\n")
    return code


def numbered(name: str, done: str, help_text: str) -> Callable[..., Any]:
    """Make a command that does something to open alerts, by their numbers."""

    @command.command(name, help=help_text)
    @click.argument("numbers", metavar="ID...", type=click.IntRange(1, MOST_ID), nargs=-1, required=True)
    @click.option("--why", type=Plain(), metavar="TEXT", help="The reason.")
    @click.option("--by", type=Plain(150), metavar="WHO", help="Who does it.  [this user]")
    @project_options
    @django_options
    @click.pass_context
    def act(context: click.Context, /, **values: Any) -> int:
        with opened(_project(context, values)) as record:
            handling = import_module("health_cli.history.handling")
            rows = handling.numbered(record.alias, values["numbers"])
            open_now = {row.id: row for row in rows if not row.resolved}
            if lost := [str(number) for number in values["numbers"] if number not in open_now]:
                known = [str(row.id) for row in handling.listed(record.alias, host="", past=False, most=SHOWN)]
                shown = ", ".join(known) + (" and more" if len(known) == SHOWN else "") or "none"
                raise click.ClickException(f"There is no open alert {', '.join(lost)}. Open are: {shown}.")
            getattr(handling, name)(rows, by=_who(values), why=values["why"])
            _take_over(record, "forget_ended")
        for number in values["numbers"]:
            write(context.obj.out, f"{done}: {open_now[number].alert_type} on {open_now[number].host} ({number}).\n")
        return 0

    return act


resolve = numbered(
    "resolve", "Resolved", "End open alerts by hand. What is still bad opens another one at the next recorded run."
)
acknowledge = numbered(
    "acknowledge", "Acknowledged", "Write down that you have seen open alerts, and why they may wait."
)


def _refuse_unknown_host(handling: Any, record: Any, host: str) -> None:
    """Say which hosts there are, where one is asked for that has never recorded."""
    hosts = handling.hosts(record.alias) if host else [host]
    if host not in hosts:
        there = ", ".join(hosts[:SHOWN]) or "none"
        raise click.ClickException(f"Nothing has been recorded of the host '{host}'. Recorded are: {there}.")


def _doubt(pattern: str, known: Sequence[str]) -> str:
    """Return a line on a pattern that no recorded check has: it may be mistyped, or the check may be to come."""
    if not known or any(matches(name, pattern) for name in known):
        return ""
    return f"health: no check of the last runs is meant by '{pattern}'{nearest(pattern, known)}\n"


def _take_over(record: Any, what: str) -> None:
    """Let this host's state know at once; elsewhere, and where this user may not write it, the next run does that."""
    attempt(lambda: getattr(import_module("health_cli.history.agreement"), what)(record.place, record.alias))


def _project(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return where the project is, as said before or behind the subcommand."""
    before = context.meta.get("project", {})
    return {name: values[name] or before.get(name) for name in ("settings", "chdir", "pythonpath")}


def _who(values: dict[str, Any]) -> str:
    """Return who does it: an account without a name has its number."""
    name = attempt(getpass.getuser)
    return str(values["by"] or ("somebody" if isinstance(name, Crash) else name))


def _lines(row: dict[str, Any], width: int) -> str:
    """Write an alert for people: what and how long first, what to do below, in lines of that many columns."""
    state = "ended" if row["resolved_at"] else "flaps" if row["flapping"] else "open"
    runs = f"{row['count']} run{'s' * (row['count'] != 1)}"
    head = f"{row['id']:>5}  {row['severity']:<8}  {row['check']} on {row['host']}: {state}, {runs}"
    since = f"since {row['created_at']}" if not row["resolved_at"] else f"for {humanize(row['lasted'], 's')}"
    last = f", last bad at {row['seen_at']}" if state == "flaps" else ""
    lines = [f"{head}, {since}{last}", row["message"], f"-> {row['hint']}" if row["hint"] else ""]
    seen, why = row["acknowledged_by"], f": {row['why']}" if row["why"] else ""
    lines.append(f"seen by {seen}{why}" if seen else "")
    lines.append(f"{row['resolved_at']} {row['resolution'] or ''}" if row["resolved_at"] else "")
    first, *others = [line for line in lines if line]
    rest = [text for line in others for text in _wrapped(line, width, INDENT)]
    return "\n".join([*_wrapped(first, width, ""), *rest]) + "\n"


def _wrapped(line: str, width: int, indent: str) -> Sequence[str]:
    return wrap(line, max(40, width), initial_indent=indent, subsequent_indent=INDENT, break_long_words=False)


def _silence_line(row: dict[str, Any]) -> str:
    where = f" on {row['host']}" if row["host"] else ""
    return clean(f"silent until {row['until']}: {row['pattern']}{where} ({row['by']}: {row['why']})") + "\n"
