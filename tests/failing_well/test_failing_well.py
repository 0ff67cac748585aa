"""Every case in every format, for a person with -vv: the verdict, the words, the time, and nothing leaked or left."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, health
from tests.failing_well.canaries import leaks
from tests.failing_well.cases import CASES, CODES, Case
from tests.failing_well.project import Project, on_stack
from tests.failing_well.stack import Stack
from tests.formatters import nagios_grammar
from tests.formatters.test_json import problems
from tests.servers import wait_until

QUIET, LOUD = (), ("-vv",)
# As it is called for each reader: a monitor asks for no more than it needs, a person who looks for a cause for all.
WAYS = [("json", QUIET), ("nagios", QUIET), ("table", LOUD)]
# Where -vv shows more than it always does, and without it a traceback may come through.
ALL_WAYS = [(form, loud) for form in ("table", "json", "nagios") for loud in (QUIET, LOUD)]
STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
TRACES = ("Traceback", 'File "')
Way = tuple[str, tuple[str, ...]]
Runs = Mapping[Way, Run]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Servers of this module's own, to be stopped, frozen and filled."""
    servers = Stack(tmp_path_factory.mktemp("stack"))
    wanted = {getattr(item, "callspec", item).__dict__.get("params", {}).get("name") for item in request.session.items}
    try:
        if any("rabbitmq" in CASES[name].needs for name in wanted & CASES.keys()):
            servers.launch("rabbitmq")  # which takes eight seconds, while other cases go on
        yield servers
    finally:
        servers.stop()


@pytest.mark.parametrize("name", CASES)
def test_fails_well(stack: Stack, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    for server in case.needs:
        assert stack[server], "is running"
    project = case.change(on_stack(tmp_path / "project", stack, case.needs), stack)
    project.write()
    stack.note(case.needs)
    with case.trouble(stack):
        runs, start = call(project, ALL_WAYS if case.alone or case.kind == "crashed" else WAYS)
    for (form, loud), run in runs.items():
        assert run.code == CODES[case.worst], (form, loud, run.out, run.err)
        assert run.err == "", (form, loud)
        assert leaks(run.out) == set(), (form, loud, run.out)
        assert loud or not any(trace in run.out for trace in TRACES), (form, run.out)
        deadline = float(project.deadline.partition(":")[0])
        assert run.seconds < deadline + 0.3 + start, (form, loud, "Python's own start is allowed for")
    tally = tally_of(judge_json(runs["json", QUIET], case, project))
    for (form, _), run in runs.items():
        if form == "table":
            judge_table(run, case, tally)
        elif form == "nagios":
            judge_nagios(run, case, tally)
        else:
            assert tally_of(judge_json(run, case, project)) == tally
    judge_loud(runs, case)
    with contextlib.suppress(AssertionError):  # the one below says what is left
        wait_until(lambda: stack.leftovers(case.needs) == [], "nothing left behind", limit=5)
    assert stack.leftovers(case.needs) == []
    if "loading" in case.needs:
        stack.stop("loading")


def call(project: Project, ways: Sequence[Way]) -> tuple[Runs, float]:
    """Run in all these ways at once; return also what is allowed for Python's start and end.

    That is twice what a call takes which only prints its help, beside all the others: on a busy machine two
    processes that do the same differ by as much. The clock of the report itself is given no such allowance.
    """
    with ThreadPoolExecutor(len(ways) + 1) as pool:
        calls = {(form, loud): pool.submit(project.run, form, *loud) for form, loud in ways}
        start = pool.submit(health, "run", "--help", env=project.environment())
        return {way: future.result() for way, future in calls.items()}, 2 * start.result().seconds


def judge_json(run: Run, case: Case, project: Project) -> dict[str, Any]:
    """The kind and the hint, every other check as it should be, by the schema and in time."""
    report = run.report
    assert problems(report) == []
    assert report["exit_code"] == run.code
    assert report["duration"] < float(project.deadline.partition(":")[0]) + 0.3
    check = run.checks[case.check]
    assert (check["status"], check["kind"]) == (case.status, case.kind), run.out
    others = {name: other["status"] for name, other in run.checks.items() if other["status"] != "healthy"}
    assert others == {**case.also, **({case.check: case.status} if case.status != "healthy" else {})}, run.out
    assert case.alone == (list(run.checks) == [case.check])
    assert case.alone or {"own.talks", "own.tells", "own.opens", "host.memory"} <= run.checks.keys()
    assert check["duration"] < case.within
    assert case.says in check["message"]
    blocked = {other["blocked_by"] for name, other in run.checks.items() if case.also.get(name) == "skipped"}
    assert blocked <= {case.check}, run.out
    judge_metrics(run, case)
    if case.status != "healthy":
        assert check["message"] and check["summary"] and check["hint"]
        assert all(word in check["hint"] for word in case.hint), check["hint"]
    return report


def judge_metrics(run: Run, case: Case) -> None:
    """The values that the case names, of its own check or of another one."""
    for name, value in case.metrics.items():
        check, _, metric = name.rpartition("/")
        assert run.metrics(check or case.check)[metric] == value, run.out


def tally_of(report: Mapping[str, Any]) -> str:
    """The counts as people read them, worst first."""
    words = ("critical", "unknown", "warning", "healthy", "skipped")
    return ", ".join(f"{report['counts'][word]} {word}" for word in words if report["counts"][word])


def judge_table(run: Run, case: Case, tally: str) -> None:
    """The verdict first, then the failing check, with its hint below."""
    first, _, *rows = run.out.splitlines()
    assert first.startswith(f"{case.worst.upper()}  {tally}, in ")
    if case.status == "healthy":
        return
    assert any(row.split()[:2] == [case.status, case.check] for row in rows), run.out
    assert rows[0].split()[:1] == [case.worst]
    text = " ".join(run.out.split())
    assert "-> " in text and all(word in text for word in case.hint), run.out


def judge_nagios(run: Run, case: Case, tally: str) -> None:
    """Valid plugin output with the state, the counts, the failing check, and the other checks' numbers."""
    output = nagios_grammar.parse(run.out)
    assert len(run.out.encode()) <= 9000
    assert output.state == STATES[run.code]
    assert output.text.endswith(f"({tally})") or output.text == tally, run.out
    assert case.alone or any(item.label == "host_memory_used_percent" for item in output.items)
    if case.status == "healthy":
        return
    word = {"critical": "CRITICAL", "unknown": "UNKNOWN", "warning": "WARNING"}[case.status]
    line = next(line for line in output.long if line.startswith(f"[{word}] {case.check}: "))
    assert case.also or output.text.startswith(f"{case.check} ")
    assert all(word in line for word in case.hint), line


def judge_loud(runs: Runs, case: Case) -> None:
    """What the checks print is shown to those who ask for it, masked."""
    for (_, loud), run in runs.items():
        assert loud or "logging in with" not in run.out
    loudest = runs["table", LOUD].out
    assert case.alone or "logging in with ***" in loudest
    assert case.kind != "crashed" or ("raising.py" in loudest and 'File "' in loudest)
    assert case.alone or "***" in runs.get(("nagios", LOUD), runs["table", LOUD]).out
