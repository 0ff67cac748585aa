"""`health run`: usage, output, and bare surroundings."""

import fcntl
import json
import os
import pty
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import HEALTH, SHOP, ShopFactory, health
from tests.servers import Silent


def test_alone_it_runs_the_host_without_a_project() -> None:
    run = health("-f", "json")
    names = set(run.checks)
    assert {"host.memory", "host.swap", "host.load", "host.cpu", "host.processes", "host.disk:/"} <= names
    assert all(name.startswith("host.") for name in names)


def test_the_embedded_default_follows_the_usual_variables(tmp_path: Path) -> None:
    (tmp_path / "db").touch()
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/db", "CACHE_URL": "redis://:canary-1@127.0.0.1:1/0"}
    run = health("run", "database", "cache", "-f", "json", env=env)
    assert run.checks["database:default"]["status"] == "healthy"
    assert run.checks["cache:default"]["kind"] == "refused"
    assert "canary" not in run.out
    other = health("run", "cache", "-f", "json", env={"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert other.checks["cache:default"]["kind"] == "refused"


@pytest.mark.parametrize("url", ["oracle://h/n", "mysql://h:99999999/n", "http://[", "mysql//x"])
def test_a_bad_url_is_no_success_and_shows_no_secret(url: str) -> None:
    run = health("run", "-f", "json", env={"DATABASE_URL": url})
    assert run.code == 3
    assert run.checks["health.setup"]["kind"] == "misconfigured"
    assert "DATABASE_URL" in run.checks["health.setup"]["message"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "databse"), "nearest: database"),
        (("run", "host.memry"), "nearest: host.memory"),
        (("run", "host", "--skip", "hots"), "nearest: host"),
        (("run", "host", "--skip", "host"), "No check is selected"),
        (("run", "host", "-w", "host.memory/used_percnt=5"), "nearest: host.memory/used_percent"),
        (("run", "host", "-w", "host.memory/used_percent=abc"), "'abc' is not a threshold"),
        (("run", "host", "-w", "host.memory/used_percent=96"), "can never fire before critical"),
        (("run", "host", "-w", "nothing"), "is not NAME=RANGE"),
        (("run", "--settings", "no.such.settings"), "can't be loaded: ModuleNotFoundError"),
        (("run", "--chdir", "/nowhere"), "--chdir /nowhere: No such file or directory"),
    ],
)
@pytest.mark.parametrize("form", ["table", "json", "nagios"])
def test_what_makes_no_sense_is_unknown_in_every_format(words: tuple[str, ...], expected: str, form: str) -> None:
    run = health(*words, "-f", form)
    text = " ".join((json.loads(run.out)["checks"][0]["message"] if form == "json" else run.out).split())
    assert (run.code, run.err) == (3, "")
    assert expected in text
    if form == "nagios":
        assert run.out.startswith("HEALTH UNKNOWN - health.setup ")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--bogus",), "No such option"),
        (("run", "-t", "0"), "out of range"),
        (("run", "-t", "5:green"), "is not SECONDS or SECONDS:STATE"),
        (("run", "-t", "5:healthy"), "is no state for it"),
        (("run", "--fail-on", "nothing"), "is not one of"),
        (("run", "-o", "/nowhere/report"), "there is no folder"),
        (("nonsense",), "There is no command"),
        (("rnu",), "nearest: run"),
    ],
)
def test_bad_usage_exits_with_3(words: tuple[str, ...], expected: str) -> None:
    plain, nagios = health(*words), health(*words, "-f", "nagios")
    document = health(*words, "--format=json")
    assert (plain.code, plain.out) == (3, "")
    assert expected in plain.err and "--help" in plain.err
    assert (nagios.code, nagios.err) == (3, "")
    assert nagios.out.startswith("HEALTH UNKNOWN - ") and expected in nagios.out
    assert document.code == 3 and document.report["status"] == "unknown"


def test_an_unknown_format_names_the_known_ones() -> None:
    run = health("-f", "jsn")
    assert (run.code, run.out) == (3, "")
    assert "There is no format 'jsn'; nearest: json. Formats: table, json, nagios." in run.err


def test_help_fits_one_screen_and_exits_with_0() -> None:
    for words in (("--help",), ("-h",), ("run", "--help"), ("list", "-h"), ("explain", "-h"), ("--version",)):
        run = health(*words)
        assert (run.code, run.err) == (0, ""), words
        assert max(map(len, run.out.splitlines())) <= 80, words
    assert len(health("--help").out.splitlines()) <= 23
    assert len(health("run", "--help").out.splitlines()) <= 40


@pytest.mark.parametrize(
    ("option", "code"), [((), 1), (("--fail-on", "critical"), 0), (("--fail-on", "never"), 0)], ids=str
)
def test_the_gate(option: tuple[str, ...], code: int) -> None:
    run = health("run", "host.memory", "-f", "json", "-w", "host.memory/used_percent=0", *option)
    assert (run.code, run.report["exit_code"], run.report["status"]) == (code, code, "warning")


def test_quiet_is_silent_when_healthy_and_only_then() -> None:
    relaxed = ("-w", "host.load/load15_per_cpu=1000", "-c", "host.load/load15_per_cpu=2000")
    assert health("run", "host.load", "-q", *relaxed).out == ""
    assert "used_percent" in health("run", "host.memory", "-q", "-w", "host.memory/used_percent=0").out
    refused = health("run", "-q", "-f", "nagios")
    assert refused.code == 3 and "always prints its line" in refused.out


