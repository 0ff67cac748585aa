"""Logs as a project has them, by the command line: found, counted, rotated, refused, remembered."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.conftest import Shop, ShopFactory


def line(text: str, ago: float = 0, level: str = "ERROR") -> str:
    """A line of a log in the machine's time, which is not that of Django's settings."""
    at = datetime.now() - timedelta(seconds=ago)
    return f"{at:%Y-%m-%d %H:%M:%S},123 {level} {text}\n"


def add(file: Path, *lines: str) -> None:
    with file.open("a") as opened:
        opened.writelines(lines)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def app(shop: ShopFactory, file: Path) -> Shop:
    """A shop with one log, `app`."""
    return shop(setting={"LOGS": {"app": str(file)}})


def look(shop: Shop, name: str = "logs:app", *options: str) -> dict[str, Any]:
    """What a run says of a log: the check with its metrics by name."""
    run = shop.json(name, options=options)
    return {**run.checks[name], "metrics": run.metrics(name), "code": run.code}


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    metrics = found["metrics"]
    return metrics["critical"], metrics["errors"], metrics["warnings"]


def test_what_is_bad_in_the_last_hour_is_counted_and_told(app: Shop, file: Path) -> None:
    add(file, *(line("too old", ago=4_000 + n) for n in range(50, 0, -1)), line("fine", 3_000, "INFO"))
    add(file, *(line(f"order {n} failed", 2_000 - n) for n in range(3)), line("slow", 100, "WARNING"))
    add(file, line("it broke", 50, "CRITICAL"), "Traceback (most recent call last):\n  File x\nKeyError: 'paid'\n")
    found = look(app)
    assert (found["status"], counts(found)) == ("healthy", (1, 3, 1))
    assert found["summary"] == "1 critical, 3 errors in 60 min"
    assert found["metrics"]["errors_per_minute"] == pytest.approx(4 / 60)
    first, second, third = found["data"]["messages"]
    assert (first["level"], first["message"]) == ("critical", "it broke\nKeyError: 'paid'")
    assert (second["count"], second["message"]) == (3, "order 2 failed")
    assert third["level"] == "warning"


def test_thresholds_judge_and_secrets_are_masked(app: Shop, file: Path) -> None:
    add(file, line("login failed with password=hunter2 at mysql://root:hunter2@db1/shop"))
    run = app.json("logs:app", options=["-c", "logs:app/errors=0"])
    assert (run.code, run.checks["logs:app"]["kind"]) == (2, "threshold")
    assert "hunter2" not in run.out and "password=***" in run.out


def test_runs_remember_and_a_rotation_counts_once(app: Shop, file: Path) -> None:
    add(file, line("one", 10))
    assert counts(look(app)) == (0, 1, 0)
    add(file, line("two", 5), "ERROR:root:without a time\n")
    assert counts(look(app)) == (0, 3, 0)
    add(file, line("three", 3))
    file.rename(file.with_name("app.log.1"))
    add(file, line("four", 1))
    assert counts(look(app)) == (0, 5, 0)
    assert counts(look(app)) == (0, 5, 0)
    os.truncate(file, 0)
    found = look(app)
    assert (counts(found), found["data"]["at_least"]) == ((0, 5, 0), True), "it was cut without a copy"


def test_without_a_place_to_remember_the_end_is_read_each_time(app: Shop, file: Path) -> None:
    (app.state / "record").write_text("no folder")
    add(file, line("one", 10))
    for _ in range(2):
        found = look(app)
        assert counts(found) == (0, 1, 0)
        assert "nothing is remembered" in found["data"]["notes"][0]


def test_what_was_remembered_may_be_damaged(app: Shop, file: Path) -> None:
    add(file, line("one", 10))
    look(app)
    (kept,) = (app.state / "record").glob("*/memory/logs%3Aapp.json")
    kept.write_text('{"since": "never"}')
    assert counts(look(app)) == (0, 1, 0)
    assert json.loads(kept.read_text())["since"]


def test_django_handlers_are_found_with_their_format(shop: ShopFactory, tmp_path: Path) -> None:
    here = shop()
    found = look(here, "logs:file")
    assert (found["status"], found["summary"], found["code"]) == ("skipped", "no file yet", 3)
    code = "import logging; logging.getLogger('shop').error('no stock'); logging.getLogger('shop').info('ok')"
    assert here.manage("shell", "--command", code).code == 0
    found = look(here, "logs:file")
    assert (counts(found), found["data"]["messages"][0]["logger"]) == ((0, 1, 0), "shop")


def test_globs_follow_files_that_come_and_go(shop: ShopFactory, tmp_path: Path) -> None:
    here = shop(setting={"LOGS": {"workers": [str(tmp_path / "w*.log")]}})
    add(tmp_path / "w1.log", line("one", 10))
    assert counts(look(here, "logs:workers")) == (0, 1, 0)
    add(tmp_path / "w2.log", line("two", 5), "ERROR:root:without a time\n")
    assert counts(look(here, "logs:workers")) == (0, 3, 0)
    (tmp_path / "w1.log").unlink()
    assert counts(look(here, "logs:workers")) == (0, 3, 0)


def test_more_than_is_read_is_at_least(app: Shop, file: Path) -> None:
    add(file, line("one", 10))
    look(app)
    add(file, *[line("x" * 200)] * 45_000)
    found = look(app)
    assert found["data"]["at_least"] is True
    assert found["summary"].startswith("at least ")
    assert 30_000 < found["metrics"]["errors"] < 45_000
    assert "were not read" in found["data"]["notes"][0]


@pytest.mark.parametrize(
    ("content", "options", "status", "summary"),
    [
        (None, {}, "warning", "no file"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(1, 32)) * 99, {}, "unknown", "no text"),
        ("fehler: größe\n".encode("utf-16-le") * 30, {}, "unknown", "no text"),
        (b"once upon a time\n" * 30, {}, "unknown", "no level in its lines"),
        (b"2026 FEHLER es brennt\n" * 30, {"pattern": r"^\d+ (?P<level>[A-Z]+)"}, "healthy", "no errors in 60 s"),
        (b"\xff\xfe" + "ERROR:root:größer\n".encode("utf-16-le"), {}, "healthy", "no errors in 60 s"),
        (b"ERROR:root:gr\xf6\xdfer\n", {"encoding": "latin-1"}, "healthy", "no errors in 60 s"),
        (b"ERROR:root:x\n", {"encoding": "klingon"}, "unknown", "unknown encoding"),
        (b"", {}, "healthy", "no errors in 60 min"),
    ],
)  # fmt: skip
def test_what_can_be_in_a_file(
    shop: ShopFactory, file: Path, content: bytes | None, options: dict[str, str], status: str, summary: str
) -> None:
    if content is not None:
        file.write_bytes(content)
    found = look(shop(setting={"LOGS": {"app": {"paths": str(file), **options}}}))
    assert (found["status"], found["summary"]) == (status, summary)


def test_the_encoding_is_followed(shop: ShopFactory, file: Path) -> None:
    here = shop(setting={"LOGS": {"app": {"paths": str(file), "encoding": "latin-1"}}})
    file.write_bytes(line("größer", 5).encode("latin-1"))
    assert look(here)["data"]["messages"][0]["message"] == "größer"


def test_holes_of_a_writer_that_does_not_append_are_none(app: Shop, file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(5_000)
        opened.seek(5_000)
        opened.write(line("after the hole").encode())
    assert counts(look(app)) == (0, 1, 0)


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A folder that other users may look into."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_may_not_be_read_is_unknown_with_what_to_do(anybodys: Path) -> None:
    """As a user who is not root, and so is refused."""
    for name in ("open.log", "secret.log"):
        add(anybodys / name, line("one", 5))
    (anybodys / "secret.log").chmod(0)
    (anybodys / "closed").mkdir(mode=0)
    code = f"""
