"""`health prune`: apply retention now, as the recording run does in small steps."""

import time
from importlib import import_module
from typing import Any

import click

from health_cli.cli.options import Deadline, django_options, project_options
from health_cli.cli.output import write
from health_cli.cli.record import opened
from health_cli.cli.surroundings import Surroundings

MINUTES = 10


@click.command("prune")
@click.option(
    "-t",
    "--timeout",
    type=Deadline(with_state=False),
    metavar="SECONDS",
    help=f"Stop after that long.  [{MINUTES * 60}]",
    default=None,
)
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Condense old runs into hours, and delete what is older than the settings keep.

    It goes in small steps: no statement holds the tables for long, and whoever stops it
    goes on with the next call. Exit code 1 where the time was over before all was done.
    """
    around.interrupt.release()
    limit = (values["timeout"] or (MINUTES * 60,))[0]
    with opened(values) as record:
        done = import_module("health_cli.history.retention").prune(
            record.alias,
            now=time.time(),
            keep_days=record.setting.KEEP_DAYS,
            keep_hourly_days=record.setting.KEEP_HOURLY_DAYS,
            until=time.monotonic() + limit,
        )
    counts = {name.replace("_", " "): number for name, number in done._asdict().items() if name != "finished"}
    text = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    write(around.out, f"{'Done' if done.finished else 'Not done yet'}: {text}.\n")
    return 0 if done.finished else 1
