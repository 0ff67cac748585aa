"""`manage.py health`, `call_command`, and Django's system checks: the same command behind another door."""

import json
from pathlib import Path

import pytest

from tests.conftest import Shop, ShopFactory


@pytest.fixture
def project(shop: ShopFactory, tmp_path: Path) -> Shop:
    """The example project with its database migrated."""
    made = shop()
    done = made.manage("migrate", "--verbosity", "0")
    assert done.code == 0, done.err
    return made


def test_options_exit_codes_and_formats(project: Shop) -> None:
    run = project.manage("health", "-f", "json", "--fail-on", "critical")
    assert run.code == 0, run.out + run.err
    assert set(run.checks) >= {"database:default", "cache:default", "host.memory", "shop.backlog"}
    assert run.report["isolation"] == "process"
    bad = project.manage("health", "run", "host.memory", "-f", "nagios", "-w", "host.memory/used_percent=0")
    assert bad.code == 1 and bad.out.startswith("HEALTH WARNING - host.memory ")
    wrong = project.manage("health", "--bogus")
    assert wrong.code == 3 and "No such option" in wrong.err


def test_help_from_every_side(project: Shop) -> None:
    for words in (("health", "--help"), ("help", "health")):
        run = project.manage(*words)
        assert run.code == 0
        assert "Usage: manage.py health [OPTIONS] COMMAND" in run.out
    assert "--fail-on" in project.manage("health", "run", "--help").out


def test_django_s_own_options_are_accepted(project: Shop) -> None:
    run = project.manage(
        "health", "run", "host.memory", "--settings", "shop.settings", "--pythonpath", ".", "--verbosity", "2",
        "--no-color", "--traceback", "--skip-checks",
    )  # fmt: skip
    assert run.code in {0, 1}, run.err
    assert "used_percent" in run.out, "verbosity 2 is -v"


def call(project: Shop, code: str) -> dict[str, str]:
    """Run Python in the project after django.setup(), and return what it printed as JSON."""
    script = "import io, json, django; django.setup(); from django.core.management import call_command\n" + code
    run = project.manage("shell", "--no-imports", "-c", script)
    assert run.code == 0, run.err
    result: dict[str, str] = json.loads(run.out)
    return result


def test_call_command_returns_when_healthy_and_exits_when_not(project: Shop) -> None:
    result = call(
        project,
        "out = io.StringIO(); call_command('health', 'run', 'database', '--format=json', stdout=out)\n"
        "words = io.StringIO(); call_command('health', 'run', 'database', format='nagios', stdout=words)\n"
        "try: call_command('health', 'run', 'host.memory', warning=['host.memory/used_percent=0'], quiet=False,\n"
        "                  format='nagios', stdout=io.StringIO())\n"
        "except SystemExit as end: code = end.code\n"
        "print(json.dumps({'report': json.loads(out.getvalue())['status'], 'line': words.getvalue(), 'code': code}))",
    )
    assert result["report"] == "healthy"
    assert result["line"].startswith("HEALTH OK - 1 healthy | database_default_connect_time=")
    assert result["code"] == 1


def test_call_command_knows_the_options_of_nested_commands(project: Shop) -> None:
    result = call(
        project,
        "out = io.StringIO()\n"
        "call_command('health', 'alerts', 'silence', 'host', why='x', by='ann', stdout=out, **{'for': '2m'})\n"
        "print(json.dumps({'said': out.getvalue()}))",
    )
    assert result["said"].startswith("Silenced until 20")


def test_call_command_refuses_what_it_does_not_know(project: Shop) -> None:
    result = call(
        project,
        "try: call_command('health', colour='red')\n"
        "except TypeError as error: print(json.dumps({'error': str(error)}))",
    )
    assert "Unknown option(s) for health command: colour" in result["error"]


def test_with_other_threads_it_runs_in_process_and_says_so(project: Shop) -> None:
    result = call(
        project,
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "out = io.StringIO(); call_command('health', 'run', 'database', 'shop', '--format=json', stdout=out)\n"
        "table = io.StringIO(); call_command('health', 'run', 'database', stdout=table)\n"
        "r = json.loads(out.getvalue())\n"
        "print(json.dumps({'isolation': r['isolation'], 'status': r['status'], 'table': table.getvalue()}))",
    )
    assert result["isolation"] == "threads"
    assert result["status"] == "healthy"
    assert "Run within this process" in result["table"]


def test_what_a_check_prints_in_a_thread_is_no_part_of_the_report(project: Shop) -> None:
    result = call(
        project,
        "import sys, threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from health_cli import check\n"
        "check('shop.prints')(lambda: print('canary', file=sys.stderr))\n"
        "out = io.StringIO(); call_command('health', 'run', 'shop.prints', format='json', stdout=out)\n"
        "print(json.dumps({'status': json.loads(out.getvalue())['status']}))",
    )
    assert result["status"] == "healthy"


