"""Opening: from what a command was told to the record's database, ready to be asked.

A project's record is where RECORD_DATABASE says. Without a project it is a SQLite file in the state folder, whose
tables are made on first use.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connections

from health_cli.checks.bounded import bounded
from health_cli.config.setting import HealthSetting, validate
from health_cli.config.source import EMBEDDED, Source, locate
from health_cli.core.assembly import machine
from health_cli.core.errors import ConfigError
from health_cli.history.database import load_models
from health_cli.history.place import NothingYet, Place, Project, open_own

WAIT_FOR_TABLES = 5.0  # seconds that another process may take to make the tables


class Record(NamedTuple):
    """The record of a project: its settings, the alias of its database, and its folder on this host."""

    source: Source
    setting: HealthSetting
    alias: str
    place: Place

    @property
    def host(self) -> str:
        """The name under which this host records."""
        return self.setting.HOST or machine()

    @contextmanager
    def connected(self, seconds: float) -> Iterator[Any]:
        """Hold a connection whose server may take that long to answer, at the most."""
        with bounded(self.alias, seconds) as connection:
            yield connection


def open_record(project: Project, place: Place, *, create: bool = False) -> Record:
    """Load the settings and the record's models; ConfigError where there can be no record, with what to do.

    NothingYet without a project, where nothing has been recorded, unless the file is to be created.
    """
    source = locate(*project)
    setting, problems = validate(source.setting)
    if problems:
        raise ConfigError.of([problem.message for problem in problems], hint="'manage.py check' finds them too.")
    if source.name == EMBEDDED:
        if not create and not place.database.exists():
            raise NothingYet("Nothing has been recorded yet.", hint="Record a run: health run --record")
        _own_database(place)
        return Record(source, setting, "default", place)
    load_models()
    alias = setting.RECORD_DATABASE
    if alias not in connections.settings:
        known = ", ".join(connections.settings)
        raise ConfigError(f"RECORD_DATABASE is {alias!r}, and DATABASES has {known}.", hint="Name one of these.")
    return Record(source, setting, alias, place)


def _own_database(place: Place) -> None:
    """Set Django up with a SQLite file of ours and make its tables where they are missing."""
    from django.conf import settings

    if not settings.configured:
        engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(place.database)}
        settings.configure(DATABASES={"default": engine}, USE_TZ=True, TIME_ZONE="UTC", INSTALLED_APPS=["health_cli"])
    load_models()
    newest = _newest_migration()
    place.make()
    os.close(open_own(place.database, os.O_RDWR | os.O_CREAT))
    with bounded("default", WAIT_FOR_TABLES) as connection:
        if _version(connection) == newest:
            return
        with place.locked("tables", WAIT_FOR_TABLES) as ours:
            if ours and _version(connection) != newest:
                _migrate(connection, newest)


def _newest_migration() -> int:
    """Return the number of our newest migration, which is the version of the file."""
    from pathlib import Path

    import health_cli.migrations

    folder = Path(health_cli.migrations.__path__[0])
    return max(int(path.name[:4]) for path in folder.glob("[0-9]*.py"))


def _version(connection: Any) -> int:
    """Return the version of the file, 0 for a new one."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA user_version")
        return int(cursor.fetchone()[0])


def _migrate(connection: Any, version: int) -> None:
    """Make the tables, all in one transaction: Django itself writes down what it did in another one."""
    from django.core.management import call_command
    from django.db import transaction

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    with connection.constraint_checks_disabled(), transaction.atomic(using="default"):
        call_command("migrate", "health_cli", database="default", verbosity=0, skip_checks=True)
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA user_version = {version}")
