"""systemd's journal, as journalctl tells it: of a real journal file that systemd's own tool has written."""

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Shop, ShopFactory
from tests.servers import program

BOOT = "0123456789abcdef0123456789abcdef"


class Journal:
    """A journal in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines = folder, list[str]()
        folder.mkdir()

    def add(self, message: str, priority: int = 6, ago: float = 10, unit: str = "web.service") -> None:
        at = int((time.time() - ago) * 1e6) + len(self.lines)
        self.lines.append(
            f"__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={at}\n_BOOT_ID={BOOT}\n_MACHINE_ID={BOOT}\n"
            f"_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER=app\nPRIORITY={priority}\nMESSAGE={message}\n\n"
        )

    def write(self) -> None:
        tool = program("systemd-journal-remote", "systemd-journal-remote")
        export = self.folder.with_name("export")
        export.write_text("".join(self.lines))
        target = self.folder / "system.journal"
        subprocess.run([tool, f"--output={target}", str(export)], check=True, capture_output=True)
        self.lines.clear()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def app(shop: ShopFactory, journal: Journal) -> Shop:
    return shop(setting={"LOGS": {"web": {"unit": "web.service", "directory": str(journal.folder)}}})


def look(app: Shop) -> dict[str, Any]:
    run = app.json("logs:web")
    return {**run.checks["logs:web"], "metrics": run.metrics("logs:web")}


def test_levels_are_those_of_the_text_or_of_the_priority(app: Shop, journal: Journal) -> None:
    journal.add("too old", priority=2, ago=7_200)
    journal.add("2026-11-25 14:00:01,123 ERROR shop order 17 failed")
    journal.add("2026-11-25 14:00:02,123 INFO shop had an ERROR")
    journal.add("  File x, line 3")
    journal.add("kernel says no", priority=3)
    journal.add("CRITICAL:root:the end", priority=6)
    journal.add("slow", priority=4)
    journal.add("of another unit", priority=2, unit="db.service")
    journal.write()
    found = look(app)
    values = found["metrics"]
    assert (values["critical"], values["errors"], values["warnings"]) == (1, 2, 1)
    assert found["data"]["messages"][0]["message"] == "root:the end"


def test_runs_go_on_where_the_last_one_ended(app: Shop, journal: Journal) -> None:
    journal.add("one", priority=3)
    journal.write()
    assert look(app)["metrics"]["errors"] == 1
    journal.add("two", priority=3, ago=5)
    journal.write()
    assert look(app)["metrics"]["errors"] == 2
    assert look(app)["metrics"]["errors"] == 2


def test_a_quiet_unit_is_healthy_and_what_is_no_journal_unknown(app: Shop, journal: Journal) -> None:
    journal.add("fine")
    journal.write()
    assert look(app)["summary"] == "no errors in 60 min"
    assert (
        "The journal never had an entry of nope.service"
        in look(
            replace(
                app,
                setting={"LOGS": {"web": {"unit": "nope.service", "directory": str(journal.folder)}}},
                state=journal.folder.parent / "other",
            )
        )["message"]
    )
    (journal.folder / "system.journal").unlink()
    journal.folder.rmdir()
    found = look(app)
    assert (found["status"], found["summary"]) == ("unknown", "journal not readable")


def test_its_options_are_checked(shop: ShopFactory) -> None:
    run = shop(setting={"LOGS": {"web": {"unit": "x", "pattern": "y"}}}).json("logs")
    assert (run.code, "has an unknown option 'pattern'" in str(run.report)) == (3, True)


def test_of_many_entries_the_newest_are_read(app: Shop, journal: Journal) -> None:
    for number in range(20_100):
        journal.add(f"fine {number}", ago=600)
    for _ in range(5):
        journal.add("it broke", priority=2, ago=30)
    journal.write()
    found = look(app)
    assert found["metrics"]["critical"] == 5 and found["data"]["at_least"]
    assert found["summary"].startswith("at least 5 critical")
    journal.add("again", priority=2, ago=5)
    journal.write()
    found = look(app)
    assert (found["metrics"]["critical"], found["data"]["at_least"]) == (6, False)


def test_large_entries_and_strange_characters_are_read(app: Shop, journal: Journal) -> None:
    journal.add(f'{{"level": "error", "message": "{"x" * 5_000}"}}')
    journal.add("CRITICAL " + "y" * 4_200)
    journal.add("ERROR caf\u2028e \x85")
    journal.add("ERROR short")
    journal.write()
    values = look(app)["metrics"]
    assert (values["critical"], values["errors"]) == (1, 3)


def test_an_entry_of_the_same_second_is_read_once(app: Shop, journal: Journal) -> None:
    at = 5 + time.time() % 1
    journal.add("one", priority=3, ago=at)
    journal.write()
    assert look(app)["metrics"]["errors"] == 1
    journal.add("two", priority=3, ago=at - 0.001)
    journal.write()
    assert [look(app)["metrics"]["errors"] for _ in range(2)] == [2, 2]
