"""Alerts as a table: a line of letters is what the runs found, another what was told after each of them."""

from typing import Any

import pytest

from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.history.alerts import (
    CALM,
    FLAPS,
    RUNS,
    Decision,
    Memories,
    Memory,
    Rules,
    decide,
    flaps,
    is_complete,
    percent_of_change,
)

STATUS = {
    "h": Status.HEALTHY, "w": Status.WARNING, "u": Status.UNKNOWN, "c": Status.CRITICAL, "s": Status.SKIPPED,
}  # fmt: skip
ONE = Rules()
TOLD = {"opened": "O", "escalated": "E", "resolved": "R", "flapping": "F"}


def result(letter: str, name: str = "cache:default") -> Result:
    if letter == "b":
        return Result(name=name, status=Status.SKIPPED, blocked_by="other")
    status = STATUS[letter]
    return Result(name=name, status=status, summary=f"is {status.word}", message=f"It is {status.word}.", hint="Look.")


def report(*results: Result) -> Report:
    return Report(run="r", host="web1", version="1", started_at="", duration=0.1, checks=results)


def play(runs: str, rules: Rules = ONE) -> tuple[str, list[Decision]]:
    """Decide run after run, ten seconds apart; a dot is a run that told nothing."""
    memories: Memories = {}
    told, decisions = "", []
    for place, letter in enumerate(runs):
        decision = decide(memories, report(result(letter)), place * 10.0, rules, complete=True)
        told += "".join(TOLD[turn.what] for turn in decision.turns) or "."
        decisions.append(decision)
        memories = {name: Memory.from_json(memory.to_json()) for name, memory in decision.memories.items()}
    return told, decisions


@pytest.mark.parametrize(
    ("runs", "after", "good", "told"),
    [
        ("hhhh", 1, 1, "...."),
        ("hccch", 1, 1, ".O..R"),
        ("chw", 1, 1, "ORO"),
        ("hccch", 3, 1, "...OR"),
        ("hcchc", 3, 1, "....."),
        ("hccch", 4, 1, "....."),
        ("chhh", 1, 3, "O..R"),
        ("chchh", 1, 2, "O...R"),
        ("wwcc", 1, 1, "O.E."),
        ("wcwc", 1, 1, "OE.."),
        ("ccw", 1, 1, "O.."),
        ("ucu", 1, 1, "OE."),
        ("cbbch", 1, 1, "O...R"),
        ("bbbb", 1, 1, "...."),
        ("hbbh", 1, 1, "...."),
        ("cs", 1, 1, "OR"),
        ("wc", 2, 1, ".O"),
    ],
)
def test_what_is_told(runs: str, after: int, good: int, told: str) -> None:
    assert play(runs, Rules({"*": after}, {"cache": good}))[0] == told


def test_an_alert_stays_one_while_the_state_lasts() -> None:
    alerts = [decision.memories["cache:default"].alert for decision in play("hwwcch")[1]]
    assert [alert and (alert.since, alert.severity, alert.worst, alert.runs) for alert in alerts] == [
        None, (10, "warning", "warning", 1), (10, "warning", "warning", 2), (10, "critical", "critical", 3),
        (10, "critical", "critical", 4), None,
    ]  # fmt: skip


def test_a_turn_says_what_the_run_found_and_since_when() -> None:
    _, decisions = play("wcch")
    escalated, resolved = decisions[1].turns[0], decisions[3].turns[0]
    assert (escalated.status, escalated.summary, escalated.hint) == ("critical", "is critical", "Look.")
    assert (escalated.since, escalated.at, escalated.host) == (0, 10, "web1")
    assert (resolved.since, resolved.at, resolved.severity, resolved.why) == (0, 30, "critical", "recovered")
    assert decisions[3].ended == {"cache:default": "recovered"}


def test_what_is_not_measured_any_more_is_over() -> None:
    assert play("cs")[1][1].turns[0].why == "no longer measured: is skipped"


