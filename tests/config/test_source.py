"""Where the settings come from; in processes of their own, since Django's are global."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from health_cli.config.source import EMBEDDED, embedded, environment_secrets
from health_cli.core.errors import ConfigError
from health_cli.core.redaction import Redactor

SECRET = "hunter2-hunter2"

# Prints what `locate` found, or the error that it raised, as JSON.
LOCATE = """
import json, sys
from health_cli.config.source import locate
from health_cli.core.errors import ConfigError
try:
    found = locate(*json.loads(sys.argv[1]))
    setting = {"name": found.name, "setting": found.setting, "secrets": sorted(found.secrets), "apps": found.apps,
               "databases": sorted(found.databases), "caches": sorted(found.caches),
               "loaded": sorted(name for name in sys.modules if name.startswith("django."))}
except ConfigError as error:
    setting = {"error": error.message, "hint": error.hint, "secrets": sorted(getattr(error, "secrets", ())),
               "type": type(error).__name__}
print(json.dumps(setting))
"""


def locate(
    cwd: Path, settings: str | None = None, chdir: str | None = None, pythonpath: str | None = None, **environ: str
) -> dict[str, Any]:
    """Call `locate` in this folder, with nothing in the environment but what is given."""
    done = subprocess.run(
        [sys.executable, "-c", LOCATE, json.dumps([settings, chdir, pythonpath])],
        cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def settings_file(folder: Path, name: str, text: str = "") -> None:
    """A settings module that says its own name in HEALTH_CLI."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(f"SECRET_KEY = {SECRET!r}\nHEALTH_CLI = {{'from': {name!r}}}\n{text}")


MANAGE = """import os, sys
if __name__ == "__main__":
    os.environ.setdefault({quote}DJANGO_SETTINGS_MODULE{quote}, {quote}{module}{quote})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a manage.py and three settings modules."""
    (tmp_path / "manage.py").write_text(MANAGE.format(quote='"', module="by_manage"))
    for name in ("by_manage", "by_environment", "by_option"):
        settings_file(tmp_path, name)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("by_option", {"DJANGO_SETTINGS_MODULE": "by_environment"}, "by_option"),
        ("by_option", {}, "by_option"),
        (None, {"DJANGO_SETTINGS_MODULE": "by_environment"}, "by_environment"),
        (None, {"DJANGO_SETTINGS_MODULE": ""}, "by_manage"),
        (None, {}, "by_manage"),
    ],
    ids=["option before environment", "option", "environment", "empty environment", "manage.py"],
)
def test_the_settings_come_from_the_strongest_place(
    project: Path, option: str | None, environ: dict[str, str], expected: str
) -> None:
    found = locate(project, option, **environ)
    assert (found["name"], found["setting"]) == (expected, {"from": expected})
    assert SECRET in found["secrets"]


def test_manage_py_is_found_in_a_parent_folder(project: Path) -> None:
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    assert locate(deep)["name"] == "by_manage"
    assert locate(deep, "by_option")["name"] == "by_option", "its folder can be imported from"


def test_the_nearest_manage_py_counts(project: Path) -> None:
    inner = project / "inner"
    settings_file(inner, "by_inner")
    (inner / "manage.py").write_text(MANAGE.format(quote="'", module="by_inner"))
    assert locate(inner)["name"] == "by_inner"


def test_chdir_leads_to_the_project(project: Path) -> None:
    assert locate(Path("/"), chdir=str(project))["name"] == "by_manage"


def test_pythonpath_leads_to_the_module(project: Path) -> None:
    settings_file(project / "elsewhere", "by_path")
    assert locate(project, "by_path", pythonpath=str(project / "elsewhere"))["name"] == "by_path"


def test_chdir_to_nowhere_is_refused(tmp_path: Path) -> None:
    found = locate(tmp_path, chdir="missing")
    assert found["error"] == "--chdir missing: No such file or directory."


def test_a_manage_py_that_names_no_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("import os\n")
    found = locate(tmp_path)
    assert "manage.py names no DJANGO_SETTINGS_MODULE" in found["error"]
    assert "--settings" in found["hint"]


@pytest.mark.parametrize("text", ["os.environ['DJANGO_SETTINGS_MODULE'] = 'by_manage'", "", "\0\udcff"], ids=ascii)
def test_a_strange_manage_py_is_no_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "manage.py").write_bytes(text.encode(errors="surrogateescape"))
    settings_file(tmp_path, "by_manage")
    found = locate(tmp_path)
    assert found.get("name") == "by_manage" or "names no DJANGO_SETTINGS_MODULE" in found["error"]


def test_settings_that_are_configured_already_are_taken(tmp_path: Path) -> None:
    code = f"from django.conf import settings; settings.configure(SECRET_KEY={SECRET!r}, HEALTH_CLI={{'a': 1}})"
    done = subprocess.run(
        [sys.executable, "-c", code + LOCATE, "[null, null, null]"],
        cwd=tmp_path, env={}, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["name"], found["setting"], SECRET in found["secrets"]) == ("settings.configure()", {"a": 1}, True)


def test_reading_the_settings_loads_little_of_django(tmp_path: Path) -> None:
    settings_file(tmp_path, "plain", 'STATIC_URL = "static/"\nMEDIA_URL = "https://me:media-secret@cdn.test/"\n')
    found = locate(tmp_path, settings="plain")
    heavy = {"django.urls", "django.http", "django.db", "django.apps", "django.forms", "django.template"}
    assert "django.conf" in found["loaded"]
    assert heavy & set(found["loaded"]) == set()
    assert "media-secret" in found["secrets"]


# With no project


