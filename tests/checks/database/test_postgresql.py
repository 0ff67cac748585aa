"""database:ALIAS on a real PostgreSQL."""

from typing import Any

import pytest

from health_cli.checks.database.postgresql import METRICS
from tests.conftest import ShopFactory
from tests.servers import PostgreSQL, Silent, free_port, wait_until


def test_measures_everything_that_the_plain_account_may_see(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    with postgresql.connect(user="app", dbname="shop") as connection:
        connection.execute("CREATE TABLE orders AS SELECT i, repeat('x', 200) AS note FROM generate_series(1, 900) i")
        run = shop({"default": postgresql.settings()}).json("database")
        connection.execute("DROP TABLE orders")
    values = run.metrics("database:default")
    assert run.code == 0, run.out
    assert run.checks["database:default"]["summary"].startswith("PostgreSQL 1")
    assert values.keys() == {metric.name for metric in METRICS}
    assert run.reasons("database:default") == {"replica_lag": "this server is no replica"}
    assert values["connections_max"] == 17
    assert values["tables"] == 1
    assert values["app_connections"] == values["app_connections_idle"] == 1
    assert values["database_size"] > 1_000_000
    data = run.checks["database:default"]["data"]
    assert data["largest_tables"][0]["name"] == "orders"


def test_says_how_many_connections_it_could_not_look_at(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    with postgresql.connect() as admin, admin.transaction():
        admin.execute("SELECT 1")
        plain = shop({"default": postgresql.settings()}).json("database")
        postgresql.sql("GRANT pg_monitor TO app")
        granted = shop({"default": postgresql.settings()}).json("database")
        postgresql.sql("REVOKE pg_monitor FROM app")
    assert plain.checks["database:default"]["data"]["hidden"] >= 1
    assert plain.metrics("database:default")["idle_in_transaction"] == 0
    assert granted.checks["database:default"]["data"]["hidden"] == 0
    assert granted.metrics("database:default")["idle_in_transaction"] == 1


def test_sees_who_waits_for_a_lock_and_since_when(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    postgresql.sql("GRANT pg_monitor TO app", "CREATE TABLE held (i int)")
    with postgresql.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE held")
        waiter = postgresql.connect()
        waiter.pgconn.send_query(b"SELECT * FROM held")
        locks = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: postgresql.sql(locks)[0][0] == 1, "a lock wait")
        limits = {"lock_waits": {"warning": "~:", "critical": "0"}, "oldest_transaction": {"warning": "0"}}
        setting = {"THRESHOLDS": {f"database:default/{name}": pair for name, pair in limits.items()}}
        run = shop({"default": postgresql.settings()}, setting=setting).json("database")
    waiter.close()
    postgresql.sql("DROP TABLE held", "REVOKE pg_monitor FROM app")
    assert run.code == 2
    assert run.metrics("database:default")["lock_waits"] == 1
    assert "oldest_transaction is" in run.checks["database:default"]["message"]


def test_a_read_only_server_is_critical(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    postgresql.sql("ALTER ROLE app SET default_transaction_read_only = on")
    try:
        run = shop({"default": postgresql.settings()}).json("database")
    finally:
        postgresql.sql("ALTER ROLE app RESET default_transaction_read_only")
    assert (run.code, run.checks["database:default"]["kind"]) == (2, "read-only")


def test_a_replica_that_has_lost_its_primary_is_not_well(
    tmp_path_factory: pytest.TempPathFactory, shop: ShopFactory
) -> None:
    folder = tmp_path_factory.mktemp("standby")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    server = PostgreSQL(folder)
    server.start()
    try:
        server.sql(f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={free_port()} user=x'")
        server.stop()
        (folder / "data" / "standby.signal").touch()
        server.start()
        options = {"OPTIONS": {"database:default": {"replica": True}}}
        run = shop({"default": server.settings()}, setting=options).json("database")
    finally:
        server.stop()
    check = run.checks["database:default"]
    assert (run.code, check["kind"]) == (1, "lagging"), run.out
    assert "streams from no primary" in check["message"]
    assert run.metrics("database:default")["replica_lag"] != 0


def test_a_full_server_is_full(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    crowd = [postgresql.connect(user="app", dbname="shop") for _ in range(17)]
    try:
        run = shop({"default": postgresql.settings()}).json("database")
    finally:
        for connection in crowd:
            connection.close()
    assert (run.code, run.checks["database:default"]["kind"]) == (2, "full"), run.out


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"PASSWORD": "wrong-canary-77"}, "auth"),
        ({"USER": "stranger"}, "auth"),
        ({"NAME": "nowhere"}, "missing"),
        ({"HOST": "no-such-host.invalid"}, "missing"),
        ({"HOST": "/nowhere"}, "refused"),
    ],
    ids=["password", "user", "database", "host", "socket"],
)
def test_tells_failures_apart(postgresql: PostgreSQL, shop: ShopFactory, changes: dict[str, Any], kind: str) -> None:
    run = shop({"default": postgresql.settings(**changes)}).json("database")
    check = run.checks["database:default"]
    assert (run.code, check["status"], check["kind"]) == (2, "critical", kind), run.out
    assert "canary" not in run.out
    assert check["hint"]


def test_a_closed_port_is_refused(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    run = shop({"default": postgresql.settings(PORT=str(free_port()))}).json("database")
    assert run.checks["database:default"]["kind"] == "refused"


def test_a_silent_port_and_a_frozen_server_are_timeouts(postgresql: PostgreSQL, shop: ShopFactory) -> None:
    silent = Silent()
    run = shop({"default": postgresql.settings(PORT=str(silent.port))}).json("database")
    silent.close()
    assert run.checks["database:default"]["kind"] == "timeout"
    postgresql.freeze()
    try:
        frozen = shop({"default": postgresql.settings()}).json("database")
    finally:
        postgresql.thaw()
    assert frozen.checks["database:default"]["kind"] == "timeout"
    assert max(run.seconds, frozen.seconds) < 5.5
