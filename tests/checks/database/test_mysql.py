"""database:ALIAS on a real MariaDB."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from health_cli.checks.database.mysql import METRICS
from tests.conftest import ShopFactory
from tests.servers import MariaDB, wait_until


@pytest.fixture
def table(mariadb: MariaDB) -> Iterator[MariaDB]:
    """The server with a table of some size."""
    mariadb.sql(
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(200))",
        "INSERT INTO shop.orders WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " SELECT i, REPEAT('x', 200) FROM n",
        "ANALYZE TABLE shop.orders",
    )
    yield mariadb
    mariadb.sql("DROP TABLE shop.orders")


def test_measures_everything_that_the_plain_account_may_see(table: MariaDB, shop: ShopFactory) -> None:
    run = shop({"default": table.settings()}).json("database")
    values, reasons = run.metrics("database:default"), run.reasons("database:default")
    assert run.code == 0, run.out
    assert run.checks["database:default"]["summary"].startswith("MariaDB 10.")
    assert values.keys() == {metric.name for metric in METRICS}
    assert values["tables"] >= 1  # others use the database too
    assert values["database_size"] >= 900 * 200
    assert values["connections_max"] == 151
    assert 0 < values["connect_time"] < 2 and 0 < values["query_time"] < 1
    assert values["connections_free"] == values["connections_max"] - values["connections"]
    assert abs(values["clock_offset"]) < 2
    assert reasons == {
        "oldest_transaction": "needs GRANT PROCESS ON *.* TO 'app'@'127.0.0.1'",
        "transactions": "needs GRANT PROCESS ON *.* TO 'app'@'127.0.0.1'",
        "replica_lag": "needs GRANT SLAVE MONITOR ON *.* TO 'app'@'127.0.0.1'",
    }
    data = run.checks["database:default"]["data"]
    assert data["largest_tables"][0]["name"] == "orders"
    assert data["size_method"] == "estimated"
    assert data["pool"] == "none"


@pytest.fixture
def granted(mariadb: MariaDB) -> Iterator[MariaDB]:
    """The server with the grants that the manual page names."""
    mariadb.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO app@'127.0.0.1'")
    yield mariadb
    mariadb.sql("REVOKE PROCESS, SLAVE MONITOR ON *.* FROM app@'127.0.0.1'")


def test_the_grants_of_the_manual_page_suffice(granted: MariaDB, table: MariaDB, shop: ShopFactory) -> None:
    holder = table.as_app()
    holder.autocommit(False)
    holder.cursor().execute("UPDATE shop.orders SET note = 'held' WHERE id = 1")
    try:
        run = shop({"default": table.settings()}).json("database")
    finally:
        holder.close()
    assert run.reasons("database:default") == {"replica_lag": "this server is no replica"}
    assert run.metrics("database:default")["transactions"] == 1
    assert run.metrics("database:default")["app_connections"] == 1
    assert run.checks["database:default"]["data"]["size_method"] == "on disk"


def test_sees_who_waits_for_a_lock(granted: MariaDB, table: MariaDB, shop: ShopFactory) -> None:
    holder, waiter = table.as_app(), table.as_app()
    holder.autocommit(False)
    holder.cursor().execute("UPDATE shop.orders SET note = 'held' WHERE id = 1")
    thread = threading.Thread(
        target=waiter.cursor().execute, args=("UPDATE shop.orders SET note = 'wanted' WHERE id = 1",)
    )
    thread.start()
    waiting = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
    try:
        wait_until(lambda: table.sql(waiting)[0][1] == "1", "a lock wait")
        setting = {"THRESHOLDS": {"database:default/lock_waits": {"warning": "~:", "critical": "0"}}}
        run = shop({"default": table.settings()}, setting=setting).json("database")
    finally:
        holder.rollback()
        thread.join()
        holder.close()
        waiter.close()
    assert run.code == 2
    assert run.metrics("database:default")["lock_waits"] == 1
    assert run.checks["database:default"]["kind"] == "threshold"
    assert "lock_waits is 1" in run.checks["database:default"]["message"]


def test_a_full_server_is_seen_before_it_refuses(mariadb: MariaDB, shop: ShopFactory) -> None:
    mariadb.sql("SET GLOBAL max_connections = 12")
    crowd = [mariadb.as_app() for _ in range(9)]
    try:
        wait_until(lambda: int(mariadb.sql("SHOW STATUS LIKE 'Threads_connected'")[0][1]) >= 10, "ten connections")
        run = shop({"default": mariadb.settings()}).json("database")
    finally:
        for connection in crowd:
            connection.close()
        mariadb.sql("SET GLOBAL max_connections = 151")
    check = run.checks["database:default"]
    assert (run.code, check["status"]) == (2, "critical")
    assert "connections_free is 2 (critical below 3" in check["message"]
    assert run.metrics("database:default")["app_connections_idle"] == 9


def test_a_read_only_server_is_critical_unless_it_is_meant_to_be(mariadb: MariaDB, shop: ShopFactory) -> None:
    mariadb.sql("SET GLOBAL read_only = 1")
    try:
        writer = shop({"default": mariadb.settings()}).json("database")
        options = {"OPTIONS": {"database:default": {"replica": True}}}
        reader = shop({"default": mariadb.settings()}, setting=options).json("database")
    finally:
        mariadb.sql("SET GLOBAL read_only = 0")
    assert (writer.code, writer.checks["database:default"]["kind"]) == (2, "read-only")
    assert reader.code == 0


def test_a_replica_that_can_not_follow_is_named_with_its_error(granted: MariaDB, shop: ShopFactory) -> None:
    granted.sql(
        "CHANGE MASTER 'north' TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='nobody'",
        "START SLAVE 'north'",
    )
    try:
        wait_until(lambda: granted.sql("SHOW ALL SLAVES STATUS")[0][0] == "north", "a channel")
        run = shop({"default": granted.settings()}).json("database")
    finally:
        granted.sql("STOP SLAVE 'north'", "RESET SLAVE 'north' ALL")
    check = run.checks["database:default"]
    assert (run.code, check["kind"]) == (2, "lagging"), run.out
    assert "Replication 'north' does not run" in check["message"]
    assert run.reasons("database:default")["replica_lag"] == "replication stopped"


def test_a_persistent_connection_that_outlives_wait_timeout_is_advised_against(
    mariadb: MariaDB, shop: ShopFactory
) -> None:
    data = _data(mariadb, shop, CONN_MAX_AGE=None)
    assert data["pool"] == "persistent"
    assert "wait_timeout (28800 s)" in data["advice"][0]
    assert "advice" not in _data(mariadb, shop, CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=True)


def _data(mariadb: MariaDB, shop: ShopFactory, **changes: Any) -> dict[str, Any]:
    run = shop({"default": mariadb.settings(**changes)}).json("database")
    data: dict[str, Any] = run.checks["database:default"]["data"]
    return data


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"PASSWORD": "wrong-canary-77"}, "auth", "login refused"),
        ({"NAME": "nowhere"}, "auth", "no right on this database"),
        ({"HOST": "no-such-host.invalid"}, "missing", "host name not found"),
        ({"HOST": "localhost", "OPTIONS": {"unix_socket": "/nowhere/s"}}, "refused", "refused"),
    ],
    ids=["password", "database", "host", "socket"],
)
def test_tells_failures_apart(
    mariadb: MariaDB, shop: ShopFactory, changes: dict[str, Any], kind: str, words: str
) -> None:
    run = shop({"default": mariadb.settings(**changes)}).json("database")
    check = run.checks["database:default"]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", kind), run.out
    assert words in check["summary"]
    assert check["hint"]


def test_a_missing_database_is_missing_for_an_account_that_might_see_it(mariadb: MariaDB, shop: ShopFactory) -> None:
    mariadb.sql("GRANT SELECT ON *.* TO app@'127.0.0.1'")
    try:
        run = shop({"default": mariadb.settings(NAME="nowhere")}).json("database")
    finally:
        mariadb.sql("REVOKE SELECT ON *.* FROM app@'127.0.0.1'")
    assert run.checks["database:default"]["kind"] == "missing"


def test_no_connection_is_left_behind(mariadb: MariaDB, shop: ShopFactory) -> None:
    project = shop({"default": mariadb.settings()})
    for _ in range(3):
        assert project.json("database").code == 0
    count = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'"
    wait_until(lambda: mariadb.sql(count)[0][0] == 0, "no connection of the application's", limit=5)