def test_a_file_is_whole_and_readable(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    run = health("run", "host.load", "-f", "json", "-o", str(target))
    assert run.out == "" and "report in" in run.err
    assert json.loads(target.read_text())["schema"] == "health-cli/1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    relative = health("run", "host.load", "-f", "json", "-o", "here.json", "-q", "--chdir", str(SHOP), cwd=tmp_path)
    assert relative.err == "" and (tmp_path / "here.json").exists()


def test_a_file_that_can_not_be_written_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    run = health("run", "host.load", "-o", str(tmp_path / "report"))
    assert run.code == 3 and "can't be written" in run.err
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_bare_environment(shop: ShopFactory) -> None:
    """As Nagios and cron call it: env -i, no HOME, LANG=C, cwd /, and a user without a home."""
    project = shop()
    run = subprocess.run(
        [*stranger(), HEALTH, "run", "database", "host", "-f", "nagios", "--settings", "shop.settings",
         "--chdir", str(SHOP)],
        env={"LANG": "C", **project.env}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stderr == ""
    assert run.stdout.startswith("HEALTH CRITICAL - database:default no such file"), run.stdout
    assert run.returncode == 2


def stranger() -> list[str]:
    """What makes a command run as a user that has no home and no entry in /etc/passwd, where we are root.

    The capability lets it read an interpreter that lies in root's home.
    """
    if os.getuid():
        return []
    caps = "+dac_read_search"
    who = ["--reuid=12345", "--regid=12345", "--clear-groups"]
    return ["setpriv", *who, f"--inh-caps={caps}", f"--ambient-caps={caps}", "--"]


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "| true", "| head -c 5 >/dev/null"])
def test_streams_that_are_closed(closing: str, tmp_path: Path) -> None:
    code = tmp_path / "code"
    command = f"{{ {HEALTH} run host.memory -w host.memory/used_percent=0; echo $? >{code}; }} {closing}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert code.read_text().strip() == "1"
    assert "Traceback" not in done.stderr + done.stdout


def test_a_pipe_that_nobody_reads_does_not_hang() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"x" * 4096)
    began = time.monotonic()
    words = [HEALTH, "run", "host.cpu", "-t", "1"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False, timeout=10)
    assert time.monotonic() - began < 1.5
    assert (done.returncode, done.stderr) == (3, b"Error: standard output can't be written: nobody reads it\n")
    os.close(read)
    os.close(write)


def test_a_full_disk_is_no_success() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([HEALTH, "run", "host.cpu"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"No space left" in done.stderr


def test_colour_is_for_terminals_and_for_those_who_want_it() -> None:
    escape = "\x1b["
    assert escape not in health("run", "host.load").out
    assert escape in health("run", "host.load", env={"FORCE_COLOR": "1"}).out
    assert escape not in health("run", "host.load", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out
    assert escape not in health("run", "host.load", env={"FORCE_COLOR": ""}).out
    assert escape in on_terminal(["run", "host.load"])
    assert escape + "32" not in on_terminal(["run", "host.load"], {"NO_COLOR": "1"})


def on_terminal(words: list[str], env: dict[str, str] | None = None) -> str:
    """Return what a person would see on a terminal."""
    pid, terminal = pty.fork()
    if not pid:
        os.execve(HEALTH, [HEALTH, *words], {"PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "80", **(env or {})})
    seen = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # what Linux says when the other side is gone
            break
        if not chunk:
            break
        seen += chunk
    os.close(terminal)
    os.waitpid(pid, 0)
    return seen.decode()


def test_a_long_run_shows_on_a_terminal_what_is_still_running() -> None:
    silent = Silent()
    env = {"CACHE_URL": f"redis://127.0.0.1:{silent.port}"}
    seen = on_terminal(["run", "cache", "host.load"], env)
    piped = health("run", "cache", "host.load", env=env)
    silent.close()
    assert "still running: cache:default 1 s" in seen
    assert "still running" not in piped.out + piped.err
    assert seen.rindex("\x1b[K") < seen.index("CRITICAL"), "the line is cleared before the table"
    assert "still running" not in on_terminal(["run", "host.load"])


def test_options_may_stand_before_the_command() -> None:
    assert set(health("-f", "json", "run", "host.load").checks) == {"host.load"}
    assert "Settings: embedded default" in health("-v", "list", "host.load").out


def test_a_dash_is_standard_output(tmp_path: Path) -> None:
    run = health("run", "host.cpu", "-f", "json", "-o", "-", cwd=tmp_path)
    assert run.report["status"] == "healthy" and run.err == ""
    assert list(tmp_path.iterdir()) == []


def test_python_m_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "health_cli", "run", "host.cpu", "-f", "nagios"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("HEALTH OK - 1 healthy | host_cpu_")


def test_environment_variables_stand_in_for_options() -> None:
    env = {
        "HEALTH_FORMAT": "json", "HEALTH_SKIP": "host.disk host.cpu", "HEALTH_TIMEOUT": "7:critical",
        "HEALTH_FAIL_ON": "critical", "HEALTH_WARNING": "host.memory/used_percent=0 host.load/load1=~:",
    }  # fmt: skip
    run = health(env=env)
    assert run.code == 0 and run.report["fail_on"] == "critical"
    assert set(run.checks) == {"host.memory", "host.swap", "host.load", "host.processes"}
    assert run.checks["host.memory"]["status"] == "warning"
    broken = health(env={"HEALTH_FORMAT": "nagios", "HEALTH_TIMEOUT": "soon"})
    assert broken.code == 3 and broken.out.startswith("HEALTH UNKNOWN - ")
