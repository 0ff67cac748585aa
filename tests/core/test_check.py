"""A check of one's own: the decorator, what its function may return, names, and who waits for whom."""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from health_cli.core import check as check_module
from health_cli.core.check import Check, FunctionCheck, check, expand_needs, register, verify_name
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.names import matches
from health_cli.core.result import Result
from health_cli.core.runner import execute
from health_cli.core.status import Status


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """An empty list of declared checks, for this test alone."""
    empty: list[Check] = []
    monkeypatch.setattr(check_module, "declared", empty)
    return empty


def run(function: Callable[[], Any], **options: Any) -> Result:
    """Run a function as a check, from its decorator to its result."""
    check("shop.backlog", **options)(function)
    return execute(check_module.declared[-1])


def named(name: str, *needs: str) -> FunctionCheck:
    """A check that has a name and needs, and does nothing."""
    return FunctionCheck(name=name, needs=needs, function=lambda: None)


# The decorator


def test_the_decorator_declares_a_check_and_leaves_the_function_alone(declared: list[Check]) -> None:
    @check(
        "shop.backlog", warning="100", critical="500", unit="orders", needs=["database:default"], timeout=2, hint="!"
    )
    def backlog() -> int:
        """Orders waiting for payment."""
        return 7

    assert backlog() == 7
    (found,) = declared
    assert (found.name, found.needs, found.timeout) == ("shop.backlog", ("database:default",), 2)
    assert found.manual == "Orders waiting for payment."
    (value,) = found.metrics
    assert (value.name, value.unit, value.hint) == ("value", "orders", "!")
    assert (str(value.warning), str(value.critical)) == ("100", "500")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"warning": "10k"}, "shop.backlog: metric value: '10k' is not a threshold"),
        ({"critical": "1:2:3"}, "'1:2:3' is not a threshold"),
        ({"warning": "20", "critical": "10"}, "never fire before critical"),
        ({"warning": "10GiB", "unit": "s"}, "does not go with a value in s"),
    ],
    ids=["suffix", "range", "hidden", "unit"],
)
def test_a_bad_threshold_is_refused_at_once(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=r"Check shop\.backlog") as caught:
        check("shop.backlog", **options)  # type: ignore[arg-type]
    assert words in caught.value.message


@pytest.mark.parametrize(
    "name",
    ["shop", "shop.backlog", "shop.a.b-c_d2", "shop:eu", "shop.queue:E-Mails/7", "host.disk:/var/lib", "a:[x]*?"],
)
def test_a_good_name(name: str) -> None:
    assert verify_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "Shop", "shop.Backlog", "1shop", ".shop", "shop.", "shop..a", "shop:", ":a", "shop a", "shop:a b",
        "shop:a|b", "shop:a=b", "shop:it's",
        'shop:"a"', "shop;a", "shop\n", "shop:a\n", "sh\u00f6p", "shop:\x1b[31m", "shop:\x00",
        "shop:\x9b",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="can't be the name of a check"):
        verify_name(name)
    with pytest.raises(ConfigError, match="can't be the name of a check"):
        register(named(name))


# What a function returns


@pytest.mark.parametrize("number", [7, 7.0, Decimal(7)], ids=lambda number: type(number).__name__)
def test_a_number_is_judged_by_the_thresholds(number: object) -> None:
    result = run(lambda: number, warning="5", critical="10", unit="orders")
    assert (result.status, result.kind, result.summary) == (Status.WARNING, Kind.THRESHOLD, "value 7 orders")
    assert result.metrics[0].value == 7


def test_a_number_within_the_thresholds_is_healthy() -> None:
    result = run(lambda: 5, warning="5", unit="orders")
    assert (result.name, result.status, result.summary) == ("shop.backlog", Status.HEALTHY, "5 orders")
    assert result.duration > 0


def test_nothing_is_healthy() -> None:
    assert run(lambda: None).status is Status.HEALTHY


def test_a_result_is_taken_as_it_is_but_for_its_name() -> None:
    given = Result(name="other", status=Status.WARNING, summary="odd", message="It is odd.", hint="Even it out.")
    result = run(lambda: given)
    assert (result.name, result.status, result.message) == ("shop.backlog", Status.WARNING, "It is odd.")


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: [m], lambda m: (m,)], ids=["one", "list", "tuple"])
def test_metrics_are_judged_each_by_its_own(wrap: Callable[[Metric], Any]) -> None:
    result = run(lambda: wrap(metric("age", "s", critical="10").measured(11)))
    assert (result.status, result.summary) == (Status.CRITICAL, "age 11 s")


def test_the_worst_of_several_metrics_counts() -> None:
    ages = [metric("new", warning="1").measured(2), metric("old", critical="1").measured(2)]
    assert run(lambda: ages).summary == "old 2"


def test_an_async_function_is_waited_for() -> None:
    async def backlog() -> int:
        return 11

    assert run(backlog, critical="10").status is Status.CRITICAL


def generator() -> Iterator[int]:
    """What a `yield` in the place of a `return` makes of a function."""
    yield 1


