"""PLUGIN in CHECKS: the real monitoring plugins of Debian, and programs that are none."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from health_cli.checks.plugin_output import parse
from tests.checks.declared.servers import answering, http
from tests.checks.made import Project, with_check
from tests.servers import MariaDB

FOLDER = "/usr/lib/nagios/plugins"


def look(project: Project, command: Any, env: dict[str, str] | None = None, **about: Any) -> dict[str, Any]:
    return with_check(project, "other.x", PLUGIN=command, **about).look("other.x", env=env)


def script(project: Project, text: str) -> list[str]:
    project.write("plugin.sh", "#!/bin/sh\n" + text)
    return ["/bin/sh", str(project.folder / "plugin.sh")]


def test_check_disk(project: Project) -> None:
    found = look(project, [f"{FOLDER}/check_disk", "-w", "1%", "-c", "0%", "-p", "/"])
    disk = psutil.disk_usage("/")
    assert (found["status"], found["message"].startswith("DISK OK")) == ("healthy", True), found["message"]
    assert found["metrics"]["root"] == pytest.approx(disk.used, rel=0.1), "in bytes"
    found = look(project, f"{FOLDER}/check_disk -w 100% -c 100% -p /")
    assert (found["status"], found["code"]) == ("critical", 2)
    assert found["hint"] == f"Run it by hand: {FOLDER}/check_disk -w 100% -c 100% -p /"


def test_check_load(project: Project) -> None:
    found = look(project, [f"{FOLDER}/check_load", "-w", "900,900,900", "-c", "999,999,999"])
    assert (found["status"], set(found["metrics"])) == ("healthy", {"load1", "load5", "load15"})
    run = project.health("run", "other.x", "-f", "json")
    (load,) = (m for m in run.checks["other.x"]["metrics"] if m["name"] == "load1")
    assert (load["warning"], load["critical"]) == ("900", "999")


def test_check_http(project: Project) -> None:
    with answering(http(body="hello")) as port:
        words = [f"{FOLDER}/check_http", "-H", "127.0.0.1", "-p", str(port)]
        assert look(project, words)["status"] == "healthy"
        found = look(project, [*words, "-s", "no such text"])
    assert (found["status"], "HTTP CRITICAL" in found["message"]) == ("critical", True)
    assert 0 < found["metrics"]["time"] < 2


def test_check_mysql(project: Project, mariadb: MariaDB) -> None:
    settings = mariadb.settings(NAME="")
    words = [f"{FOLDER}/check_mysql", "-H", settings["HOST"], "-P", str(settings["PORT"]), "-u", settings["USER"]]
    env = {"MYSQL_KEY": settings["PASSWORD"]}
    found = look(project, [*words, "-p", "env:MYSQL_KEY"], env)
    assert (found["status"], "Uptime: " in found["message"]) == ("healthy", True), found["message"]
    assert found["metrics"]["Threads_connected"] >= 1
    found = look(project, [*words, "-p", "wrong"])
    assert found["status"] == "critical" and "Access denied" in found["message"]
    with_check(project, "other.x", PLUGIN=[*words, "-p", "env:MYSQL_KEY", "-c", "x"])
    shown = project.health("run", "other.x", "-vv", env=env).out + project.health("explain", "other.x", env=env).out
    assert settings["PASSWORD"] not in shown and "env:MYSQL_KEY" in shown


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("echo 'fine | t=5ms;10;20'; exit 0", "healthy", "fine"),
        ("echo 'hm'; exit 1", "warning", "hm"),
        ("echo 'bad'; exit 2", "critical", "bad"),
        ("echo 'who knows'; exit 3", "unknown", "who knows"),
        ("echo 'what'; exit 77", "unknown", "The plugin exited with code 77: what."),
        ("kill -9 $$", "unknown", "The plugin was killed by signal 9."),
        ("exit 0", "unknown", "The plugin said nothing and exited with code 0."),
        ("echo oops >&2; exit 2", "unknown", "said nothing and exited with code 2: oops"),
        ("yes | head -c 3000000; exit 0", "healthy", "y"),
        ("sleep 30 & echo 'left a child'; exit 0", "healthy", "left a child"),
        ('[ "$PWD$LC_ALL" = /C ] && echo here && exit 0', "healthy", "here"),
    ],
)
def test_a_program_is_understood_by_its_code_and_line(project: Project, text: str, status: str, said: str) -> None:
    found = look(project, script(project, text))
    assert (found["status"], said in found["message"]) == (status, True), found["message"]


def test_its_exit_code_counts_whatever_its_numbers_say(project: Project) -> None:
    found = look(project, script(project, "echo 'fine | used=99;80;90 free=1;2;3'; exit 0"))
    (used, free) = project.health("run", "other.x", "-f", "json").checks["other.x"]["metrics"]
    assert (found["status"], used["status"], used["critical"], free["warning"]) == ("healthy", "healthy", None, "2")


def test_a_program_that_there_is_not_is_unknown(project: Project, tmp_path: Path) -> None:
    found = look(project, ["/no/such/check_disk"])
    assert (found["status"], found["kind"]) == ("unknown", "missing")
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert "Permission denied" in look(project, [str(plain)])["message"]


def test_one_that_hangs_is_killed_with_its_children(project: Project) -> None:
    mark = f"7{os.getpid()}.5"
    began = time.monotonic()
    found = look(project, script(project, f"sleep {mark} & sleep {mark}; echo done"), timeout=1.0)
    assert (found["status"], found["kind"]) == ("critical", "timeout")
    assert time.monotonic() - began < 3
    left = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert left == []


def test_one_that_the_runs_deadline_cuts_off_is_killed_too(project: Project) -> None:
    mark = f"8{os.getpid()}.5"
    with_check(project, "other.x", PLUGIN=script(project, f"sleep {mark} & sleep {mark}"))
    assert project.health("run", "other.x", "-t", "1").code == 3
    left = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert left == []


def test_what_a_plugin_leaves_behind_is_ended_though_it_has_ended_itself(project: Project) -> None:
    mark = f"39.{os.getpid()}"
    with_check(project, "other.x", PLUGIN=script(project, f"sleep {mark} & echo OK"))
    run = project.health("run", "other.x", "-f", "json")
    assert run.checks["other.x"]["status"] == "healthy", run.out
    left = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert left == []


EMBEDDED = """
import signal, sys
from health_cli.checks.plugin_client import run
from health_cli.core.errors import Failure
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
try:
    print(run(sys.argv[1:], 5, "it"))
