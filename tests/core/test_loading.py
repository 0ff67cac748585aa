"""Loading: threads import one after the other, and nobody waits long for one that hangs."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from health_cli.core import loading
from health_cli.core.loading import alone, load
from tests.conftest import health


def test_one_that_hangs_holds_nobody_up_for_long() -> None:
    over = threading.Event()
    hung = threading.Thread(target=lambda: alone(over.wait), daemon=True)
    hung.start()
    began = time.monotonic()
    assert load("json").loads("1") == 1 and time.monotonic() - began < 1, "it is loaded already"
    assert alone(lambda: 7) == 7
    assert loading.PATIENCE - 0.5 < time.monotonic() - began < loading.PATIENCE + 2
    over.set()
    hung.join(5)


def test_a_process_that_was_forked_meanwhile_does_not_wait() -> None:
    over, begun = threading.Event(), threading.Event()
    hung = threading.Thread(target=lambda: alone(lambda: (begun.set(), over.wait())), daemon=True)
    hung.start()
    begun.wait(5)
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        alone(lambda: None)
        os._exit(0 if time.monotonic() - began < 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    over.set()
    hung.join(5)


def test_checks_that_load_the_project_together_get_the_whole_of_it(tmp_path: Path) -> None:
    """Where they do not do all of it one after the other, every seventh run gets half of a module of Django's."""
    subprocess.run([sys.executable, "-m", "django", "startproject", "site1", str(tmp_path)], check=True)
    for _ in range(15):
        run = health(
            "run", "deploy", "storage", "email", "-f", "json", cwd=tmp_path, env={"HEALTH_STATE_DIR": str(tmp_path)}
        )
        assert "initialized module" not in run.out and "Deadlock" not in run.out, run.out
