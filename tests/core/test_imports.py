"""What may be imported where, in fresh processes: the core needs the standard library alone."""

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import health_cli
import health_cli.core

CORE = sorted(module.name for module in pkgutil.iter_modules(health_cli.core.__path__, "health_cli.core."))
BARRED = ["django", "click", "psutil", "redis", "tabulate", "MySQLdb", "psycopg", "celery", "asgiref"]


def fresh(code: str) -> list[str]:
    """Run code in a new process; return the list that it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def loaded_by(code: str) -> set[str]:
    """The modules that this code loads in a process that has loaded nothing else."""
    names = fresh(
        f"import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps([*set(sys.modules) - before]))"
    )
    return set(names)


def test_the_core_imports_where_third_parties_are_barred() -> None:
    bar = f"import sys; sys.modules.update(dict.fromkeys({BARRED!r}))"
    load = f"import importlib, json; print(json.dumps([importlib.import_module(n).__name__ for n in {CORE!r}]))"
    assert fresh(f"{bar}\n{load}") == CORE
    assert len(CORE) > 15, "the whole core was found"


@pytest.mark.parametrize("name", BARRED)
def test_the_bar_holds(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{name!r}] = None\nimport {name}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "ModuleNotFoundError" in done.stderr


def test_the_core_loads_nothing_but_itself_and_the_standard_library() -> None:
    names = loaded_by("import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in CORE))
    tops = {name.partition(".")[0] for name in names}
    assert tops - set(sys.stdlib_module_names) == {"health_cli"}
    assert {name for name in names if name.startswith("health_cli.")} == {"health_cli.core", *CORE}


def test_the_package_costs_nothing_to_import() -> None:
    names = loaded_by("import health_cli")
    assert not {name.partition(".")[0] for name in names} & set(BARRED)
    assert {name for name in names if name.startswith("health_cli")} == {"health_cli"}
    assert len(names) <= 30, "typing and importlib, and what these need"


def test_a_check_of_ones_own_needs_no_third_party() -> None:
    names = loaded_by("from health_cli import check, Result, Status, metric, Failure, Kind")
    assert not {name.partition(".")[0] for name in names} & set(BARRED)
    assert "asyncio" not in names


def test_the_public_names_are_sorted_and_resolve() -> None:
    assert health_cli.__all__ == sorted(health_cli.__all__)
    assert len(set(health_cli.__all__)) == len(health_cli.__all__)
    for name in health_cli.__all__:
        value = getattr(health_cli, name)
        assert value.__name__ == name
        assert value is getattr(import_module(value.__module__), name)
        assert value.__doc__, f"{name} has a manual"


def test_a_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from health_cli import *", names)
    assert set(health_cli.__all__) == set(names) - {"__builtins__"}


def test_other_names_are_no_part_of_the_package() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Chekc'"):
        _ = health_cli.Chekc
