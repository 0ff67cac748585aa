"""SQL in CHECKS, on each database: numbers, what is no number, what would write, and what takes too long."""

import os
import time
from decimal import Decimal
from typing import Any

import pytest

from health_cli.checks.sql_client import READ_ONLY
from tests.checks.made import Project
from tests.servers import MariaDB, PostgreSQL

COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
SLOW = {"mysql": "SELECT SLEEP(20)", "postgresql": "SELECT 1 FROM pg_sleep(20)", "sqlite3": COUNTING}


class Asked:
    """A project with a database in which there is a table of three orders."""

    def __init__(self, project: Project, settings: dict[str, Any]) -> None:
        self.project, self.settings = project, settings

    @property
    def engine(self) -> str:
        return str(self.settings["ENGINE"]).rpartition(".")[2]

    def look(self, query: str, **about: Any) -> dict[str, Any]:
        checks = {"CHECKS": {"shop.x": {"SQL": query, **about}}}
        self.project.set(DATABASES={"default": self.settings}, HEALTH_CLI=checks)
        return self.project.look("shop.x")


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    project = Project(tmp_path_factory.mktemp("sql")).set()
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(project.folder / "site.sqlite3")}
    if request.param != "sqlite":
        server: MariaDB | PostgreSQL = request.getfixturevalue(request.param)
        name = f"sql_{os.getpid()}_{time.monotonic_ns()}"
        grant = [f"GRANT ALL ON {name}.* TO app@'127.0.0.1'"] if isinstance(server, MariaDB) else []
        server.sql(f"CREATE DATABASE {name}{'' if grant else ' OWNER app'}", *grant)
        settings = server.settings(NAME=name)
    project.set(DATABASES={"default": settings}, INSTALLED_APPS=["orders"]).write("orders/__init__.py", "")
    project.write("orders/models.py", """
        from django.db import models
        class Order(models.Model):
            amount = models.DecimalField(max_digits=9, decimal_places=2)
            class Meta:
                db_table = "orders"
    """)  # fmt: skip
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    project.manage("shell", "-c", "from orders.models import *; [Order(amount=n).save() for n in (1.25, 2, 3)]")
    return Asked(project, settings)


def test_a_number_is_judged(asked: Asked) -> None:
    found = asked.look("SELECT COUNT(*) FROM orders WHERE 'x' LIKE '%'", unit="orders", warning="2")
    assert (found["status"], found["metrics"]["value"]) == ("warning", 3)
    assert found["message"] == "value is 3 orders (warning above 2 orders)"
    assert 0 < found["metrics"]["query_time"] < 2
    found = asked.look("SELECT SUM(amount) FROM orders")
    assert (found["status"], Decimal(str(found["metrics"]["value"]))) == ("healthy", Decimal("6.25"))


@pytest.mark.parametrize(
    ("query", "why"),
    [("SELECT NULL", "gives NULL"), ("SELECT amount FROM orders WHERE amount > 9", "gives no row"),
     ("SELECT amount FROM orders", "gives several rows"), ("SELECT 1, 2", "gives 2 columns"),
     ("SELECT 'many'", "gives no number: str is not a number")],
)  # fmt: skip
def test_what_is_no_number_is_unknown(asked: Asked, query: str, why: str) -> None:
    found = asked.look(query, critical="5")
    assert (found["status"], found["metrics"]["value"]) == ("unknown", None)
    assert f"The query {why}" in found["message"]


@pytest.mark.parametrize("query", ["DELETE FROM orders", "UPDATE orders SET amount = 0", "CREATE TABLE mine (x INT)"])
def test_what_would_write_is_refused(asked: Asked, query: str) -> None:
    found = asked.look(query)
    assert (found["status"], found["summary"]) == ("unknown", "query writes"), found
    assert asked.look("SELECT SUM(amount) FROM orders")["metrics"]["value"] == 6.25


def test_a_query_that_is_none_says_so(asked: Asked) -> None:
    found = asked.look("SELECT COUNT(*) FROM no_such_table")
    assert (found["status"], "no_such_table" in found["message"]) == ("unknown", True)


def test_one_that_takes_too_long_is_ended_on_the_server(asked: Asked, request: pytest.FixtureRequest) -> None:
    began = time.monotonic()
    found = asked.look(SLOW[asked.engine], timeout=2.0)
    assert (found["status"], found["kind"], "The query did not end within 1 s" in found["message"]) == (
        "critical", "timeout", True
    ), found  # fmt: skip
    assert time.monotonic() - began < 4
    if asked.engine == "mysql":
        server: MariaDB = request.getfixturevalue("mariadb")
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
            assert cursor.fetchone()[0] == 0


def test_a_server_that_is_down_is_no_fault_of_the_query(project: Project) -> None:
    down = {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": 1}
    found = Asked(project, down).look("SELECT 1")
    assert (found["status"], found["hint"]) == ("unknown", "See more: health run database:default")


@pytest.mark.parametrize("query", ["COMMIT; DELETE FROM orders", "SELECT 1; SELECT 2"])
def test_several_statements_are_refused(asked: Asked, query: str) -> None:
    found = asked.look(query)
    assert (found["status"], found["message"]) == ("unknown", "The query has several statements.")
    assert asked.look("SELECT COUNT(*) FROM orders WHERE 'a;b' = 'a''b' ; ")["metrics"]["value"] == 0


def test_postgresql_is_told_nothing_that_outlasts_the_transaction() -> None:
    """Behind PgBouncer the session goes on to the application, which could not write any more."""
    assert READ_ONLY["postgresql"] == ("BEGIN READ ONLY",)