except Failure as failure:
    print(failure.summary)
"""


@pytest.mark.parametrize("command", [["/bin/false"], ["/bin/sh", "-c", "sleep 0.3; echo OK; exit 2"]])
def test_where_ends_are_ignored_no_end_is_taken_for_a_good_one(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", EMBEDDED, *command], capture_output=True, text=True, check=True)
    assert done.stdout == "end not known\n", done.stderr


def test_the_grammar_of_performance_data() -> None:
    said = parse(
        "DISK OK - free | '/'=2MB;4;5;0;8 '/a b'=1KB 'it''s'=3 time=20ms;10:30;~:40 n=U c=7c x=1,5s bad= =3 p=5%;5;3\n"
        "more text\nand more | load1=0.5;;;0; /=9B\nload5=-1"
    )
    assert (said.text, said.more) == ("DISK OK - free", "more text\nand more")
    found = {m.name: (m.value, m.unit) for m in said.metrics}
    assert found == {
        "root": (2 << 20, "B"), "a_b": (1024, "B"), "it_s": (3, ""), "time": (0.02, "s"), "n": (None, ""),
        "c": (7, "c"), "x": (1.5, "s"), "p": (5, "%"), "load1": (0.5, ""), "root_2": (9, "B"), "load5": (-1, ""),
    }  # fmt: skip
    ranges = {m.name: (str(m.warning), str(m.critical), m.min, m.max) for m in said.metrics}
    assert ranges["root"] == (str(4 << 20), str(5 << 20), 0, 8 << 20)
    assert ranges["time"] == ("0.01:0.03", "~:0.04", None, None)
    assert ranges["p"][:2] == ("None", "None"), "a warning that can never fire"


@pytest.mark.parametrize(
    "text", ["", "|", "x | =", "x | 'a=1", "x|" + "a=1 " * 5_000, "'" * 50_000 + "|" + "'" * 50_000]
)
def test_strange_performance_data_is_no_crash(text: str) -> None:
    began = time.monotonic()
    assert len(parse(text).metrics) <= 200
    assert time.monotonic() - began < 2
