"""Reading a series out of the record: on every database, in order, whole, by the index, in few queries."""

import json
import re
from typing import Any

import pytest

from tests.conftest import Shop, ShopFactory
from tests.history.record import batch, emptied, fill, migrate, run_in
from tests.servers import MariaDB, PostgreSQL

HOUR = 3_600
T0 = 1_700_000_000 // HOUR * HOUR
NAME = "database:default/query_time"

INDEXES = ("health_metric_series", "health_hour_series", "sqlite_autoindex_health_cli_healthhour_1")

_READ = """
import json, sys
from django.db import connections
from django.test.utils import CaptureQueriesContext
from health_cli.history.reading import Reader, Series
given = json.load(sys.stdin)
reader = Reader("default")
with CaptureQueriesContext(connections["default"]) as asked:
    rows = list(reader.rows(Series(*given["series"]), given["since"], given["until"], page=given["page"]))
print(json.dumps({"rows": rows, "queries": [query["sql"] for query in asked]}))
"""
_EXPLAIN = """
import json, sys
from django.db import connections
given = json.load(sys.stdin)
with connections["default"].cursor() as cursor:
    for table in ("health_cli_healthmetric", "health_cli_healthhour"):
        cursor.execute(f"ANALYZE TABLE {table}" if connections["default"].vendor == "mysql" else f"ANALYZE {table}")
    plans = []
    for query in given:
        cursor.execute(("EXPLAIN QUERY PLAN " if connections["default"].vendor == "sqlite" else "EXPLAIN ") + query)
        names = [column[0] for column in cursor.description]
        plans.append([dict(zip(names, row)) for row in cursor.fetchall()])
print(json.dumps(plans, default=str))
"""
_ASK = """
import json, sys
from health_cli.history.reading import Reader
reader = Reader("default")
host = "web1"
print(json.dumps({"hosts": reader.hosts(), "names": reader.names(host), "other": reader.names("nobody"),
    "found": [reader.find(host, name) for name in json.load(sys.stdin)],
    "latest": reader.latest(reader.find(host, "host.disk:/var"))}))
"""


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The example project with the record's tables, on each database."""
    databases = {}
    if request.param != "sqlite":
        server: MariaDB | PostgreSQL = request.getfixturevalue(request.param)
        databases = {"default": server.settings()}
    return migrate(ShopFactory(tmp_path_factory.mktemp("tables"))(databases))


@pytest.fixture
def project(tables: Shop) -> Shop:
    """The same, and the tables are empty."""
    return emptied(tables)


def read(project: Shop, since: float, until: float, *, host: str = "web1", page: int = 1000) -> dict[str, Any]:
    check, _, metric = NAME.rpartition("/")
    given = {"series": [host, check, metric], "since": since, "until": until, "page": page}
    found: dict[str, Any] = run_in(project, _READ, json.dumps(given))
    return found


def test_hours_come_where_runs_are_no_more(project: Shop) -> None:
    hours = [(T0 + i * HOUR, float(i), i + 0.5, i + 1.0, 60) for i in range(10)]
    runs = [(T0 + 5 * HOUR + i * 600, None if i == 3 else 100.0 + i) for i in range(30)]
    fill(
        project,
        batch(NAME, runs, hours=hours, unit="s"),
        batch(NAME, [(T0, 7.0)], host="web2"),
        batch("database:default/other", [(T0, 8.0)]),
    )
    rows = read(project, T0 + 2 * HOUR, T0 + 9 * HOUR)["rows"]
    assert rows[:3] == [[T0 + i * HOUR, i + 0.5, i, i + 1, 60, "healthy", True] for i in (2, 3, 4)]
    assert [row[0] for row in rows[3:]] == [T0 + 5 * HOUR + i * 600 for i in range(25)]
    assert rows[3] == [T0 + 5 * HOUR, 100, 100, 100, 1, "healthy", False]
    assert rows[6][1:5] == [None, None, None, 0]
    assert [row[1] for row in read(project, T0, T0 + HOUR)["rows"]] == [0.5, 1.5]
    assert read(project, T0 + 10 * HOUR, T0 + 11 * HOUR)["rows"] == []
    assert [row[1] for row in read(project, T0, T0 + 9 * HOUR, host="web2")["rows"]] == [7]


def test_pages_lose_and_repeat_nothing(project: Shop) -> None:
    times = [T0 + i // 3 for i in range(50)]  # three rows at each moment: pages end in the middle of one
    fill(project, batch(NAME, [(time, float(i)) for i, time in enumerate(times)]))
    for page in (1, 2, 7, 50, 51):
        found = read(project, T0, T0 + HOUR, page=page)
        assert [row[1] for row in found["rows"]] == list(range(50))
        assert len(found["queries"]) <= 50 // page + 20


def test_every_query_goes_by_the_index(project: Shop) -> None:
    hours = [(T0 + i * HOUR, 1.0, 1.0, 1.0, 60) for i in range(500)]
    others = [
        batch(f"database:default/m{i}", [(T0 + 400 * HOUR + j * 60, 1.0) for j in range(1500)], hours=hours)
        for i in range(5)
    ]
    fill(project, *others, batch(NAME, [(T0 + 400 * HOUR + j * 60, 1.0) for j in range(1500)], hours=hours))
    queries = read(project, T0, T0 + 500 * HOUR, page=100)["queries"]
    assert len(queries) < 40
    plans = run_in(project, _EXPLAIN, json.dumps(queries))
    texts = [json.dumps(plan) for plan in plans]
    assert not [text for text in texts if re.search(r'Seq Scan|SCAN|"ALL"|filesort|TEMP B-TREE', text)]
    # where a server expects next to nothing, the index of the time alone will do
    assert sum(any(index in text for index in INDEXES) for text in texts) > len(texts) / 2


def test_names_are_found_without_reading_every_row(project: Shop) -> None:
    fill(
        project,
        batch("host.disk:/var/used_percent", [(T0, 1.0)], unit="%", max=100),
        batch("host.disk:/var/duration", [(T0, 1.0), (T0 + 1, 2.0)], unit="s", warning="5"),
        batch("database:default/duration", [(T0, 1.0)]),
        batch("old.check/value", hours=[(T0, 1.0, 1.0, 1.0, 1)]),
        batch("host.load/load1", [(T0, 1.0)], host="web2"),
    )
    names = ["host.disk:/var", "host.disk:/var/used_percent", "old.check/value", "host.load/load1", "nothing"]
    found = run_in(project, _ASK, json.dumps(names))
    assert found["hosts"] == ["web1", "web2"]
    assert found["names"] == [
        "database:default/duration",
        "host.disk:/var/duration",
        "host.disk:/var/used_percent",
        "old.check/value",
    ]
    assert found["other"] == []
    assert found["found"] == [
        ["web1", "host.disk:/var", "duration"],
        ["web1", "host.disk:/var", "used_percent"],
        ["web1", "old.check", "value"],
        None,
        None,
    ]
    assert found["latest"] == [T0 + 1, "s", {"warning": "5"}]
