"""file:NAME and host.process:NAME: real files, and real processes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.checks.made import Project, with_check
from tests.servers import wait_until


def look(project: Project, **about: Any) -> dict[str, Any]:
    name = "file:x" if "FILE" in about else "host.process:x"
    return with_check(project, name, **about).look(name)


def written(path: Path, ago: float, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - ago,) * 2)
    return path


def test_the_newest_of_a_glob_counts(project: Project, tmp_path: Path) -> None:
    for day in range(3):
        written(tmp_path / "backup" / f"shop-{day}.gz", ago=86_400 * day + 3_600, size=1000 + day)
    (tmp_path / "backup" / "shop-9.gz").mkdir()
    found = look(project, FILE=f"{tmp_path}/backup/*.gz", critical={"age": "26h", "size": "1KiB:"})
    assert found["metrics"]["files"] == 3 and found["metrics"]["age"] == pytest.approx(3_600, abs=30)
    assert (found["status"], "size is 1,000 B (critical " in found["message"]) == ("critical", True), found["message"]
    assert found["data"]["newest"].endswith("shop-0.gz")
    found = look(project, FILE=f"{tmp_path}/**/*.gz", warning="30min", critical="26h")
    assert (found["status"], found["metrics"]["size"]) == ("warning", 1000)
    found = look(project, FILE=f"{tmp_path}/backup/shop-2.gz", critical="26h")
    assert (found["status"], found["kind"]) == ("critical", "threshold"), found["message"]


def test_a_file_of_the_future_would_stay_young_and_is_unknown(project: Project, tmp_path: Path) -> None:
    found = look(project, FILE=str(written(tmp_path / "x", ago=-9_000)), critical="1h")
    assert (found["status"], found["summary"]) == ("unknown", "of a time to come")
    written(tmp_path / "y", ago=7_200)
    found = look(project, FILE=f"{tmp_path}/[xy]", critical="1h")
    assert (found["status"], found["data"]["newest"]) == ("critical", str(tmp_path / "y")), "the other one is judged"
    assert "1 of the files is of a time to come" in found["message"]
    (tmp_path / "y").unlink()
    found = look(project, FILE=str(written(tmp_path / "x", ago=-50)), critical="1h")
    assert (found["status"], found["metrics"]["age"]) == ("healthy", 0)


@pytest.mark.parametrize("name", ["none/*.gz", "none", "*.gz"])
def test_where_there_is_none_it_is_critical(project: Project, tmp_path: Path, name: str) -> None:
    found = look(project, FILE=f"{tmp_path}/{name}")
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "missing", "no file")


def test_what_can_not_be_looked_at_is_unknown(project: Project, tmp_path: Path) -> None:
    written(tmp_path / "plain", 0)
    found = look(project, FILE=f"{tmp_path}/plain/*.gz")
    assert (found["status"], "Not a directory" in found["message"]) == ("unknown", True)


@pytest.fixture
def sleepers() -> Iterator[list[int]]:
    words = [sys.executable, "-c", "import time; time.sleep(60)", "a-shop-of-ours"]
    started = [subprocess.Popen([*words, str(n)]) for n in range(3)]
    time.sleep(0.2)
    yield [each.pid for each in started]
    for each in started:
        each.kill()
        each.wait()


def test_processes_are_found_by_their_command_line(project: Project, sleepers: list[int]) -> None:
    found = look(project, PROCESS=r"python.*a-shop-of-ours \d")
    assert (found["status"], found["metrics"]["processes"]) == ("healthy", 3)
    assert found["data"]["pids"] == sorted(sleepers) and found["metrics"]["memory"] > 3 << 20
    assert 0 <= found["metrics"]["youngest"] <= found["metrics"]["oldest"] < 60
    found = look(project, PROCESS="a-shop-of-ours", warning="4:4")
    assert (found["status"], "processes is 3 (warning" in found["message"]) == ("warning", True), found["message"]
    assert look(project, PROCESS="a-shop-of-ours", user="no-such-user")["metrics"]["processes"] == 0


def test_without_one_it_is_critical(project: Project) -> None:
    found = look(project, PROCESS="no-program-is-called-like-that")
    assert (found["status"], found["metrics"]) == (
        "critical", {"processes": 0, "memory": None, "youngest": None, "oldest": None}
    )  # fmt: skip
    assert "systemctl" in found["hint"]


def test_our_own_process_does_not_count(project: Project) -> None:
    assert look(project, PROCESS="host.process:x")["metrics"]["processes"] == 0


def test_a_closed_folder_is_not_no_file(project: Project, tmp_path: Path) -> None:
    (tmp_path / "srv" / "b").mkdir(parents=True)
    found = look(project, FILE=f"{tmp_path}/srv/[b]/x.gz")
    assert (found["status"], found["summary"]) == ("critical", "no file")


def test_a_zombie_is_no_program_that_runs(project: Project, tmp_path: Path) -> None:
    program = tmp_path / "myserverz"
    shutil.copy("/bin/true", program)
    with subprocess.Popen([program]) as gone:
        wait_until(lambda: psutil.Process(gone.pid).status() == psutil.STATUS_ZOMBIE, "a zombie")
        found = look(project, PROCESS="myserverz")
    assert (found["status"], found["metrics"]["processes"]) == ("critical", 0)
