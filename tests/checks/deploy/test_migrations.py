"""deploy.migrations, on each database: what is not applied, what conflicts, and what can't be asked."""

import os
from typing import Any

import pytest

from tests.checks.made import FIT, Project, migration
from tests.servers import MariaDB, PostgreSQL


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def on(request: pytest.FixtureRequest, stock: Project) -> Project:
    """The project on each database."""
    if request.param != "sqlite":
        server: MariaDB | PostgreSQL = request.getfixturevalue(request.param)
        name = f"deploy_{os.getpid()}_{abs(hash(request.node.name)) % 10**6}"
        grant = [f"GRANT ALL ON {name}.* TO app@'127.0.0.1'"] if isinstance(server, MariaDB) else []
        server.sql(f"CREATE DATABASE {name}{'' if grant else ' OWNER app'}", *grant)
        stock.set(INSTALLED_APPS=["health_cli", "stock"], DATABASES={"default": server.settings(NAME=name)})
    return stock


def test_what_is_not_applied_is_named(on: Project) -> None:
    on.manage("migrate", "--verbosity", "0", "stock", "0001")
    on.manage("migrate", "--verbosity", "0", "health_cli")
    found = on.look("deploy.migrations")
    assert (found["status"], found["metrics"]) == ("warning", {"unapplied": 1, "conflicts": 0})
    assert "'default' lacks stock.0002_more" in found["message"]
    assert found["data"]["databases"] == {"default": {"unapplied": ["stock.0002_more"]}}
    assert "manage.py migrate" in found["hint"]
    on.manage("migrate", "--verbosity", "0")
    found = on.look("deploy.migrations")
    assert (found["status"], found["summary"]) == ("healthy", "all applied in 1 database")


def test_a_fresh_database_lacks_all(on: Project) -> None:
    if "sqlite3" in on.folder.joinpath("site_settings.py").read_text():
        on.folder.joinpath("site.sqlite3").touch()
    found = on.look("deploy.migrations")
    assert found["status"] == "warning" and found["metrics"]["unapplied"] >= 2
    assert "more" in found["message"]


def test_migrations_that_conflict_are_critical(stock: Project) -> None:
    stock.manage("migrate", "--verbosity", "0")
    migration(stock, "0002_other", ["0001_initial"])
    found = stock.look("deploy.migrations")
    assert (found["status"], found["metrics"]["conflicts"]) == ("critical", 1)
    assert found["data"]["conflicts"] == {"stock": ["0002_more", "0002_other"]}
    assert "makemigrations --merge" in found["hint"]


def test_a_history_that_makes_no_sense_is_critical(stock: Project) -> None:
    stock.manage("migrate", "--verbosity", "0")
    migration(stock, "0002_more", ["0003_last"])
    migration(stock, "0003_last", ["0001_initial"])
    found = stock.look("deploy.migrations")
    assert (found["status"], found["summary"]) == ("critical", "default: inconsistent history")
    assert "0002_more is applied before its dependency" in found["message"]


def test_other_databases_count_as_far_as_the_routers_say(stock: Project) -> None:
    databases: dict[str, Any] = {
        name: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{name}.sqlite3"} for name in ("default", "own", "old")
    }
    stock.write(
        "routing.py",
        """
        class Router:
            def allow_migrate(self, db, app_label, **hints):
                return app_label == "stock" if db == "own" else None
        """,
    )
    apps = ["health_cli", "stock"]
    stock.set(INSTALLED_APPS=apps, DATABASES=databases, DATABASE_ROUTERS=["routing.Router"])
    stock.manage("migrate", "--verbosity", "0")
    stock.manage("migrate", "--verbosity", "0", "--database", "own", "stock", "0001")
    stock.folder.joinpath("old.sqlite3").touch()
    found = stock.look("deploy.migrations")
    assert found["data"]["databases"] == {
        "default": {"unapplied": []}, "own": {"unapplied": ["stock.0002_more"]}, "old": {"never_migrated": True}
    }  # fmt: skip
    assert found["metrics"]["unapplied"] == 1


def test_a_database_that_can_not_be_asked_is_unknown(stock: Project) -> None:
    down = {**FIT["DATABASES"], "down": {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": 1}}
    stock.set(INSTALLED_APPS=["health_cli", "stock"], DATABASES=down)
    stock.manage("migrate", "--verbosity", "0")
    found = stock.look("deploy.migrations")
    assert (found["status"], found["summary"]) == ("unknown", "down can't be asked")
    assert found["data"]["databases"]["default"] == {"unapplied": []}


def test_with_its_database_down_it_is_blocked(stock: Project) -> None:
    down = {"default": {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": 1}}
    stock.set(INSTALLED_APPS=["health_cli", "stock"], DATABASES=down)
    run = stock.health("run", "database", "deploy.migrations", "-f", "json")
    assert run.checks["deploy.migrations"]["blocked_by"] == "database:default"


def test_migrations_that_can_not_be_loaded_are_told(stock: Project) -> None:
    found = migration(stock, "0003_last", ["0009_lost"]).look("deploy.migrations")
    assert (found["status"], found["summary"]) == ("critical", "migrations can't be loaded")
    assert "0009_lost" in found["message"]


def test_a_frozen_database_is_no_hang(stock: Project, mariadb: MariaDB) -> None:
    mariadb.sql("CREATE DATABASE IF NOT EXISTS frozen", "GRANT ALL ON frozen.* TO app@'127.0.0.1'")
    stock.set(INSTALLED_APPS=["health_cli", "stock"], DATABASES={"default": mariadb.settings(NAME="frozen")})
    stock.manage("migrate", "--verbosity", "0")
    mariadb.freeze()
    try:
        run = stock.health("run", "deploy.migrations", "-f", "json")
    finally:
        mariadb.thaw()
    assert run.seconds < 6.5 and run.checks["deploy.migrations"]["status"] in {"unknown", "critical"}