import os
from health_cli.checks.logs.log import Log
from health_cli.core.errors import Failure
if os.getuid() == 0:
    os.setuid(65534)
for path in ("secret.log", "closed/app.log", "closed/*.log"):
    try:
        Log(paths=({str(anybodys)!r} + "/" + path,)).gather()
    except Failure as failure:
        print(failure.kind.value, failure.status.word, "usermod" in failure.hint, failure.message)
both = Log(name="logs:both", paths=({str(anybodys / "*.log")!r},))
result = both.judge(both.gather())
print(result.status.word, [m.value for m in result.metrics][1], result.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    *refused, both = done.stdout.splitlines() or [done.stderr]
    folder = os.path.realpath(anybodys)
    assert [text.removeprefix(f"auth unknown True {folder}/") for text in refused] == [
        f"{path} can't be read by this user." for path in ("secret.log", "closed/app.log", "closed")
    ], done.stderr
    assert both == f"unknown 1 {folder}/secret.log can't be read by this user"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"app": 7}, "['LOGS']['app'] is 7: it must be a path, a list of paths"),
        ({"app": {"path": "/x"}}, "['LOGS']['app'] is None: it must be a path"),
        ({"app": {"paths": "/x", "patern": "x"}}, "['LOGS']['app'] has an unknown option 'patern'"),
        ({"app": {"paths": "/x", "pattern": "("}}, "['LOGS']['app']['pattern'] is no regular expression"),
        ({"app": {"paths": "/x", "pattern": "x"}}, "['LOGS']['app']['pattern'] must have a group 'level'"),
        ({"app": {"paths": "/x", "floor": "bad"}}, "['LOGS']['app']['floor'] is 'bad': it must be one of warning"),
        ({"app": {"paths": "/x", "window": 0}}, "['LOGS']['app']['window'] must be a number of seconds"),
        ([], "['LOGS'] is []: it must be a dict of names and paths"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(shop: ShopFactory, given: Any, said: str) -> None:
    run = shop(setting={"LOGS": given}).json("logs")
    assert (run.code, said in str(run.report)) == (3, True), run.out
