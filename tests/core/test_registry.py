"""How a pattern finds checks, and how a typo never passes for success."""

import sys
from pathlib import Path

import pytest

from health_cli.core.check import Check, FunctionCheck, Requirement
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.names import matches, nearest
from health_cli.core.registry import load_client, origin, refuse_twice, select
from health_cli.core.status import Status

NAMES = ["database:default", "cache:default", "host.memory", "host.disk:/", "host.disk:/var", "shop.backlog"]
CHECKS = [Check(name=name) for name in NAMES]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("host.disk:/var", ["host.disk:/var"]),
        ("host.disk:/", ["host.disk:/"]),
        ("host.disk", ["host.disk:/", "host.disk:/var"]),
        ("host", ["host.memory", "host.disk:/", "host.disk:/var"]),
        ("host.*", ["host.memory", "host.disk:/", "host.disk:/var"]),
        ("*:default", ["database:default", "cache:default"]),
        ("*:/var", ["host.disk:/var"]),
        ("[dc]a*", ["database:default", "cache:default"]),
        ("host.dis?:*", ["host.disk:/", "host.disk:/var"]),
        ("*", NAMES),
        ("hos", []),
        ("host.dis", []),
        ("database:", []),
        ("HOST", []),
        ("default", []),
        ("", []),
        (" host", []),
    ],
)
def test_a_pattern_means_these(pattern: str, names: list[str]) -> None:
    assert [name for name in NAMES if matches(name, pattern)] == names


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("host.disk:/var.old", "host.disk:/var"),
        ("celery.queue:emails.low", "celery.queue:emails"),
        ("celery.queue:emails:low", "celery.queue:emails"),
    ],
)
def test_a_whole_name_means_that_check_alone(name: str, pattern: str) -> None:
    assert not matches(name, pattern)


@pytest.mark.parametrize(
    ("patterns", "skip", "names"),
    [
        ([], [], NAMES),
        (["host"], ["host.disk"], ["host.memory"]),
        (["shop", "cache"], [], ["cache:default", "shop.backlog"]),
        ([], ["*:*"], ["host.memory", "shop.backlog"]),
        (["host.memory", "host"], ["host.disk:/"], ["host.memory", "host.disk:/var"]),
    ],
)
def test_the_selection_stays_in_the_order_of_the_checks(patterns: list[str], skip: list[str], names: list[str]) -> None:
    assert [check.name for check in select(CHECKS, patterns, skip)] == names


@pytest.mark.parametrize(
    ("patterns", "skip", "words"),
    [
        (["hots"], [], ["'hots'", "nearest: host"]),
        (["host", "databse"], [], ["'databse'", "nearest: database"]),
        ([], ["cachee"], ["'cachee'", "nearest: cache"]),
        (["hots"], ["cachee"], ["'hots'", "'cachee'"]),
        ([""], [], ["''"]),
        (["zzzzzz"], [], ["'zzzzzz'."]),
        (["host.memry"], [], ["host.memory"]),
    ],
    ids=["pattern", "one of two", "skip", "all at once", "empty", "nothing near", "name"],
)
def test_a_pattern_that_means_nothing_is_refused(patterns: list[str], skip: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError, match="No check matches") as caught:
        select(CHECKS, patterns, skip)
    assert all(word in caught.value.message for word in words)
    assert "'host'" not in caught.value.message, "what was found is no problem"
    assert "health list" in caught.value.hint


@pytest.mark.parametrize(("patterns", "skip"), [(["host"], ["host"]), ([], ["*"])], ids=["all of them", "everything"])
def test_an_empty_selection_is_refused(patterns: list[str], skip: list[str]) -> None:
    with pytest.raises(ConfigError, match="No check is selected"):
        select(CHECKS, patterns, skip)


def test_no_checks_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="No check is selected"):
        select([], [])


def test_families_help_with_a_typo_where_they_have_no_checks() -> None:
    with pytest.raises(ConfigError, match=r"'celeri'; nearest: celery"):
        select(CHECKS, ["celeri"], families=["celery"])


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("hots", ["host", "cache"], "; nearest: host"),
        ("zzz", ["host"], ""),
        ("aaaa", ["aaab", "aaac", "aaad", "aaae"], 3),
        ("host", [], ""),
    ],
)
def test_the_nearest_words(word: str, known: list[str], text: str | int) -> None:
    found = nearest(word, known)
    assert found == text or len(found.split(",")) == text


def backlog() -> None:
    """A function that is a check."""


def test_a_name_used_twice_is_refused_and_both_origins_named() -> None:
    checks = [*CHECKS, FunctionCheck(name="host.memory", function=backlog)]
    with pytest.raises(ConfigError, match=r"'host\.memory'") as caught:
        refuse_twice(checks)
    assert f"{__name__}.backlog" in caught.value.message
    assert "health_cli.core.check.Check" in caught.value.message
    refuse_twice(CHECKS)


def test_the_origin_is_the_code_behind_a_check() -> None:
    assert origin(FunctionCheck(name="a", function=backlog)) == f"{__name__}.backlog"
    assert origin(Check(name="a")) == "health_cli.core.check.Check"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that can be imported, still empty."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_client", raising=False)
    path = tmp_path / "shop_client.py"
    path.write_text("")
    return path


DRIVER = Requirement("shop_driver", "shop")


def test_a_client_with_its_driver_is_loaded(client: Path) -> None:
    client.write_text("ANSWER = 42")
    assert load_client("shop_client", DRIVER).ANSWER == 42


@pytest.mark.parametrize("line", ["import shop_driver", "from shop_driver import x", "from shop_driver.sub import x"])
def test_a_missing_driver_is_explained(client: Path, line: str) -> None:
    client.write_text(line)
    with pytest.raises(Failure, match="no module 'shop_driver'") as caught:
        load_client("shop_client", DRIVER)
    assert (caught.value.kind, caught.value.status) == (Kind.MISCONFIGURED, Status.UNKNOWN)
    assert "health-cli[shop]" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("import other_driver", ModuleNotFoundError),
        ("from os import nothing", ImportError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_any_other_error_stays_itself(client: Path, line: str, error: type[Exception]) -> None:
    client.write_text(line)
    with pytest.raises(error):
        load_client("shop_client", DRIVER)
