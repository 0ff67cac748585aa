"""Whatever a check does, the report of every other check is complete, in time, and nothing is left behind."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import ROOT
from tests.conftest import HEALTH, Run, health
from tests.servers import wait_until

CALM = {"calm.quick": "healthy", "calm.slow": "healthy", "calm.last": "healthy"}

# What a check does -> the status and kind that it gets, and a word of its message.
CASES: dict[str, tuple[str, str | None, str]] = {
    "sleeps": ("critical", "timeout", "limit of 2 s"),
    "holds": ("critical", "timeout", "limit of 2 s"),
    "segfaults": ("unknown", "crashed", "SIGSEGV"),
    "killed": ("unknown", "crashed", "SIGKILL"),
    "forks": ("healthy", None, "1"),
    "forks_and_stays": ("healthy", None, "1"),
    "daemonizes": ("healthy", None, "1"),
    "exits": ("unknown", "crashed", "SystemExit"),
    "exits_hard": ("unknown", "crashed", "exited with code 0"),
    "prints": ("healthy", None, "1"),
    "fills": ("unknown", "crashed", "bytes of JSON"),
    "scribbles": ("healthy", None, "1"),
    "nonsense": ("unknown", "crashed", "returned dict"),
    "true": ("unknown", "crashed", "returned bool"),
    "nan": ("unknown", "crashed", "not a finite number"),
    "inner_nan": ("unknown", "crashed", "not a finite number"),
    "unwritable": ("unknown", "crashed", "TypeError"),
    "measurement": ("unknown", "crashed", "returned Measurement"),
    "raises": ("unknown", "crashed", "ordinary"),
    "raises_hostile": ("unknown", "crashed", "RuntimeError"),
    "recurses": ("unknown", "crashed", "RecursionError"),
    "starts_threads": ("healthy", None, "1"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A folder with a settings module that loads the troublesome checks."""
    (tmp_path / "trouble_settings.py").write_text(
        "SECRET_KEY = 'x'\nDATABASES = {}\nCACHES = {}\nHEALTH_CLI = {'PLUGINS': ['tests.core.trouble']}\n"
    )
    return tmp_path


def trouble(folder: Path, *names: str, options: tuple[str, ...] = ()) -> Run:
    """Run the calm checks beside these."""
    where = ("--settings", "trouble_settings", "--chdir", str(folder), "--pythonpath", str(ROOT))
    env = {"TROUBLE": " ".join(names)}
    return health("run", "calm", *(["trouble"] if names else []), "-f", "json", *where, *options, env=env)


def processes_of(folder: Path) -> list[str]:
    """Return the processes that work in this folder: none but ours does."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                where = os.readlink(process / "cwd")
            except OSError:
                continue
            if where == str(folder):
                found.append(process.name)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_others_are_complete_and_in_time(settings: Path, name: str) -> None:
    run = trouble(settings, name)
    status, kind, words = CASES[name]
    statuses = {check: result["status"] for check, result in run.checks.items()}
    assert statuses == {**CALM, f"trouble.{name}": status}, run.out
    result = run.checks[f"trouble.{name}"]
    assert result["kind"] == kind
    assert words in result["message"]
    assert (run.err, run.code) == ("", {"healthy": 0, "critical": 2, "unknown": 3}[status])
    assert run.seconds < 10.3
    wait_until(lambda: not processes_of(settings), "an end of every process", limit=1)


def test_all_trouble_at_once(settings: Path) -> None:
    run = trouble(settings, *CASES, options=("-t", "25"))
    assert {check: result["status"] for check, result in run.checks.items()} == {
        **CALM, **{f"trouble.{name}": case[0] for name, case in CASES.items()}
    }  # fmt: skip
    assert run.seconds < 25.3, "each of them loads the settings again, alone"
    assert run.code == 2
    wait_until(lambda: not processes_of(settings), "an end of every process", limit=1)


def test_the_deadline_holds_and_what_it_cuts_is_unfinished(settings: Path) -> None:
    run = trouble(settings, "sleeps", "holds", options=("-t", "3"))
    assert run.seconds < 3 + 0.3 + 0.3, "the last part is for Python to start"
    assert run.checks["trouble.sleeps"]["kind"] in {"unfinished", "timeout"}
    assert run.checks["trouble.holds"]["kind"] in {"unfinished", "timeout"}
    assert run.checks["calm.quick"]["status"] == "healthy"
    cut = trouble(settings, "sleeps", options=("-t", "2:critical"))
    assert (cut.code, cut.checks["trouble.sleeps"]["status"]) == (2, "critical")


def test_what_checks_print_is_held_back_and_shown_when_asked_for(settings: Path) -> None:
    where = ("--settings", "trouble_settings", "--chdir", str(settings), "--pythonpath", str(ROOT))
    env = {"TROUBLE": "prints"}
    for form in ("table", "nagios"):
        quiet = health("run", "trouble", "-f", form, *where, env=env)
        loud = health("run", "trouble", "-f", form, "-vv", *where, env=env)
        assert "noise" not in quiet.out + quiet.err + loud.err
        for words in ("noise on stdout", "noise on stderr", "raw noise", "noise of a child"):
            assert words in loud.out


def test_forty_checks_that_wait_end_together(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(
        "import time\nfrom health_cli import check\n"
        "for n in range(40):\n    check(f'wait.n{n}')(lambda: time.sleep(0.25))\n"
    )
    (tmp_path / "waiting_settings.py").write_text(
        "SECRET_KEY = 'x'\nDATABASES = {}\nCACHES = {}\nHEALTH_CLI = {'PLUGINS': ['waiting']}\n"
    )
    where = ("--settings", "waiting_settings", "--chdir", str(tmp_path))
    run = min((health("run", "wait", "-f", "json", *where) for _ in range(3)), key=lambda r: r.report["duration"])
    assert run.report["counts"]["healthy"] == 40
    assert run.report["duration"] < 0.6


def interrupt(folder: Path, after: float, number: int, *names: str) -> tuple[int, str, float]:
    """Start a run, send a signal after some time, and return exit code, output and the seconds it took to end."""
    process = subprocess.Popen(
        [HEALTH, "run", "-f", "json", "--settings", "trouble_settings", "--chdir", str(folder),
         "--pythonpath", str(ROOT), "calm", *names],
        env={"TROUBLE": "sleeps holds", "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(after)
    process.send_signal(number)
    began = time.monotonic()
    out, _ = process.communicate(timeout=10)
    return process.returncode, out, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
@pytest.mark.parametrize("after", [0.2, 0.5, 3.0])
def test_a_signal_prints_what_is_known(settings: Path, number: int, after: float) -> None:
    code, out, seconds = interrupt(settings, after, number, "trouble")
    assert code == (130 if number == signal.SIGINT else 3)
    report = _report(out)
    assert report["exit_code"] == code
    assert seconds < 0.5
    if after > 1:
        known = {check["name"]: check["status"] for check in report["checks"]}
        assert known["calm.quick"] == "healthy"
    wait_until(lambda: not processes_of(settings), "an end of every process", limit=1)


def _report(text: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(text)
    return report


def test_the_worker_does_not_outlive_a_killed_supervisor(settings: Path) -> None:
    process = subprocess.Popen(
        [HEALTH, "run", "trouble", "--settings", "trouble_settings", "--chdir", str(settings),
         "--pythonpath", str(ROOT)],
        env={"TROUBLE": "sleeps holds", "PATH": os.environ["PATH"]}, cwd=settings, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: len(processes_of(settings)) > 1, "a worker", limit=5)
    process.kill()
    process.wait()
    wait_until(lambda: not processes_of(settings), "an end of the worker", limit=2)
