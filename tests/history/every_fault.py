"""The faults of test_faults.py, many more of them: `make faults`, or `make faults ROUNDS=20`. It takes long.

A round kills at every step in each of twelve ways on SQLite: the process alone or its whole group, on a clean record or
behind a run that was killed itself and waits, followed by good and bad runs. On MariaDB and PostgreSQL it kills at each
step of loading.
"""

import os
import shutil
import uuid
from collections.abc import Sequence

import pytest

from tests.history.test_faults import BAD, GOOD, Bench, Case, bench, proven
from tests.servers import MariaDB, PostgreSQL

ROUNDS = range(int(os.environ.get("ROUNDS", "1")))

__all__ = ["bench"]
pytestmark = pytest.mark.parametrize("turn", ROUNDS)


@pytest.mark.parametrize("following", [(GOOD, GOOD), (BAD, GOOD), (GOOD, BAD)], ids=["good", "bad", "good, bad"])
@pytest.mark.parametrize("backlog", [False, True], ids=["clean", "backlog"])
@pytest.mark.parametrize("kind", ["alone", "group"])
def test_every_step_on_sqlite(
    bench: Bench, turn: int, kind: str, backlog: bool, following: tuple[Sequence[str], ...]
) -> None:
    assert bench.every_step(backlog, [kind], [GOOD if backlog else BAD, *following]) >= 50


@pytest.mark.parametrize("kind", ["alone", "group"])
def test_every_step_of_loading_into_mariadb(bench: Bench, mariadb: MariaDB, turn: int, kind: str) -> None:
    name = f"record_{uuid.uuid4().hex[:8]}"
    mariadb.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
    try:
        case = bench.case(
            name,
            databases={"default": mariadb.settings(NAME=name)},
            query=lambda sql: mariadb.sql(f"USE {name}", sql),
        )
        assert killed_while_loading(bench, case, kind) >= 20
    finally:
        mariadb.sql(f"DROP DATABASE {name}")


@pytest.mark.parametrize("kind", ["alone", "group"])
def test_every_step_of_loading_into_postgresql(bench: Bench, postgresql: PostgreSQL, turn: int, kind: str) -> None:
    name = f"record_{uuid.uuid4().hex[:8]}"
    postgresql.sql(f"CREATE DATABASE {name} OWNER app")
    try:
        case = bench.case(
            name,
            databases={"default": postgresql.settings(NAME=name)},
            query=lambda sql: postgresql.sql(sql, database=name),
        )
        assert killed_while_loading(bench, case, kind) >= 20
    finally:
        postgresql.sql(f"DROP DATABASE {name} WITH (FORCE)")


def killed_while_loading(bench: Bench, case: Case, kind: str) -> int:
    """Kill at each step from the first process in the back on; return how many runs were killed."""
    killed, at = 0, 1 + next(n for n, line in enumerate(case.run(0, "", GOOD).steps, 1) if " fork " in line)
    while proven(empty(case), bench.hooks, at, kind, [BAD, GOOD, GOOD]):
        at, killed = at + 1, killed + 1
    return killed


def empty(case: Case) -> Case:
    """Take all there is out of the record and out of its folder, but a good run."""
    shutil.rmtree(case.shop.state / "record")
    for table in ("healthmetric", "healthrun", "systemalert"):
        case.query(f"DELETE FROM health_cli_{table}")
    assert case.run(0, "", GOOD).uuid
    return case
