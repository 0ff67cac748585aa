"""Compares the migrations of the code with those of each database. Loaded only when that is asked."""

import time
from typing import Any

from django.db import Error, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from health_cli.checks.answering import words
from health_cli.checks.bounded import bounded
from health_cli.checks.project import load_project
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone
from health_cli.core.measurement import Measurement

DEFAULT = "default"
LEAST = 0.5  # seconds that a database may take at the least


def gather(limit: float) -> Measurement:
    """Return what each database lacks, within so many seconds; Failure where the project can't be loaded."""
    until = time.monotonic() + limit * 0.9
    load_project()
    loader = attempt(lambda: alone(lambda: MigrationLoader(None)))
    if isinstance(loader, Crash):
        raise Failure(
            Kind.MISCONFIGURED, f"The migrations can't be loaded: {loader.name}: {loader.text} (in {loader.place})",
            summary="migrations can't be loaded", hint="See more: manage.py showmigrations",
        )  # fmt: skip
    conflicts = {app: sorted(names) for app, names in loader.detect_conflicts().items()}
    databases = {alias: _database(alias, until) for alias in connections if _is_real(alias)}
    known = [found["unapplied"] for found in databases.values() if "unapplied" in found]
    counts: dict[str, float] = {"conflicts": len(conflicts)}
    missing = {}
    if known:
        counts["unapplied"] = sum(map(len, known))
    else:
        missing["unapplied"] = "no database could be asked"
    return Measurement(values=counts, missing=missing, facts={"databases": databases, "conflicts": conflicts})


def _is_real(alias: str) -> bool:
    return not connections[alias].settings_dict["ENGINE"].endswith(".dummy")


def _database(alias: str, until: float) -> dict[str, Any]:
    """Return what one database lacks, or why that is not known."""
    try:
        with bounded(alias, max(LEAST, until - time.monotonic())) as connection:
            return _compared(connection, alias)
    except (ConfigError, Error) as error:
        return {"unreachable": error.message if isinstance(error, ConfigError) else words(error)}
    except InconsistentMigrationHistory as error:
        return {"inconsistent": str(error)}


def _compared(connection: BaseDatabaseWrapper, alias: str) -> dict[str, Any]:
    executor = MigrationExecutor(connection)
    if alias != DEFAULT and not executor.recorder.has_table():
        return {"never_migrated": True}
    executor.loader.check_consistent_history(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = [(migration.app_label, migration.name) for migration, _ in plan]
    return {"unapplied": [f"{app}.{name}" for app, name in names if router.allow_migrate(alias, app)]}
