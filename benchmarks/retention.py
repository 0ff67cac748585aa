"""What retention costs: `python -m benchmarks.retention [ROWS]` fills a MariaDB of its own and prunes it.

Five million metrics by default, of one run a minute with a hundred metrics each. First all of them are condensed,
then half of the runs are too old, then nothing is left to do; each by calls of a second, as recording runs do. It
prints the longest statements, the time of it all, and the rows per second. It takes some minutes, and 5 GB in the
folder for temporary files.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers import MariaDB

ROWS = 5_000_000
METRICS, MINUTE, DAY = 100, 60, 86_400
NOW = 1_800_000_000  # the time of the newest run, in seconds since the epoch
REPORT = 20_000  # bytes of a run's report
BUDGET = 1.0  # seconds of one call
LIMIT = 0.2  # seconds that a statement may take


def set_up(database: dict[str, Any]) -> None:
    """Set Django up with this database, and create the tables."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=["health_cli"], SECRET_KEY="none", USE_TZ=True)
    django.setup()
    call_command("migrate", verbosity=0)


def fill(execute: Callable[[str], Any], rows: int) -> None:
    """Write runs up to NOW, and their metrics, each as a run writes its own: one after the other."""
    runs = rows // METRICS
    execute("SET SESSION unique_checks = 0")
    execute(
        "INSERT INTO health_cli_healthrun"
        " (uuid, host, started_at, duration, status, `trigger`, project, complete, report, state, `condensed`)"
        f" SELECT REPLACE(UUID(), '-', ''), 'web1', FROM_UNIXTIME({NOW} - ({runs} - seq) * {MINUTE}), 1, 'healthy',"
        f" 'command', 'bench', 1, JSON_OBJECT('text', REPEAT('x', {REPORT})), '{{}}', 0 FROM seq_1_to_{runs}"
    )
    for first in range(1, runs + 1, 2000):
        execute(
            "INSERT INTO health_cli_healthmetric"
            " (host, check_name, metric_name, unit, status, metric_value, value, timestamp, run_id)"
            " SELECT host, CONCAT('subsystem.check:', seq DIV 5), CONCAT('metric', seq MOD 5), 's',"
            ' IF(RAND() < 0.01, \'warning\', \'healthy\'), \'{"value": 1, "warning": "10", "critical": "20"}\','
            " RAND() * 20, started_at, r.id"
            f" FROM health_cli_healthrun r JOIN seq_1_to_{METRICS}"
            f" WHERE r.id BETWEEN {first} AND {first + 1999} ORDER BY r.id, seq"
        )


@contextmanager
def watched(times: list[tuple[float, str]]) -> Iterator[None]:
    """Note how long each statement takes, on all connections."""
    from django.db.backends.utils import CursorWrapper

    real = CursorWrapper._execute_with_wrappers

    def execute(self: Any, sql: str, params: Any, many: bool, executor: Any) -> Any:
        began = time.monotonic()
        try:
            return real(self, sql, params, many, executor)
        finally:
            times.append((time.monotonic() - began, sql))

    CursorWrapper._execute_with_wrappers = execute
    try:
        yield
    finally:
        CursorWrapper._execute_with_wrappers = real


def prune_all(days: float) -> None:
    """Prune as recording runs do, call by call, and print what it took."""
    from health_cli.checks.bounded import bounded
    from health_cli.history.retention import prune

    total: Counter[str] = Counter()
    times: list[tuple[float, str]] = []
    calls: list[float] = []
    finished = False
    began = time.monotonic()
    with watched(times):
        while not finished:
            start = time.monotonic()
            with bounded("default", 10):
                done = prune("default", now=NOW, keep_days=days, keep_hourly_days=400, until=start + BUDGET)
            calls.append(time.monotonic() - start)
            finished = done.finished
            total.update({name: number for name, number in done._asdict().items() if name != "finished"})
    seconds = time.monotonic() - began
    print(f"  {seconds:.1f} s in {len(calls)} calls of {BUDGET:g} s, the longest {max(calls):.2f} s; {dict(total)}")
    print(f"  {total['metrics'] / seconds:,.0f} metrics deleted a second; {len(times)} statements")
    slow = sum(taken > LIMIT for taken, _ in times)
    print(f"  longest statement {max(times)[0]:.3f} s; {slow} of them over {LIMIT:g} s; the longest of each kind:")
    kinds: dict[str, float] = {}
    for taken, sql in times:
        kind = " ".join(word for word in sql.replace("`", "").split()[:24] if word.isupper() or "health_cli" in word)
        kinds[kind[:60]] = max(taken, kinds.get(kind[:60], 0))
    for kind, taken in sorted(kinds.items(), key=lambda item: -item[1])[:8]:
        print(f"    {taken:.3f} s  {kind}")


def main(rows: int) -> None:
    """Fill, condense what is there, and delete half of it."""
    with TemporaryDirectory() as folder:
        # The buffer is the default one. The folder is its own: a server that starts deletes the temporary tables of
        # all others in the usual one.
        options = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M", f"--tmpdir={folder}")
        mariadb = MariaDB(Path(folder, "mariadb"), *options).start()
        try:
            set_up(mariadb.settings())
            connection = mariadb.connect(unix_socket=mariadb.socket, user="root", database="shop")
            began = time.monotonic()
            fill(connection.cursor().execute, rows)
            print(f"filled with {rows:,} metrics in {time.monotonic() - began:.0f} s")
            print("nothing is condensed yet, and nothing too old:")
            prune_all(36_500)
            print("half of the runs are too old:")
            prune_all(rows / METRICS * MINUTE / DAY / 2)
            print("nothing is left to do:")
            prune_all(rows / METRICS * MINUTE / DAY / 2)
            connection.close()
        finally:
            mariadb.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else ROWS)