def test_without_a_project_the_default_is_embedded(tmp_path: Path) -> None:
    found = locate(tmp_path)
    assert (found["name"], found["databases"], found["caches"]) == (EMBEDDED, [], [])


def test_the_embedded_default_takes_the_usual_variables(tmp_path: Path) -> None:
    found = locate(tmp_path, DATABASE_URL="mysql://u:p@h/n", REDIS_URL="redis://h")
    assert (found["name"], found["databases"], found["caches"]) == (EMBEDDED, ["default"], ["default"])


@pytest.mark.parametrize(
    ("environ", "location"),
    [
        ({"CACHE_URL": "redis://one", "REDIS_URL": "redis://two"}, "redis://one"),
        ({"CACHE_URL": "", "REDIS_URL": "redis://two"}, "redis://two"),
        ({"CACHE_URL": "memcached://one"}, "one:11211"),
    ],
)
def test_cache_url_goes_before_redis_url(environ: dict[str, str], location: str) -> None:
    assert embedded(environ).caches["default"]["LOCATION"] == location


@pytest.mark.parametrize("environ", [{}, {"DATABASE_URL": "", "CACHE_URL": "", "REDIS_URL": ""}], ids=["none", "empty"])
def test_without_variables_there_is_no_service(environ: dict[str, str]) -> None:
    source = embedded(environ)
    assert (source.databases, source.caches) == ({}, {})


def test_a_bad_variable_is_named_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL has the scheme 'oracle'") as caught:
        embedded({"DATABASE_URL": f"oracle://u:{SECRET}@h/n"})
    assert SECRET not in str(caught.value)


def test_the_secrets_of_the_environment() -> None:
    environ = {"DB_PASSWORD": "a", "DATABASE_URL": "mysql://u:b@h/n", "PATH": "/bin", "HOME": "/root"}
    assert environment_secrets(environ) == {"a", "b"}


# Settings that fail

FAILING = {
    "constant": "raise RuntimeError('no ' + SECRET_KEY)",
    "nested": "DATABASES = {'default': {'PASSWORD': 'other-hunter2'}}\nraise ValueError(DATABASES)",
    "url": "BROKER = 'amqp://u:other-hunter2@h//'\nraise ValueError('can not reach ' + BROKER)",
    "url of no name": "raise ValueError('can not reach redis://:other-hunter2@h')",
    "decoded": "URL = 'redis://:other%2Dhunter2@h'\nraise ValueError('denied other-hunter2')",
    "in a function": "def read(key): raise KeyError(key)\nread(SECRET_KEY)",
    "in another module": "import more_settings",
    "with a cause": "try:\n    int(SECRET_KEY)\nexcept ValueError as e:\n    raise RuntimeError(str(e)) from e",
    "exit": "import sys\nsys.exit('bad ' + SECRET_KEY)",
    "environment": "import os\nraise RuntimeError('bad ' + os.environ['DB_PASSWORD'])",
    "local": "def connect():\n    password = 'other-' + 'hunter2'\n    raise OSError('denied ' + password)\nconnect()",
    "lower case": "db_password = 'other-' + 'hunter2'\nraise OSError('denied ' + db_password)",
}


@pytest.mark.parametrize("text", FAILING.values(), ids=FAILING.keys())
def test_a_secret_in_the_error_of_a_settings_module_is_known_or_masked(tmp_path: Path, text: str) -> None:
    settings_file(tmp_path, "failing", text)
    settings_file(tmp_path, "more_settings", "TOKEN = 'other-hunter2'\nraise RuntimeError(TOKEN + SECRET_KEY)")
    environ = {"DB_PASSWORD": "env-hunter2"}
    found = locate(tmp_path, "failing", **environ)
    assert found["type"] == "SettingsError"
    assert "hunter2" in found["error"], "the test shows something only where there is something to mask"
    # The catalogue adds those of the environment.
    redactor = Redactor([*found["secrets"], *environment_secrets(environ)])
    assert "hunter2" not in redactor.text(found["error"])


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'", "Is it installed"),
        ("1 / 0", "ZeroDivisionError: division by zero (in <module>, ", "python -m django check --settings failing"),
        ("x = (", "SyntaxError", "python -m django check --settings failing"),
        ("raise SystemExit(3)", "SystemExit: 3", "python -m django check"),
        ("class E(Exception):\n  def __str__(self): raise KeyError\nraise E", "E: (no text", "python -m django check"),
    ],
    ids=["missing package", "exception", "syntax", "exit", "mute"],
)
def test_a_failing_settings_module_is_named_with_reason_and_place(
    tmp_path: Path, text: str, words: str, hint: str
) -> None:
    settings_file(tmp_path, "failing", text)
    found = locate(tmp_path, "failing")
    assert found["error"].startswith("The settings 'failing' can't be loaded: ")
    assert words in found["error"]
    assert hint in found["hint"]


@pytest.mark.parametrize("name", ["no_such_module", "no.such.module", "../etc", "a b", ".relative"])
def test_a_settings_module_that_is_not_there(tmp_path: Path, name: str) -> None:
    found = locate(tmp_path, name)
    assert found["type"] == "SettingsError"
    assert f"The settings '{name}' can't be loaded" in found["error"]


@pytest.mark.parametrize("words", [["-f", "json"], ["-f", "nagios"], []], ids=["json", "nagios", "table"])
def test_a_run_masks_what_a_failing_settings_module_says(tmp_path: Path, words: list[str]) -> None:
    settings_file(tmp_path, "failing", FAILING["constant"])
    done = subprocess.run(
        [sys.executable, "-m", "health_cli", "run", "--settings", "failing", *words, "-vv"],
        cwd=tmp_path, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 3
    assert "RuntimeError: no" in done.stdout
    assert SECRET not in done.stdout + done.stderr
