"""Logs as a project has them, by the command line: found, counted, rotated, refused, remembered."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.checks.made import Project
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
        (b"2026 FEHLER es brennt\n" * 30, {"pattern": r"^\d+ (?P<level>[A-Z]+)"}, "unknown", "no level in its lines"),
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
    assert both == f"unknown 1 {folder}/secret.log can't be read by this user; 1 x one"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"app": 7}, "['LOGS']['app'] must be a path, a list of paths"),
        ({"app": {"path": "/x"}}, "['LOGS']['app'] has an unknown option 'path'; nearest: paths"),
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


def test_a_rotation_takes_no_other_log_for_its_own(shop: ShopFactory, tmp_path: Path) -> None:
    app = shop(setting={"LOGS": {"app": str(tmp_path / "shop.log")}})
    add(tmp_path / "shop.log", line("one", 100), line("two", 90))
    assert counts(look(app)) == (0, 2, 0)
    (tmp_path / "shop.log").rename(tmp_path / "shop.log.1")
    for other in ("shop.payments.log", "shop_admin.log", "shop.log-notes.txt"):
        add(tmp_path / other, *(line(f"of another {n}") for n in range(50)))
    add(tmp_path / "shop.log", line("three"))
    assert counts(look(app)) == (0, 3, 0)


@pytest.mark.parametrize(("pattern", "name"), [("*.log", "app-20261125.log"), ("app.log*", "app.log.1")])
@pytest.mark.parametrize("copied", [False, True])
def test_a_glob_counts_a_rotated_file_once(
    shop: ShopFactory, tmp_path: Path, pattern: str, name: str, copied: bool
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    app = shop(setting={"LOGS": {"app": f"{folder}/{pattern}"}})
    file = folder / "app.log"
    add(file, *(line(f"first {n}", 100) for n in range(100)))
    assert counts(look(app)) == (0, 100, 0)
    add(file, line("late", 50))
    if copied:
        (folder / name).write_bytes(file.read_bytes())
        file.write_text("")
    else:
        file.rename(folder / name)
    add(file, line("new"))
    assert counts(look(app)) == (0, 102, 0)
    add(file, line("newer"))
    assert counts(look(app)) == (0, 103, 0)


def test_two_rotations_between_runs_with_one_packed_lose_nothing(app: Shop, file: Path) -> None:
    add(file, line("one", 100))
    assert counts(look(app)) == (0, 1, 0)
    file.rename(file.with_name("app.log.2"))
    between = "".join(line(f"between {n}", 50) for n in range(40))
    file.with_name("app.log.1.gz").write_bytes(gzip.compress(between.encode()))
    for age, name in ((900, "app.log.2"), (600, "app.log.1.gz")):
        os.utime(file.with_name(name), (time.time() - age,) * 2)
    add(file, line("new"))
    found = look(app)
    assert (counts(found), found["data"]["at_least"]) == ((0, 42, 0), False)
    file.rename(file.with_name("app.log.0"))
    os.utime(file.with_name("app.log.0"), (time.time() - 9,) * 2)
    file.with_name("app.log.1.xz").write_bytes(b"not unpacked here")
    add(file, line("newest"))
    found = look(app)
    assert (counts(found), found["data"]["at_least"]) == ((0, 43, 0), True)
    assert "app.log.1.xz can't be unpacked" in str(found["data"]["notes"])


def test_a_link_that_leads_elsewhere_now_loses_nothing(shop: ShopFactory, tmp_path: Path) -> None:
    link = tmp_path / "current.log"
    app = shop(setting={"LOGS": {"app": str(link)}})
    add(tmp_path / "a.log", line("one", 100))
    link.symlink_to(tmp_path / "a.log")
    assert counts(look(app)) == (0, 1, 0)
    add(tmp_path / "a.log", *(line(f"late {n}", 50) for n in range(5)))
    link.unlink()
    link.symlink_to(tmp_path / "b.log")
    add(tmp_path / "b.log", line("new"))
    assert counts(look(app)) == (0, 7, 0)
    assert counts(look(app)) == (0, 7, 0)


def test_of_many_files_the_newest_are_read_and_the_rest_is_told(shop: ShopFactory, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    app = shop(setting={"LOGS": {"app": f"{folder}/*.log"}})
    for number in range(55):
        add(folder / f"{number:02}.log", line("one", 100))
        os.utime(folder / f"{number:02}.log", (time.time() - 900 + number,) * 2)
    found = look(app)
    assert (found["metrics"]["errors"], found["data"]["at_least"]) == (50, True)
    assert "5 more files" in str(found["data"]["notes"])
    for number in range(55):
        add(folder / f"{number:02}.log", line("two"))
        os.utime(folder / f"{number:02}.log", (time.time() - number,) * 2)
    look(app)
    for number in range(55):
        os.utime(folder / f"{number:02}.log", (time.time() - 900 + number,) * 2)
    assert look(app)["metrics"]["errors"] == 110, "none twice"


def test_files_that_begin_alike_are_told_apart_by_their_inode(app: Shop, file: Path) -> None:
    header = "#" * 300 + "\n"
    for number in (3, 2, 1):
        add(file.with_name(f"app.log.{number}"), header, *(line(f"old {n}", 3_000) for n in range(10)))
        os.utime(file.with_name(f"app.log.{number}"), (time.time() - 1_000 * number,) * 2)
    add(file, header, line("one", 100))
    before = look(app)["metrics"]["errors"]
    file.rename(file.with_name("app.log.0"))
    add(file, header, line("two"))
    assert look(app)["metrics"]["errors"] == before + 1


def test_what_tells_no_time_and_can_not_be_remembered_is_unknown(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("ERROR boom\n" * 300)
    app = shop(setting={"LOGS": {"app": str(tmp_path / "app.log")}})
    (tmp_path / "nofolder").write_text("")
    run = app.json("logs:app", env={"HEALTH_STATE_DIR": str(tmp_path / "nofolder")})
    assert (run.code, run.checks["logs:app"]["summary"]) == (3, "nothing remembered")


def test_an_empty_log_without_a_state_folder_is_healthy(app: Shop, file: Path, tmp_path: Path) -> None:
    file.touch()
    (tmp_path / "nofolder").write_text("")
    run = app.json("logs:app", env={"HEALTH_STATE_DIR": str(tmp_path / "nofolder")})
    assert (run.code, run.checks["logs:app"]["summary"]) == (0, "no errors in 60 min")


def test_what_the_paths_no_longer_mean_is_forgotten_with_its_window(shop: ShopFactory, tmp_path: Path) -> None:
    link = tmp_path / "current.log"
    app = shop(setting={"LOGS": {"app": str(link)}})
    add(tmp_path / "a.log", line("one", 100))
    link.symlink_to(tmp_path / "a.log")
    look(app)
    link.unlink()
    link.symlink_to(tmp_path / "b.log")
    add(tmp_path / "b.log", line("two"))
    look(app)
    (kept,) = tmp_path.glob("record/*/memory/*.json")
    assert len(json.loads(kept.read_text())["files"]) == 2
    os.utime(tmp_path / "a.log", (time.time() - 3_700,) * 2)
    look(app)
    assert list(json.loads(kept.read_text())["files"]) == [str(tmp_path / "b.log")]


def test_a_log_that_was_just_rotated_is_known_since_its_beginning(app: Shop, file: Path) -> None:
    add(file.with_name("app.log.1"), *(line(f"before {n}", 1_800) for n in range(500)))
    add(file, line("fine", 120, "INFO"))
    found = look(app)
    assert found["summary"] == "no errors in 2 min" and found["data"]["covered"] == pytest.approx(120, abs=10)


def test_no_secret_lies_in_the_state_folder(shop: ShopFactory, file: Path) -> None:
    app = shop(
        setting={
            "LOGS": {"app": str(file)},
            "NOTIFY": [{"webhook": "https://x.example/", "secret": "a-secret-of-ours"}],
        }
    )
    add(file, line("password=hunter2 and a-secret-of-ours"), line("x" * 272 + " redis://bob:s3cretpassw0rdlong@db1/0"))
    look(app)
    kept = "".join(path.read_text() for path in Path(app.env["HEALTH_STATE_DIR"]).rglob("*.json"))
    assert "password=***" in kept
    shown = kept + app.json("logs:app").out
    assert not [secret for secret in ("hunter2", "a-secret-of-ours", "s3cretpass") if secret in shown]


def test_a_pipe_is_refused_without_being_opened(app: Shop, file: Path) -> None:
    os.mkfifo(file)
    with subprocess.Popen(["/bin/sh", "-c", f"echo x > {file}"]) as writer:
        assert look(app)["status"] == "unknown"
        time.sleep(0.2)
        assert writer.poll() is None, "who writes waits on"
        assert file.read_text() == "x\n"


def test_a_traceback_that_comes_in_parts_is_no_strange_log(app: Shop, file: Path) -> None:
    add(file, line("boom"), "Traceback (most recent call last):\n")
    look(app)
    add(file, *(f"  File {n}\n" for n in range(40)), "ValueError: x\n")
    assert look(app)["status"] == "healthy"


def test_level_words_in_a_few_messages_make_no_levels(app: Shop, file: Path) -> None:
    at = f"{datetime.now():%Y-%m-%d %H:%M:%S},123"
    add(file, *(f"{at} payment {n} failed: card declined\n" for n in range(30)), f"{at} sync INFO table done\n")
    found = look(app)
    assert (found["status"], found["summary"]) == ("unknown", "no level in its lines")


def test_a_handler_without_levels_has_its_own_and_its_time_is_understood(tmp_path: Path, file: Path) -> None:
    handler = {"class": "logging.FileHandler", "filename": str(file), "level": "ERROR", "formatter": "plain"}
    formatters = {"plain": {"format": "%(asctime)s %(message)s"}}
    project = Project(tmp_path).set(LOGGING={"version": 1, "handlers": {"app": handler}, "formatters": formatters})
    trace = "Traceback (most recent call last):\n  File x\nKeyError: 'key'\n"
    add(file, *(f"{datetime.now():%Y-%m-%d %H:%M:%S},123 boom {n}\n{trace}" for n in range(8)))
    found = project.look("logs:app")
    assert (found["metrics"]["errors"], found["data"]["messages"][0]["message"]) == (8, "boom 7\nKeyError: 'key'")


def test_another_path_begins_anew(shop: ShopFactory, tmp_path: Path) -> None:
    for name, count in (("a", 5), ("b", 2)):
        add(tmp_path / f"{name}.log", *(line(f"one {n}", 100) for n in range(count)))
        assert counts(look(shop(setting={"LOGS": {"app": str(tmp_path / f"{name}.log")}}))) == (0, count, 0)


def test_the_worst_message_stands_in_the_sentence(app: Shop, file: Path) -> None:
    add(file, *(line(f"order {n} failed", 100) for n in range(7)))
    run = app.json("logs:app", options=["-c", "logs:app/errors=5"])
    assert run.checks["logs:app"]["message"] == "errors is 7 (critical above 5); 7 x order 6 failed"
