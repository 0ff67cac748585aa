"""What may start, and what is blocked by whom."""

import pytest

from health_cli.core.check import Check
from health_cli.core.plan import Plan, Planned, planned, sort_out
from health_cli.core.status import Status

H, W, U, C, S = Status.HEALTHY, Status.WARNING, Status.UNKNOWN, Status.CRITICAL, Status.SKIPPED


def row(name: str, *needs: str) -> Planned:
    """A planned check that waits for these."""
    return Planned(name=name, timeout=5, needs=frozenset(needs))


@pytest.mark.parametrize(
    ("needs", "statuses", "outcome"),
    [
        ([], {}, "ready"),
        (["a"], {}, "waits"),
        (["a"], {"a": H}, "ready"),
        (["a"], {"a": W}, "ready"),
        (["a"], {"a": C}, "a"),
        (["a"], {"a": U}, "a"),
        (["a"], {"a": S}, "a"),
        (["a", "b"], {"a": H}, "waits"),
        (["a", "b"], {"a": H, "b": W}, "ready"),
        (["a", "b"], {"b": C}, "b"),
        (["a", "b"], {"b": C, "a": C}, "a"),
    ],
)
def test_one_check_starts_waits_or_is_blocked(needs: list[str], statuses: dict[str, Status], outcome: str) -> None:
    waiting = [row("x", *needs)]
    ready, blocked = sort_out(waiting, statuses)
    assert ready == (waiting if outcome == "ready" else [])
    assert blocked == ({} if outcome in {"ready", "waits"} else {"x": outcome})


def test_many_at_once_stay_in_order() -> None:
    waiting = [row("c"), row("b", "bad"), row("a"), row("d", "c")]
    assert sort_out(waiting, {"bad": C}) == ([waiting[0], waiting[2]], {"b": "bad"})


def test_a_chain_falls_one_by_one() -> None:
    assert sort_out([row("b", "a"), row("c", "b")], {"a": C}) == ([], {"b": "a"})
    assert sort_out([row("c", "b")], {"a": C, "b": S}) == ([], {"c": "b"})


def test_a_plan_has_a_row_a_check_and_each_goes_over_the_wire() -> None:
    plan = Plan(checks=[Check(name="a", timeout=2), Check(name="b")], needs={"b": {"a"}})
    rows = planned(plan)
    assert rows == [Planned(name="a", timeout=2), row("b", "a")]
    assert [Planned.from_json(item.to_json()) for item in rows] == rows
