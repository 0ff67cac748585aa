"""The order of badness, the fold of many into one, and the exit codes."""

from itertools import permutations

import pytest

from health_cli.core.status import EXIT_CODES, Status, worst

H, W, U, C, S = Status.HEALTHY, Status.WARNING, Status.UNKNOWN, Status.CRITICAL, Status.SKIPPED


def test_the_order_of_badness() -> None:
    assert sorted(Status) == [S, H, W, U, C]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], U),
        ([S], U),
        ([S, S], U),
        ([H], H),
        ([H, S], H),
        ([H, W], W),
        ([W, U], U),
        ([U, C], C),
        ([H, W, U, C, S], C),
        ([W, S], W),
    ],
    ids=lambda value: "+".join(status.word for status in value) or "nothing" if isinstance(value, list) else value.word,
)
def test_the_worst_wins_in_any_order(statuses: list[Status], expected: Status) -> None:
    assert {worst(order) for order in permutations(statuses)} == {expected}


def test_worst_takes_an_iterator() -> None:
    assert worst(iter([H, C])) is C


def test_the_exit_codes_of_the_monitoring_plugins() -> None:
    assert EXIT_CODES == {H: 0, W: 1, C: 2, U: 3, S: 3}


@pytest.mark.parametrize("status", Status, ids=lambda status: status.word)
def test_a_word_is_read_back(status: Status) -> None:
    assert status.word == status.word.lower()
    assert Status.parse(status.word) is status


@pytest.mark.parametrize("word", ["", "ok", "healthy ", "3"])
def test_a_strange_word_is_refused_with_those_allowed(word: str) -> None:
    with pytest.raises(ValueError, match="healthy, warning, unknown, critical") as caught:
        Status.parse(word)
    assert f"'{word}'" in str(caught.value)