def test_a_module_that_can_not_be_imported_is_a_warning_of_the_system_checks(shop: ShopFactory) -> None:
    run = shop(setting={"PLUGINS": ["no.such.module"]}).manage("check")
    assert run.code == 0
    assert "(health_cli.W002)" in run.err and "no.such.module" in run.err


def test_system_checks_tell_what_a_run_would_refuse(shop: ShopFactory) -> None:
    broken = shop(
        setting={"TIMEOUT": 0, "THRESHHOLDS": {}, "THRESHOLDS": {"host.memory/used_percent": {"warning": "x"}}}
    )
    run = broken.manage("check")
    assert run.code == 1
    for words in (
        "(health_cli.E002) HEALTH_CLI has an unknown key 'THRESHHOLDS'; nearest: THRESHOLDS",
        "(health_cli.E003) HEALTH_CLI['TIMEOUT'] is 0",
        "(health_cli.E004) HEALTH_CLI['THRESHOLDS']['host.memory/used_percent']['warning']",
    ):
        assert words in run.err
    same = broken.health("run", "-f", "json")
    assert same.code == 3 and "THRESHHOLDS" in same.checks["health.setup"]["message"]
    lost = shop(setting={"THRESHOLDS": {"host.memory/used": {"warning": "1"}}, "SKIP": ["hots.*"]}).manage("check")
    assert "(health_cli.E005)" in lost.err and "host.memory/used_percent" in lost.err
    alias = shop(setting={"RECORD_DATABASE": "monitring"}).manage("check")
    assert alias.code == 1
    assert "(health_cli.E006) HEALTH_CLI['RECORD_DATABASE'] is 'monitring', and DATABASES has default." in alias.err


def test_patterns_about_alerts_that_mean_nothing_are_warned_of_and_refuse_no_run(shop: ShopFactory) -> None:
    hook = {"webhook": "https://hooks.example.org/", "checks": ["shop", "caks", "health.setup"]}
    made = shop(setting={"ALERT_AFTER": {"host.lod": 3, "host.disk:/elsewhere": 2, "*": 1}, "NOTIFY": [hook]})
    run = made.manage("check")
    assert (run.code, run.err.count("(health_cli.W003)")) == (0, 2)
    assert "HEALTH_CLI['ALERT_AFTER']: no check matches 'host.lod'; nearest: host.load" in run.err
    assert "HEALTH_CLI['NOTIFY'][0]['checks']: no check matches 'caks'" in run.err
    assert made.health("run", "host.memory").code == 0


LATE_URLS = """
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("admin/health/", include("health_cli.urls"))]
"""


def test_an_admin_without_the_page_is_warned_of(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "bare_urls.py").write_text("urlpatterns = []\n")
    env = {"SHOP_ADMIN": "django", "PYTHONPATH": str(tmp_path)}
    assert "W004" not in shop().manage("check", env=env).err
    bare = {**env, "SHOP_CELERY": json.dumps({"ROOT_URLCONF": "bare_urls"})}
    run = shop().manage("check", env=bare)
    assert (run.code, run.err.count("(health_cli.W004)")) == (0, 1)
    (tmp_path / "late_urls.py").write_text(LATE_URLS)
    run = shop().manage("check", env={**env, "SHOP_CELERY": json.dumps({"ROOT_URLCONF": "late_urls"})})
    assert "(health_cli.W004) The page's URL /admin/health/ is never reached" in run.err


HIDE_PSYCOPG = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("psycopg"): raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Hide())
"""


def test_a_record_whose_driver_is_missing_names_the_extra_and_is_no_crash(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE_PSYCOPG)
    hidden = {"PYTHONPATH": str(tmp_path)}
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    record = {"ENGINE": "django.db.backends.postgresql", "NAME": "record"}
    made = shop({"default": sqlite, "record": record}, setting={"RECORD_DATABASE": "record"})
    extra = "pip install 'health-cli[postgres]'"
    for words in (["alerts"], ["prune"], ["history", "host.load/load1"], ["last", "--host", "web9"]):
        run = made.health(*words, env=hidden, fresh=True)
        assert (run.code, extra in run.err, "crashed" in run.err) == (3, True, False), run.err
    run = made.json("host.load", options=["--record"], env=hidden, fresh=True)
    assert (extra in run.err, "(in " in run.err) == (True, False), run.err


def test_a_missing_driver_is_a_warning_of_the_system_checks(project: Shop, tmp_path: Path) -> None:
    """The driver is hidden by a finder that comes first, as a machine without it would be."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'redis': raise ModuleNotFoundError(\"No module named 'redis'\", name='redis')\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'redis' else real(name, *a)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    cache = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}
    made = Shop(tmp_path, {}, cache, {})
    run = made.json("cache", env={"PYTHONPATH": str(tmp_path)}, fresh=True)
    check = run.checks["cache:default"]
    assert (run.code, check["status"], check["kind"]) == (3, "unknown", "misconfigured"), run.out
    assert "pip install 'health-cli[redis]'" in check["hint"]
    listed = made.health("list", env={"PYTHONPATH": str(tmp_path)}, fresh=True)
    assert "pip install 'health-cli[redis]'" in listed.out