def test_since_is_when_the_status_began() -> None:
    assert [decision.memories["cache:default"].since for decision in play("hhwwch")[1]] == [0, 0, 20, 20, 40, 50]


@pytest.mark.parametrize(("complete", "left"), [(True, set()), (False, {"cache:default", "host.load"})])
def test_a_check_that_is_gone_resolves_where_all_were_to_run(complete: bool, left: set[str]) -> None:
    before = decide({}, report(result("c"), result("h", "host.load")), 0, Rules(), complete=True)
    decision = decide(before.memories, report(), 60, Rules(), complete=complete)
    assert set(decision.memories) == left
    assert [(turn.what, turn.why) for turn in decision.turns] == (
        [] if left else [("resolved", "no longer configured")]
    )


def test_a_blocked_check_keeps_its_alert() -> None:
    before = decide({}, report(result("c")), 0, Rules(), complete=True)
    decision = decide(before.memories, report(result("b")), 60, Rules(), complete=True)
    assert decision == Decision(before.memories, (), (), {})


@pytest.mark.parametrize(
    ("selected", "names", "complete"),
    [(False, ["host.load"], True), (True, ["host.load"], False), (False, ["host.load", "health.plugins"], False)],
)
def test_only_a_whole_run_tells_that_a_check_is_gone(selected: bool, names: list[str], complete: bool) -> None:
    assert is_complete(report(*(result("h", name) for name in names)), selected=selected) is complete


def test_a_check_that_flaps_is_held_and_told_once() -> None:
    told, decisions = play("hchch" + "chchch" + "h" * 25)
    assert told.count("F") == 1
    start = told.index("F")
    assert told[:start] == ".OR" + "O" * (start > 3)
    assert set(told[start + 1 : -1]) <= {".", "R"}
    assert told.count("R") == 2  # before it was known to flap, and when it had been calm for long
    held = decisions[start].memories["cache:default"].alert
    assert held
    assert held.flapping
    assert decisions[-1].memories["cache:default"].alert is None


def test_a_check_that_never_stays_bad_long_enough_is_said_to_flap() -> None:
    assert "F" in play("h" + "ch" * 8, Rules({"*": 3}))[0]


def test_one_that_stays_bad_after_flapping_goes_on_as_one_alert() -> None:
    told, decisions = play("hchchchc" + "c" * 25)
    assert told.count("F") == 1
    assert told[told.index("F") + 1 :].strip(".") == "O"
    alert = decisions[-1].memories["cache:default"].alert
    assert alert
    assert not alert.flapping


@pytest.mark.parametrize(
    ("recent", "percent"),
    [
        ("", 0), ("g" * RUNS, 0), ("gb" * 10 + "g", 100), ("g" * 20 + "b", 6), ("g" + "b" * 20, 4), ("gb", 6),
    ],
)  # fmt: skip
def test_percent_of_change_is_nagios_own(recent: str, percent: float) -> None:
    assert percent_of_change(recent) == pytest.approx(percent)


def test_flapping_begins_high_and_ends_low() -> None:
    three, four = "g" * 17 + "bgb", "g" * 17 + "bgbg"
    assert CALM < percent_of_change(three) < FLAPS <= percent_of_change(four)
    assert (flaps(three, False), flaps(three, True), flaps(four, False)) == (False, True, True)
    assert not flaps("g" + "b" * 20, True)


@pytest.mark.parametrize(
    ("rules", "check", "number"),
    [({}, "host.load", 1), ({"host.load": 3, "*": 2}, "host.load", 3), ({"host": 3}, "host.disk:/var", 3),
     ({"*": 2, "host": 3}, "host.load", 2), ({"*:default": 4}, "cache:default", 4)],
)  # fmt: skip
def test_the_first_pattern_that_matches_counts(rules: Any, check: str, number: int) -> None:
    assert Rules(rules, rules).bad_runs(check) == Rules(rules, rules).good_runs(check) == number
