"""database:ALIAS on SQLite files, and on engines that are asked through Django."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.database.sqlite import METRICS, takes_writes
from tests.conftest import ShopFactory
from tests.servers import MariaDB


def settings(path: Path | str, **changes: Any) -> dict[str, dict[str, Any]]:
    """Return DATABASES with a SQLite file."""
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), **changes}}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with two tables."""
    path = tmp_path / "shop & co?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
    connection.close()
    return path


def test_measures_a_file(database: Path, shop: ShopFactory) -> None:
    run = shop(settings(database)).json("database")
    values = run.metrics("database:default")
    assert run.code == 0, run.out
    assert values.keys() == {metric.name for metric in METRICS}
    assert values["tables"] == 2
    assert values["database_size"] == database.stat().st_size
    assert None not in values.values()


def test_it_can_grow_until_its_file_system_is_full(database: Path, shop: ShopFactory) -> None:
    check = shop(settings(database)).json("database").checks["database:default"]
    size = next(metric for metric in check["metrics"] if metric["name"] == "database_size")
    whole = size["value"] + shutil.disk_usage(database).free
    assert size["max"] == pytest.approx(whole, rel=0.05), "others write to this disk too"


def test_a_missing_file_is_reported_and_not_created(tmp_path: Path, shop: ShopFactory) -> None:
    run = shop(settings(tmp_path / "none.db")).json("database")
    assert (run.code, run.checks["database:default"]["kind"]) == (2, "missing")
    assert not (tmp_path / "none.db").exists()


def test_something_else_is_no_database(tmp_path: Path, shop: ShopFactory) -> None:
    (tmp_path / "db").write_text("not a database at all, but long enough to be looked at closely" * 20)
    run = shop(settings(tmp_path / "db")).json("database")
    assert run.checks["database:default"]["kind"] == "misconfigured"


def test_a_locked_file_is_a_timeout(database: Path, shop: ShopFactory) -> None:
    holder = sqlite3.connect(database)
    holder.execute("BEGIN EXCLUSIVE")
    run = shop(settings(database)).json("database")
    holder.close()
    check = run.checks["database:default"]
    assert (run.code, check["kind"], check["summary"]) == (2, "timeout", "locked")


def test_a_large_log_is_a_warning(database: Path, shop: ShopFactory) -> None:
    reader = sqlite3.connect(database)
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("INSERT INTO orders (note) VALUES ('x')")
    reader.commit()
    limits = {"database:default/wal_size": {"warning": "1KiB"}}
    run = shop(settings(database), setting={"THRESHOLDS": limits}).json("database")
    reader.close()
    assert run.code == 1
    assert "wal_size is" in run.checks["database:default"]["message"]


def test_memory_is_said_to_be_memory(shop: ShopFactory) -> None:
    run = shop(settings(":memory:")).json("database")
    assert run.code == 0
    assert "in memory" in run.checks["database:default"]["summary"]
    assert set(run.reasons("database:default").values()) == {"a database in memory"}


def test_a_file_that_can_not_be_written_is_read_only(tmp_path: Path) -> None:
    """As another user than root, who may write everything."""
    path = tmp_path / "db"
    path.touch(mode=0o444)
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setuid(65534)
        os._exit(takes_writes(path))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    path.chmod(0o644)
    assert takes_writes(path)


def test_another_engine_is_asked_through_django(mariadb: MariaDB, shop: ShopFactory, tmp_path: Path) -> None:
    engine = tmp_path / "wrapped" / "base.py"
    engine.parent.mkdir()
    (engine.parent / "__init__.py").touch()
    engine.write_text("from django.db.backends.mysql.base import DatabaseWrapper as DatabaseWrapper\n")
    here = ("--pythonpath", str(tmp_path))
    good = shop({"default": mariadb.settings(ENGINE="wrapped")}).json("database", options=here)
    assert good.code == 0, good.out
    assert good.metrics("database:default").keys() == {"connect_time", "query_time"}
    bad = shop({"default": mariadb.settings(ENGINE="wrapped", PASSWORD="wrong-canary-77")}).json(
        "database", options=here
    )
    assert (bad.code, bad.checks["database:default"]["status"]) == (2, "critical")
    assert "canary" not in bad.out
