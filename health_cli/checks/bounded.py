"""Bounded: a database of Django's, on a connection of our own that can't keep us waiting. Needs Django."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from health_cli.checks.answering import limited, words
from health_cli.core.errors import ConfigError
from health_cli.core.loading import alone

CONNECT, ANSWER = 2.0, 3.0  # seconds that the server may take, at the most
EXTRAS = {"mysql": "mysql", "postgresql": "postgres", "postgis": "postgres"}  # part of an engine's name -> its driver's


class NoFile(OperationalError):
    """SQLite has no such file."""


@contextmanager
def bounded(alias: str, seconds: float, *, server_too: bool = True) -> Iterator[BaseDatabaseWrapper]:
    """Put a connection with limits in the place of this thread's own, and close it afterwards.

    `server_too` has the server end what takes too long, where it can. ConfigError where there is no such alias, or no
    driver for it.
    """
    if alias not in connections.settings:
        known = ", ".join(connections.settings)
        raise ConfigError(f"RECORD_DATABASE is {alias!r}: DATABASES has {known}.", hint="Name one of them.")
    own = _own(alias)
    connection = own.copy()
    connect, answer = min(CONNECT, seconds), min(ANSWER, seconds)
    _limit(connection, connect, answer, server_too)
    connections[alias] = connection
    with limited(connection, connect, answer):
        try:
            yield connection
        finally:
            connection.close()
            connections[alias] = own


def _own(alias: str) -> BaseDatabaseWrapper:
    """Return this thread's connection; ConfigError where its driver is not installed."""
    try:
        return alone(lambda: connections[alias])
    except ImproperlyConfigured as error:
        engine = str(connections.settings[alias].get("ENGINE"))
        extra = next((name for word, name in EXTRAS.items() if word in engine), "")
        hint = f"Install it: pip install 'health-cli[{extra}]'" if extra else "Is its driver installed?"
        raise ConfigError(f"The database '{alias}' can't be used: {words(error)}", hint=hint) from error


def _limit(connection: BaseDatabaseWrapper, connect: float, answer: float, server_too: bool) -> None:
    """Set the limits that the driver knows, in whole seconds where it takes no others."""
    conf: dict[str, Any] = connection.settings_dict
    conf["CONN_MAX_AGE"], conf["AUTOCOMMIT"] = 0, True  # without autocommit Django's atomic() commits nothing
    options = conf["OPTIONS"] = dict(conf.get("OPTIONS") or {})
    match connection.vendor:
        case "mysql":
            options |= {"connect_timeout": math.ceil(connect), "charset": "utf8mb4"}
            options |= {"read_timeout": math.ceil(answer), "write_timeout": math.ceil(answer)}
        case "postgresql":
            options.pop("pool", None)
            options["connect_timeout"] = max(2, math.ceil(connect))  # libpq takes less for 2
            if server_too:
                own = f"-c statement_timeout={int(answer * 1000)}"
                options["options"] = f"{options.get('options', '')} {own}".strip()
        case "sqlite":
            _refuse_missing(str(conf["NAME"]))
            options["timeout"] = answer
            if isinstance(type(connection.features).max_query_params, int):  # Django 6 asks SQLite itself
                connection.features.max_query_params = _most_parameters(connection)


def _refuse_missing(name: str) -> None:
    """Raise NoFile where there is no such file: SQLite would make one, and all would seem well."""
    if not name.startswith(("file:", ":memory:")) and not os.path.exists(name):
        raise NoFile(f"there is no file {name}: 'manage.py migrate' makes it")


def _most_parameters(connection: BaseDatabaseWrapper) -> int:
    """Return how many parameters a statement may have; Django 5.2 takes the least that SQLite was ever built with."""
    import sqlite3

    with connection.cursor() as cursor:
        limit: int = cursor.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    return limit
