"""Record: how the commands that read and change the record get at it, and what they say where they can't."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from health_cli.cli.failure import plain
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.history.place import Place, Project


@contextmanager
def opened(values: Mapping[str, Any]) -> Iterator[Any]:
    """Hold the record of the project that a command was told, connected; click.ClickException where it can't be had."""
    record = found(values)
    from django.db import DatabaseError

    from health_cli.checks.bounded import ANSWER

    try:
        with record.connected(ANSWER):
            yield record
    except ConfigError as error:
        raise plain(error) from None
    except DatabaseError as error:
        text = import_module("health_cli.history.loading").explain(error, record.alias)
        problem = ConfigError(f"{text[0].upper()}{text[1:]}")
        problem.secrets = record.source.secrets
        raise plain(problem) from None


def found(values: Mapping[str, Any]) -> Any:
    """Return the record of the project that a command was told, not connected; click.ClickException without one."""
    project = Project(values["settings"], values["chdir"], values["pythonpath"])
    record = attempt(lambda: _record(project))
    if isinstance(record, Crash):
        raise explained(record)
    return record


def _record(project: Project) -> Any:
    return import_module("health_cli.history.opening").open_record(project, Place.of(project, os.environ))


def explained(crash: Crash) -> click.ClickException:
    """Return what is said where there is no record to be had."""
    error = crash.error
    return plain(error) if isinstance(error, ConfigError) else click.ClickException(f"{crash.name}: {crash.text}")
