"""Whatever step a probe is killed at, its run is in the record exactly once or never was one, and so are all others.

`killer.py` numbers the steps from the first lock to the last notice, in the command and in what it forks. A run is
killed at its first step, another one at its second, and so on until one gets through; each begins in a place of its
own, so that they can be tried side by side. Each is followed by two that nobody kills.

Every step is tried once on SQLite, by killing the process alone and its whole group in turn. `make faults` tries much
more, in `every_fault.py`.
"""

import itertools
import json
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import pytest

from health_cli.history.place import Place
from health_cli.history.spool import SpooledRun
from tests.conftest import SHOP, Shop
from tests.history import killer
from tests.history.channels.servers import Hooks, Request, answers, http
from tests.history.record import migrate

GOOD, BAD = (), ("-c", "host.load/load1=@0:")  # any load at all is critical
LIMIT = "20"  # seconds a run, many times what it takes: the machine may be busy
SIDE_BY_SIDE = 4

Query = Callable[[str], list[tuple[Any, ...]]]


class Tried(NamedTuple):
    """A run that was to be killed: whether it was, the steps it took, and its uuid if it printed its report."""

    killed: bool
    steps: Sequence[str]
    uuid: str


class Commands:
    """Processes that run commands, one for each that may run at the same time."""

    def __init__(self, number: int) -> None:
        self._all = [
            subprocess.Popen(
                [sys.executable, killer.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(number)
        ]
        self._free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for process in self._all:
            self._free.put(process)

    def run(self, **order: Any) -> int:
        """Run one; return its exit code."""
        process = self._free.get()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(f"{json.dumps(order)}\n")
            process.stdin.flush()
            return int(process.stdout.readline())
        finally:
            self._free.put(process)

    def close(self) -> None:
        for process in self._all:
            process.communicate()


class Case(NamedTuple):
    """A shop that is ready to be killed in, and how to ask its database."""

    shop: Shop
    query: Query
    commands: Commands

    @property
    def name(self) -> str:
        return self.shop.state.name

    @property
    def place(self) -> Place:
        return Place(next((self.shop.state / "record").glob("shop.settings-*")))

    def run(self, at: int, kind: str, options: Sequence[str]) -> Tried:
        """Run once, to be killed at that step."""
        log, out, err = (self.shop.state / f"{name}-{uuid.uuid4().hex}" for name in ("steps", "out", "err"))
        code = self.commands.run(
            argv=["run", "host.load", "--record", "-f", "json", "-t", LIMIT, *options,
                  "--settings", "shop.settings", "--chdir", str(SHOP)],
            env={"PATH": "/usr/bin:/bin", **self.shop.env}, out=str(out), err=str(err),
            fault={"log": str(log), "at": at, "kind": kind},
        )  # fmt: skip
        steps = log.read_text().splitlines() if log.exists() else []
        assert code in {0, 2, -signal.SIGKILL}, err.read_text()
        text = out.read_text()
        return Tried(0 < at <= len(steps), steps, json.loads(text)["run"].replace("-", "") if text else "")

    def runs(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return the uuid, the status and the state of all runs in the record, oldest first."""
        rows = self.query("SELECT uuid, status, state FROM health_cli_healthrun ORDER BY started_at")
        return [(str(name).replace("-", ""), status, _json(state)) for name, status, state in rows]


def _json(value: Any) -> Any:
    """Read a column that some databases give as text."""
    return json.loads(value) if isinstance(value, str) else value


def promised(case: Case, tried: Tried, at: int) -> bool:
    """Tell whether a run has to be in the record: its file had its name, or was whole."""
    done = tried.steps[: at - 1] if tried.killed else tried.steps
    renamed = any(" replace " in line and "/spool/." in line for line in done)
    return renamed or any(_is(path, tried.uuid) for path in case.place.spool.glob(".*.tmp"))


def _is(path: Path, name: str) -> bool:
    try:
        return SpooledRun.parse(path.read_text()).uuid.replace("-", "") == name
    except ValueError:
        return False


def proven(case: Case, hooks: Hooks, at: int, kind: str, turns: Sequence[Sequence[str]]) -> bool:
    """Kill a run, have two follow, and look at all there is; False where it was not killed any more."""
    before = case.runs() + [(run.uuid.replace("-", ""), "", {}) for run in _waiting(case.place)]
    tried = case.run(at, kind, turns[0])
    must = {name for name, _, _ in before} | ({tried.uuid} if promised(case, tried, at) else set())
    for options in turns[1:]:
        followed = case.run(0, kind, options)
        assert followed.uuid
        must.add(followed.uuid)
    about = f"killed ({kind}) before step {at}: {tried.steps[at - 1] if tried.killed else 'none'}"
    runs = case.runs()
    names = Counter(name for name, _, _ in runs)
    assert set(names.values()) == {1}, f"{about}: {names}"
    assert must <= set(names) <= must | {tried.uuid}, f"{about}: {must ^ set(names)}"
    _whole(case, about)
    _alerts_agree(case, runs[-1][1], about)
    _told(runs, [request for request in hooks.requests if request.path == f"/{case.name}"], about)
    return tried.killed


def _waiting(place: Place) -> list[SpooledRun]:
    return [SpooledRun.parse(path.read_text()) for path in place.spool.glob("*.json")]


def _whole(case: Case, about: str) -> None:
    """No run is half there, and nothing is left of the files that the killed one was writing."""
    half = case.query(
        "SELECT r.uuid, COUNT(m.id) FROM health_cli_healthrun r LEFT JOIN health_cli_healthmetric m ON m.run_id = r.id "
        "GROUP BY r.uuid"
    )
    assert len({number for _, number in half}) == 1, f"{about}: {half}"
    files = [path.name for path in case.place.folder.rglob("*") if path.parent.name == "spool" or ".tmp" in path.name]
    assert files == [], about
    assert json.loads(case.place.state.read_text())["notices"] == [], about
    assert json.loads(case.place.last.read_text())["report"], about
    assert not case.place.aside.exists(), about


def _alerts_agree(case: Case, last: str, about: str) -> None:
    """The alerts in the record are those of the state, and those that the last run found."""
    opened = [row[0] for row in case.query("SELECT alert_type FROM health_cli_systemalert WHERE NOT resolved")]
    assert opened == (["host.load"] if last == "critical" else []), about
    checks = json.loads(case.place.state.read_text())["checks"]
    assert [name for name, memory in checks.items() if memory["alert"]] == opened, about


def _told(runs: Sequence[tuple[str, str, dict[str, Any]]], requests: Sequence[Request], about: str) -> None:
    """All that the runs had to tell came once or twice, and tells of each alert one opening and one end."""
    notices = [notice for _, _, state in runs for notice in state["notices"]]
    sent = Counter(next(value for name, value in r.headers.items() if name.lower() == "webhook-id") for r in requests)
    told = {notice["id"]: sent[notice["id"]] for notice in notices}
    assert set(told.values()) <= {1, 2}, f"{about}: {told}"
    changes = ["healthy", *(status for _, status, _ in runs)]
    expected = [
        "opened" if now == "critical" else "resolved" for before, now in itertools.pairwise(changes) if now != before
    ]
    assert [turn["what"] for notice in notices for turn in notice["turns"]] == expected, about


class Bench:
    """Makes cases, each a copy of one that is ready."""

    def __init__(self, folder: Path, hooks: Hooks, commands: Commands) -> None:
        self.folder, self.hooks, self.commands = folder, hooks, commands
        self._ready: dict[str, Case] = {}
        self.numbers: Counter[str] = Counter()

    def case(self, name: str, ready: Case | None = None, databases: Any = None, query: Query | None = None) -> Case:
        """Return a case in a folder of its own; a copy, if one is given."""
        state = self.folder / name
        if ready:
            shutil.copytree(ready.shop.state, state)
        state.mkdir(exist_ok=True)
        # At an address of its own: the notices of a backlog have the same ids in all its copies.
        setting = {"NOTIFY": [{"webhook": f"http://127.0.0.1:{self.hooks.port}/{name}"}]}
        case = Case(Shop(state, databases or {}, {}, setting), query or sqlite(state / "db.sqlite3"), self.commands)
        if not ready:
            migrate(case.shop)
            assert case.run(0, "", GOOD).uuid
        return case

    def ready(self, backlog: bool) -> Case:
        """Return a case whose record has one run; with a backlog another was killed once its file had its name."""
        name = f"ready-{backlog}"
        if name not in self._ready:
            case = self.case(name) if not backlog else self.case(name, self.ready(False))
            if backlog:
                case.run(renamed(self.steps(False)) + 1, "group", BAD)
                assert len(_waiting(case.place)) == 1
            self._ready[name] = case
        return self._ready[name]

    def steps(self, backlog: bool, options: Sequence[str] = BAD) -> Sequence[str]:
        """Return the steps of a run that nobody kills."""
        name = f"counted-{uuid.uuid4().hex}"
        return self.case(name, self.ready(backlog)).run(0, "", options).steps

    def every_step(self, backlog: bool, kinds: Sequence[str], turns: Sequence[Sequence[str]]) -> int:
        """Try each step with one of these kinds in turn; return how many runs were killed."""
        ready, steps = self.ready(backlog), len(self.steps(backlog, turns[0]))

        def try_one(at: int) -> bool:
            name = f"{uuid.uuid4().hex}"
            tried = proven(self.case(name, ready), self.hooks, at, kinds[at % len(kinds)], turns)
            shutil.rmtree(self.folder / name)
            return tried

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            killed = sum(pool.map(try_one, range(1, steps + 1)))
        at = steps + 1
        while try_one(at):
            at, killed = at + 1, killed + 1
        print(f"{killed} runs killed at {steps} steps: {kinds}, backlog: {backlog}, {turns}")
        return killed


def renamed(steps: Sequence[str]) -> int:
    """Return the number of the step that names the file in the spool."""
    return next(n for n, line in enumerate(steps, 1) if " replace " in line and "/spool/." in line)


def sqlite(path: Path) -> Query:
    import sqlite3

    def query(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    return query


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    commands = Commands(SIDE_BY_SIDE)
    with http(answers(200)) as hooks:
        yield Bench(tmp_path, hooks, commands)
    commands.close()


def test_a_run_killed_at_any_step_is_recorded_once_or_never_was(bench: Bench) -> None:
    assert bench.every_step(backlog=False, kinds=["group", "alone"], turns=[BAD, GOOD]) >= 50
