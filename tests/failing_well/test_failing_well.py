"""Every case in every format, quiet and with -vv: the verdict, the words, the time, and nothing leaked or left."""

import json
from collections.abc import Iterator, Mapping
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

FORMS = ("table", "json", "nagios")
WAYS = [(form, loud) for form in FORMS for loud in ((), ("-vv",))]
STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
TRACES = ("Traceback", 'File "')
Runs = Mapping[tuple[str, tuple[str, ...]], Run]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of this module's own, to be stopped, frozen and filled."""
    servers = Stack(tmp_path_factory.mktemp("stack"))
    try:
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
    with case.trouble(stack):
        runs, start = call(project)
    for (form, loud), run in runs.items():
        assert run.code == CODES[case.worst], (form, loud, run.out, run.err)
        assert run.err == "", (form, loud)
        assert leaks(run.out) == set(), (form, loud, run.out)
        assert loud or not any(trace in run.out for trace in TRACES), (form, run.out)
        deadline = float(project.deadline.partition(":")[0])
        assert run.seconds < deadline + 0.3 + start, (form, loud, "Python's own start is allowed for")
    reports = [judge_json(runs["json", loud], case, project) for loud in ((), ("-vv",))]
    tally = tally_of(reports[0])
    for loud in ((), ("-vv",)):
        judge_table(runs["table", loud], case, tally)
        judge_nagios(runs["nagios", loud], case, tally)
    judge_loud(runs, case)
    wait_until(lambda: stack.leftovers(case.needs) == [], "nothing left behind", limit=5)
    if "loading" in case.needs:
        stack.stop("loading")


def call(project: Project) -> tuple[Runs, float]:
    """Run in every format at once, loud and quiet; return also what is allowed for Python's start and end.

    That is twice what a call takes which only prints its help, beside all the others: on a busy machine two
    processes that do the same differ by as much. The clock of the report itself is given no such allowance.
    """
    with ThreadPoolExecutor(len(WAYS) + 1) as pool:
        calls = {(form, loud): pool.submit(project.run, form, *loud) for form, loud in WAYS}
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
    if case.status != "healthy":
        assert check["message"] and check["summary"] and check["hint"]
        assert all(word in check["hint"] for word in case.hint), check["hint"]
    return report


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
    assert output.text.endswith(f"({tally})") or output.text == tally, output.text
    assert case.alone or any(item.label == "host_memory_used_percent" for item in output.items)
    if case.status == "healthy":
        return
    word = {"critical": "CRITICAL", "unknown": "UNKNOWN", "warning": "WARNING"}[case.status]
    line = next(line for line in output.long if line.startswith(f"[{word}] {case.check}: "))
    assert case.also or output.text.startswith(f"{case.check} ")
    assert all(word in line for word in case.hint), line


def judge_loud(runs: Runs, case: Case) -> None:
    """What the checks print is shown to those who ask for it, masked."""
    for form in ("table", "nagios"):
        assert case.alone or "***" in runs[form, ("-vv",)].out
        assert "logging in with" not in runs[form, ()].out
    assert case.alone or "logging in with ***" in runs["table", ("-vv",)].out
    if case.kind == "crashed":
        assert "raising.py" in runs["table", ("-vv",)].out and 'File "' in runs["table", ("-vv",)].out
    json.loads(runs["json", ("-vv",)].out)
