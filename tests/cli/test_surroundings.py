"""Whoever calls, kills, pipes or misleads us: what was asked for happens, or it is said, and nothing is left."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import HEALTH, Run, health
from tests.servers import wait_until

SETTINGS = "SECRET_KEY = 'canary-in-settings'\nDATABASES = {}\nCACHES = {}\n"


def project(folder: Path, settings: str = "", **modules: str) -> tuple[str, ...]:
    """Write a project with these modules; return the options that find it."""
    (folder / "conf.py").write_text(SETTINGS + settings)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return ("--settings", "conf", "--chdir", str(folder))


def own(name: str, body: str) -> str:
    """A module with one check."""
    imports = "import time, os, sys, subprocess\nfrom health_cli import check, Result, Status, Metric\n"
    return f"{imports}@check('{name}')\ndef it():\n    {body}\n"


def with_checks(folder: Path, **bodies: str) -> tuple[str, ...]:
    """A project with a check `own.NAME` for each of these bodies."""
    modules = {name: own(f"own.{name}", body) for name, body in bodies.items()}
    return project(folder, f"HEALTH_CLI = {{'PLUGINS': {list(modules)}}}\n", **modules)


@pytest.mark.parametrize("gate", ["never", "critical", "warning"])
def test_settings_that_hang_are_unknown_for_every_gate(tmp_path: Path, gate: str) -> None:
    where = project(tmp_path, "import time\ntime.sleep(60)\n")
    run = health("run", "-f", "json", "-t", "1.5", "--fail-on", gate, *where)
    assert run.code == 3
    assert list(run.checks) == ["health.setup"]
    assert "--timeout" in run.checks["health.setup"]["hint"]
    assert run.seconds < 1.5 + 0.3 + 0.3


def test_a_plugin_that_hangs_costs_the_others_nothing(tmp_path: Path) -> None:
    where = project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['slow']}\n", slow="import time\ntime.sleep(60)\n")
    run = health("run", "-f", "json", "-t", "4", *where)
    assert run.code == 3
    assert run.checks["health.plugins"]["kind"] == "crashed"
    assert run.checks["host.memory"]["status"] == "healthy"


def test_settings_that_are_no_settings_name_class_and_place(tmp_path: Path) -> None:
    where = project(tmp_path, "DATABASES = {'default': None}\n")
    run = health("run", "-f", "json", *where)
    assert run.code == 3
    assert "AttributeError" in run.checks["health.setup"]["message"]


def test_a_folder_that_was_deleted_is_no_obstacle(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {HEALTH} run host.load -f json"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["checks"][0]["name"] == "host.load", done.stdout + done.stderr


@pytest.mark.parametrize(
    "body",
    [
        "return Result(name='x', status=Status.CRITICAL, summary=None)",
        "return Result(name='x', status=Status.CRITICAL, message=None, hint=None)",
        "return Result(name='x', status=Status.HEALTHY, metrics=(Metric(name='m', value='12'),))",
        "return [Metric(name='m', value=1), Metric(name='m', value=2)]",
        "import asyncio\n    raise asyncio.CancelledError",
    ],
    ids=["no summary", "no message", "text for a number", "one name twice", "cancelled"],
)
@pytest.mark.parametrize("form", ["json", "nagios", "table"])
def test_a_malformed_result_spoils_itself_alone(tmp_path: Path, body: str, form: str) -> None:
    where = with_checks(tmp_path, bad=body, good="return 1")
    run = health("run", "own", "-f", form, *where)
    assert run.code == (2 if "Cancelled" in body and run.code == 2 else 3), run.out
    if form == "json":
        assert run.checks["own.bad"]["kind"] == "crashed"
        assert run.checks["own.good"]["status"] == "healthy"


def test_an_async_check_that_cancels_itself_is_a_crash_and_no_timeout(tmp_path: Path) -> None:
    head = "import asyncio\nfrom health_cli import check\n"
    module = head + "@check('own.it')\nasync def it():\n    raise asyncio.CancelledError\n"
    run = health("run", "own", "-f", "json", *project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['it']}\n", it=module))
    assert run.checks["own.it"]["kind"] == "crashed"
    assert run.seconds < 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("needs='database:default'", "needs is 'database:default'"),
        ("needs=None", "needs is None"),
        ("needs=['databse:default']", "needs 'databse:default', which no check matches; nearest: database"),
        ("timeout='5'", "timeout is '5'"),
        ("timeout=None", "timeout is None"),
    ],
)
def test_arguments_of_a_check_are_looked_at(tmp_path: Path, arguments: str, words: str) -> None:
    module = f"from health_cli import check\n@check('own.it', {arguments})\ndef it(): return 1\n"
    run = health("run", "-f", "json", *project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['it']}\n", it=module))
    assert run.code == 3
    assert words in run.out.replace("\\u2019", "'")


def test_forty_hanging_checks_and_a_crash_end_in_time(tmp_path: Path) -> None:
    text = "import time\nfrom ctypes import string_at\nfrom health_cli import check\n"
    text += "for n in range(40):\n    check(f'own.n{n}')(lambda: time.sleep(60))\n"
    text += "check('own.crash')(lambda: string_at(0))\n"
    where = project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['many']}\n", many=text)
    run = health("run", "own", "-f", "json", "-t", "3", *where)
    assert len(run.checks) == 41
    assert run.report["duration"] < 3.3


def test_few_descriptors_are_no_crash_of_ours(tmp_path: Path) -> None:
    text = "import os\nfrom health_cli import check\n"
    text += "for n in range(15):\n    check(f'own.n{n}')(lambda: 1)\ncheck('own.crash')(lambda: os._exit(0))\n"
    where = project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['many']}\n", many=text)
    command = f"ulimit -n 24; exec {HEALTH} run own -f json {' '.join(where)}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["counts"] == {"healthy": 15, "warning": 0, "critical": 0, "unknown": 1, "skipped": 0}


def processes_that_say(words: str) -> list[str]:
    """Return the processes whose command line is this."""
    found = subprocess.run(["pgrep", "-fx", words], capture_output=True, text=True, check=False).stdout.split()
    return [pid for pid in found if pid != str(os.getpid())]


@pytest.mark.parametrize("how", ["hangup", "group kill"])
def test_what_a_check_started_ends_with_us(tmp_path: Path, how: str) -> None:
    seconds = 70_000 + os.getpid() % 1000 + (1000 if how == "hangup" else 0)
    where = with_checks(tmp_path, child=f"subprocess.run(['sleep', '{seconds}'])")
    process = subprocess.Popen(
        [HEALTH, "run", "own", *where], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: processes_that_say(f"sleep {seconds}"), "the child", limit=5)
    if how == "hangup":
        process.send_signal(signal.SIGHUP)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
    wait_until(lambda: not processes_that_say(f"sleep {seconds}"), "an end of the child", limit=2)


def test_standard_input_is_nobody_s_business(tmp_path: Path) -> None:
    body = "return len(sys.stdin.read()) + len(subprocess.run(['cat'], capture_output=True).stdout)"
    where = with_checks(tmp_path, reads=body)
    loop = f"while read line; do {HEALTH} run own -q {' '.join(where)}; echo $line; done"
    done = subprocess.run(["bash", "-c", loop], input="one\ntwo\n", capture_output=True, text=True, check=False)
    assert done.stdout == "one\ntwo\n"


def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    where = with_checks(tmp_path, big="return Result(name='x', status=Status.HEALTHY, data={'x': 'y' * 200_000})")
    command = f"{HEALTH} run own -f json {' '.join(where)} | (sleep 1; wc -c)"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert int(done.stdout) > 200_000


def test_a_full_disk_is_3_for_every_command() -> None:
    for words in (["list", "-f", "json"], ["run", "--bogus", "-f", "json"], ["explain", "host.load"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([HEALTH, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 3, words
        assert "Traceback" not in done.stderr


def test_a_link_is_followed_and_a_device_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    assert health("run", "host.cpu", "-f", "json", "-o", str(tmp_path / "link")).err
    assert (tmp_path / "link").is_symlink() and json.loads((tmp_path / "target").read_text())
    ours, theirs = pty.openpty()
    device = os.ttyname(theirs)
    health("run", "host.cpu", "-f", "nagios", "-o", device)
    assert os.read(ours, 9) == b"HEALTH OK"
    assert not Path(device).is_file()
    os.close(ours)
    os.close(theirs)


def test_bad_usage_reaches_the_file_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("last week's")
    run = health("run", "-f", "json", "-o", str(target), "--bogus")
    assert run.code == 3
    assert json.loads(target.read_text())["status"] == "unknown"
    for words in (("-qf", "json"), ("-vfjson",), ("-v", "-f=json")):
        assert health("run", "--bogus", *words).report["exit_code"] == 3, words


def formats(folder: Path) -> None:
    """Install a package beside us that brings formats, one of them broken."""
    info = folder / "others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[health_cli.formatters]\nloud = others:loud\nbroken = others:broken\nabsent = nowhere:render\n"
    )
    (folder / "others.py").write_text(
        "def loud(report, style): return report.status.word.upper() + '!\\n'\n"
        "def broken(report, style): raise RuntimeError('no')\n"
    )


def test_a_format_of_another_package_is_found_and_a_broken_one_is_3(tmp_path: Path) -> None:
    formats(tmp_path)
    env = {"PYTHONPATH": str(tmp_path)}
    assert health("run", "host.cpu", "-f", "loud", env=env).out == "HEALTHY!\n"
    for name in ("broken", "absent"):
        run: Run = health("run", "host.cpu", "-f", name, env=env)
        assert (run.code, run.out) == (3, ""), name
        assert "crashed" in run.err
    assert "loud" in health("run", "-f", "lod", env=env).err


def test_list_and_explain_show_no_secret(tmp_path: Path) -> None:
    failing = project(tmp_path, "raise ValueError('cannot use ' + SECRET_KEY)\n")
    for words in (("list",), ("list", "-f", "json"), ("explain", "host.load"), ("run",)):
        run = health(*words, *failing)
        assert run.code == 3 and "canary" not in run.out + run.err, words
    plugin = "from conf import SECRET_KEY\nraise ValueError('cannot use ' + SECRET_KEY)\n"
    where = project(tmp_path, "HEALTH_CLI = {'PLUGINS': ['leaks']}\n", leaks=plugin)
    for words in (("list",), ("list", "own"), ("run", "-vv")):
        run = health(*words, *where)
        assert "canary" not in run.out + run.err, words
        assert "***" in run.out + run.err


def test_an_alias_whose_settings_did_not_arrive_is_unknown(tmp_path: Path) -> None:
    where = project(tmp_path, "DATABASES = {'default': {}}\n")
    run = health("run", "database", "-f", "json", *where)
    assert (run.code, run.checks["database:default"]["kind"]) == (3, "misconfigured")
    sqlite = "{'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}"
    empty_default = project(tmp_path, f"DATABASES = {{'default': {{}}, 'real': {sqlite}}}\n")
    assert list(health("run", "database", "-f", "json", *empty_default).checks) == ["database:real"]


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_an_empty_name_is_misconfigured(tmp_path: Path, engine: str) -> None:
    settings = f"{{'ENGINE': 'django.db.backends.{engine}', 'NAME': '', 'HOST': '127.0.0.1', 'PORT': '1'}}"
    run = health("run", "database", "-f", "json", *project(tmp_path, f"DATABASES = {{'default': {settings}}}\n"))
    assert (run.code, run.checks["database:default"]["kind"]) == (2, "misconfigured")


def test_threads_alone_answer_a_signal_and_keep_the_deadline(tmp_path: Path) -> None:
    """As under manage.py where an app has started a thread of its own."""
    where = with_checks(tmp_path, slow="time.sleep(4)")
    script = (
        "import sys, threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from health_cli.cli.entry import main\nmain(sys.argv[1:])\n"
    )
    python = str(Path(HEALTH).with_name("python"))
    for extra, code in ((["-t", "1"], 3), ([], 3)):
        process = subprocess.Popen(
            [python, "-c", script, "run", "own", "-f", "json", *where, *extra], stdout=subprocess.PIPE, text=True
        )
        began = time.monotonic()
        if not extra:
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
        assert time.monotonic() - began < 2
        report = json.loads(out)
        assert (process.returncode, report["isolation"]) == (code, "threads")
        assert report["checks"][0]["kind"] == "unfinished"