async def truth() -> bool:
    """A truth value, late."""
    return True


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: True, "it returned bool"),
        (lambda: False, "it returned bool"),
        (truth, "it returned bool"),
        (lambda: "7", "it returned str"),
        (lambda: b"7", "it returned bytes"),
        (lambda: "", "it returned str"),
        (lambda: "healthy", "it returned str"),
        (lambda: [], "it returned list"),
        (lambda: (), "it returned tuple"),
        (lambda: {}, "it returned dict"),
        (lambda: {"a": 1}, "it returned dict"),
        (lambda: [1, 2], "list with int in it"),
        (lambda: [metric("m").measured(1), None], "list with NoneType in it"),
        (lambda: 1j, "it returned complex"),
        (object, "it returned object"),
        (lambda: Result, "it returned type"),
        (generator, "it returned generator"),
        (lambda: Status.CRITICAL, "it returned Status"),
        (lambda: math.nan, "not a finite number"),
        (lambda: math.inf, "not a finite number"),
        (lambda: -math.inf, "not a finite number"),
        (lambda: Decimal("NaN"), "not a finite number"),
        (lambda: 10**400, "OverflowError"),
        (lambda: Metric(name="m", value=math.nan), "not a finite number"),
        (lambda: metric("m").measured(math.nan), "not a finite number"),
        (lambda: metric("m"), "m"),
        (lambda: Result(name="a", status="healthy"), "AttributeError"),  # type: ignore[arg-type]
        (lambda: Result(name="a", status=Status.HEALTHY, data={"x": object()}), "TypeError"),
        (lambda: Result(name="a", status=Status.HEALTHY, data={"x": math.nan}), "ValueError"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: sys.exit(0), "SystemExit"),
    ],
    ids=[
        "true", "false", "async true", "number as text", "bytes", "empty text", "status as text", "empty list",
        "empty tuple", "empty dict", "dict", "list of numbers", "list with none", "complex", "object", "class",
        "generator", "status", "nan", "inf", "minus inf", "decimal nan", "too large for a float", "metric of nan",
        "metric measured nan", "metric without a value", "status of a result as text", "data of objects",
        "data of nan", "exception", "exit",
    ],
)  # fmt: skip
def test_nonsense_never_looks_healthy(function: Callable[[], Any], words: str) -> None:
    result = run(function)
    assert result.status is Status.UNKNOWN
    assert words in result.message


def test_a_crash_says_what_and_where() -> None:
    result = run(lambda: {}["missing"], warning="1")
    assert (result.kind, result.summary) == (Kind.CRASHED, "crashed: KeyError")
    assert "test_check.py" in result.message
    assert "Traceback" in result.detail or "test_check.py" in result.detail
    assert result.metrics[0].value is None


def test_a_failure_is_a_verdict_not_a_crash() -> None:
    def refused() -> int:
        raise Failure(Kind.REFUSED, "Nobody listens.", hint="Start it.")

    result = run(refused)
    assert (result.status, result.kind, result.hint) == (Status.CRITICAL, Kind.REFUSED, "Start it.")


@pytest.mark.parametrize("status", [Status.WARNING, Status.UNKNOWN, Status.CRITICAL], ids=lambda s: s.word)
def test_a_bare_bad_result_gets_a_summary_a_message_and_a_hint(status: Status) -> None:
    result = run(lambda: Result(name="a", status=status))
    assert result.status is status
    assert [word for word in ("summary", "message", "hint") if not getattr(result, word)] == []


# The class form


@dataclass(frozen=True, kw_only=True)
class Backlog(Check):
    """Orders waiting.

    Use it twice, with two names.
    """

    metrics: tuple[Metric, ...] = (metric("orders", warning="5"), metric("age", "s"))
    orders: int = 7

    def gather(self) -> Measurement:
        return Measurement(values={"orders": self.orders}, missing={"age": "no orders"}, facts={"shop": "eu"})


def test_the_class_form_gathers_and_judges() -> None:
    result = execute(Backlog(name="shop.backlog"))
    assert (result.status, result.summary) == (Status.WARNING, "orders 7")
    assert result.data == {"shop": "eu"}
    assert result.metrics[1].reason == "no orders"


def test_the_class_form_has_its_docstring_as_manual() -> None:
    assert Backlog(name="a").manual == "Orders waiting.\n\nUse it twice, with two names."


def test_a_class_without_gather_is_unknown() -> None:
    assert execute(Check(name="a")).summary == "crashed: NotImplementedError"


# Needs


def test_patterns_in_needs_become_names() -> None:
    checks = [named("a.x"), named("a.y"), named("b", "a.*"), named("c", "b", "absent")]
    assert expand_needs(checks, matches) == {"a.x": set(), "a.y": set(), "b": {"a.x", "a.y"}, "c": {"b"}}


@pytest.mark.parametrize(
    ("needs", "circle"),
    [
        ({"a": ["b"], "b": ["a"]}, {"a", "b"}),
        ({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}, {"a", "b", "c"}),
        ({"a": ["a"]}, {"a"}),
    ],
    ids=["two", "three", "itself"],
)
def test_checks_that_wait_for_each_other_are_refused(needs: dict[str, list[str]], circle: set[str]) -> None:
    with pytest.raises(ConfigError, match="wait for each other") as caught:
        expand_needs([named(name, *words) for name, words in needs.items()], matches)
    path = caught.value.message.removeprefix("Checks wait for each other: ").rstrip(".").split(" -> ")
    assert (path[0], set(path)) == (path[-1], circle)
    assert all(after in needs[before] for before, after in pairwise(path)), "in reading order"
