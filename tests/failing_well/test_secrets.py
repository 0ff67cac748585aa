"""Secrets where no service fails: in manual pages, in bad settings and URLs, and where long output is cut."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from health_cli.core.worker import MAX_NOISE
from tests.conftest import health
from tests.failing_well.canaries import ALL, API_TOKEN, DATABASE, ENVIRONMENT_KEY, MARK, OPTION, WRITINGS, leaks
from tests.failing_well.project import Project

FORMS = ("table", "json", "nagios")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project with all its canaries and without any service."""
    database = {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": "1", "PASSWORD": DATABASE}
    return Project(folder=tmp_path / "project", databases={"default": {**database, "NAME": "shop"}})


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_the_finder_finds_every_writing(write: Callable[[str], str]) -> None:
    for secret in ALL:
        for text in (write(secret), repr(write(secret)), f"x{write(secret)[10:30]}x"):
            assert leaks(f"some text {text}"), text
    assert not leaks("password=*** for redis://:***@127.0.0.1:6379 and no more")


@pytest.mark.parametrize("words", [["list"], ["list", "-v"], ["list", "-f", "json"], ["explain", "own.opens"],
                                   ["explain", "database"], ["explain", "own.talks"]], ids=" ".join)  # fmt: skip
def test_what_would_run_is_shown_without_its_secrets(project: Project, words: list[str]) -> None:
    project.write()
    run = project.health(*words)
    assert run.code == 0, run.err
    assert leaks(run.out + run.err) == set(), run.out
    assert "own.opens" not in words or "token = ***" in run.out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "setting",
    [
        {"OPTIONS": {"own.opens": {"token": [OPTION]}}},
        {"OPTIONS": {"own.opens": {"tokn": OPTION}}},
        {"TIMEOUT": API_TOKEN},
        {API_TOKEN: 1},
    ],
    ids=["kind of an option", "name of an option", "value", "key"],
)
def test_a_bad_setting_is_quoted_without_its_secrets(project: Project, setting: dict[str, object], form: str) -> None:
    bad = replace(project, setting=setting)
    bad.write()
    run = bad.run(form, "-vv")
    assert run.code == 3
    assert "HEALTH_CLI" in run.out
    assert leaks(run.out + run.err) == set(), run.out + run.err


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("url", ["nosuch://app:{}@127.0.0.1/shop", "mysql://app:{}@127.0.0.1:port/shop"])
def test_a_bad_url_of_the_environment_is_not_quoted(tmp_path: Path, url: str, form: str) -> None:
    given = url.format(quote(ENVIRONMENT_KEY, safe=""))
    project = Project(folder=tmp_path, env={"DATABASE_URL": given})
    for words in (["run", "-f", form, "-vv"], ["list"]):
        run = health(*words, env=project.environment(), cwd=tmp_path)
        assert run.code == 3 and "DATABASE_URL" in run.out + run.err
        assert leaks(run.out + run.err) == set(), run.out + run.err


@pytest.mark.parametrize("form", ["table", "nagios"])
@pytest.mark.parametrize("shown", (4, 17, 30))
def test_output_that_is_cut_is_not_cut_within_a_secret(project: Project, form: str, shown: int) -> None:
    """The last of what checks print is kept; its first line may be the end of a secret."""
    rest = "y" * 99 + "\n"
    filler = rest * ((MAX_NOISE - shown) // len(rest)) + "z" * ((MAX_NOISE - shown) % len(rest) - 1)
    head = "from health_cli import check\nimport conf\n@check('loud.it')\ndef it():\n"
    body = f"    print(conf.API_TOKEN, flush=True)\n    print({filler!r}, end='', flush=True)\n"
    loud = project.add(modules={"loud": head + body})
    loud.write()
    run = loud.health("run", "loud", "-f", form, "-vv", "--max-bytes", "100000")
    assert run.code == 0, run.out
    assert "yyyyy" in run.out and "zz" in run.out
    assert leaks(run.out) == set(), leaks(run.out)
    assert MARK not in run.out
