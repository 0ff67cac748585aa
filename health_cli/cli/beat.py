"""`health beat NAME`: a job says that it has run, for the check HEARTBEAT of that name."""

import os
import time
from importlib import import_module
from typing import Any

import click

from health_cli.cli.failure import plain
from health_cli.cli.options import django_options, project_options, request_of
from health_cli.cli.surroundings import Surroundings
from health_cli.core.errors import ConfigError, HealthError
from health_cli.core.guard import Crash, attempt
from health_cli.core.names import nearest


@click.command("beat")
@click.argument("name")
@project_options
@django_options
@click.pass_obj
def command(around: Surroundings, /, **values: Any) -> int:
    """Say that a job has run: NAME is a check of the setting CHECKS with HEARTBEAT.

    At the end of the job, so that one that fails says nothing: 'backup.sh && health beat jobs.nightly'.
    """
    around.interrupt.release()
    done = attempt(lambda: _beat(values.pop("name"), values))
    if isinstance(done, Crash):
        error = done.error
        if isinstance(error, HealthError):
            raise plain(error if isinstance(error, ConfigError) else ConfigError(error.message, hint=error.hint))
        raise error
    return 0


def _beat(name: str, values: dict[str, Any]) -> None:
    """Keep the beat; HealthError where there is no such check, or it can't be kept."""
    place = import_module("health_cli.history.place")
    project = place.Project(values["settings"], values["chdir"], values["pythonpath"])
    where = attempt(lambda: place.Place.of(project, os.environ))  # before loading the settings goes to --chdir
    heartbeats = import_module("health_cli.config.load").heartbeats(request_of({**values, "patterns": ()}))
    if name not in heartbeats:
        known = ", ".join(heartbeats) or "none"
        raise ConfigError(
            f"There is no HEARTBEAT '{name}'{nearest(name, heartbeats)}. Those of CHECKS: {known}.",
            hint='Add it to HEALTH_CLI["CHECKS"]: {"jobs.nightly": {"HEARTBEAT": "26h"}}.',
        )
    plan = import_module("health_cli.core.plan").Plan(checks=[heartbeats[name]])
    remembering = import_module("health_cli.history.remembering").remembering
    (check,) = remembering(plan, None if isinstance(where, Crash) else where).checks
    import_module("health_cli.checks.heartbeat").beat(check, time.time())
