"""What the pages on the API and on logs show is what comes out, and their settings are valid."""

import json
import re
from ast import literal_eval
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.logs.records import read
from health_cli.config.setting import validate
from tests.checks.api.conftest import Gunicorn, Project, counted
from tests.conftest import health
from tests.docs.test_docs import blocks, section
from tests.servers import Redis

API, LOGS = "docs/api.md", "docs/logs.md"
ANSWERS = [200] * 128 + [500] * 10 + [429] * 5  # and one that asks whether the server is there


def settings(page: str) -> list[dict[str, Any]]:
    """Return what each block of Python in a page sets."""
    found = []
    for block in blocks(page, "python"):
        namespace: dict[str, Any] = {}
        exec(block, namespace)
        found.append(namespace)
    return found


def shape(output: str) -> str:
    """Return the words of a table without what differs from run to run: numbers, times, the host's name, line ends."""
    words = re.sub(r" {2,}[\d.]+ (?:us|ms|s)$", "", output, flags=re.MULTILINE)  # the column of times
    words = re.sub(r"\d+(?:\.\d+)?(?: (?:us|ms|s)\b)?", "N", words)
    return " ".join(re.sub(r", on \S+", ", on HOST", words).split())


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The small API, set up as the page says, after a load."""
    folder = tmp_path_factory.mktemp("docs")
    (middleware,) = (each["MIDDLEWARE"] for each in settings(API) if "MIDDLEWARE" in each)
    redis = Redis(folder / "redis").start()
    server = None
    try:
        project = Project(folder, {"default": redis.settings()}, {}, middleware=tuple(middleware))
        server = Gunicorn(project).start()
        for status in ANSWERS:
            server.get(f"/status/{status}/")
        counted(project, len(ANSWERS) + 1)
        yield project
    finally:
        if server:
            server.stop()
        redis.stop()


def test_the_page_on_the_api_shows_what_comes_out(counting: Project) -> None:
    (shown,) = blocks(API, "console")
    line, _, output = shown.partition("\n")
    run = health(*line.split()[2:], env={**counting.env, "COLUMNS": "80"})
    assert shape(run.out) == shape(output)


@pytest.mark.parametrize("page", [API, LOGS])
def test_the_settings_of_a_page_are_valid(page: str) -> None:
    examples = [each["HEALTH_CLI"] for each in settings(page) if "HEALTH_CLI" in each]
    examples += [literal_eval(f"{{{found}}}") for found in re.findall(r'`("[A-Z]+": \{[^`]*\})`', text_of(page))]
    assert examples
    assert [validate(example)[1] for example in examples] == [[]] * len(examples)


def text_of(page: str) -> str:
    return (Path(__file__).parents[2] / page).read_text()


def test_the_handler_of_the_page_counts(tmp_path: Path) -> None:
    """What `LOGGING` of the page says works as it stands: the record that was logged is counted."""
    (logging,) = (each["LOGGING"] for each in settings(LOGS) if "LOGGING" in each)
    redis = Redis(tmp_path / "redis").start()
    try:
        project = Project(tmp_path, {"default": redis.settings()}, {})
        code = "import logging, logging.config, sys\n"
        code += f"logging.config.dictConfig({logging!r})\n"
        project.python(f"{code}logging.getLogger('x').error('as it is meant')")
        env = {**project.env, "API_LOGGING": json.dumps(logging)}
        run = health("run", "logs:app", "-f", "json", env=env)
        assert (run.code, run.metrics("logs:app")["errors"]) == (0, 1), run.out + run.err
    finally:
        redis.stop()


def test_the_page_on_logs_shows_what_comes_out(tmp_path: Path) -> None:
    (shown,) = blocks(LOGS, "console")
    line, _, output = shown.partition("\n")
    log = tmp_path / "file.log"
    log.write_text("".join(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} ERROR order {n} failed\n" for n in range(24)))
    with log.open("a") as file:
        file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} CRITICAL it broke\n")
    handler = {"version": 1, "handlers": {"file": {"class": "logging.FileHandler", "filename": str(log)}}}
    env = {**Project(tmp_path, {}, {}, middleware=()).env, "API_LOGGING": json.dumps(handler)}
    run = health(*line.split()[2:], env={**env, "COLUMNS": "80"})
    assert shape(run.out) == shape(output)


def examples() -> list[str]:
    """Return the lines of the table of formats that show a record."""
    table = section(LOGS, "## What is understood")
    return [line.replace("...", "it broke") for line in re.findall(r"`([^`]*\.\.\.)`", table)]


@pytest.mark.parametrize("line", examples())
def test_each_format_of_the_table_is_understood(line: str) -> None:
    (record,) = read(line, zone=UTC).records
    assert record.level == "error" and record.text
    assert record.at is not None or line.startswith("ERROR:root")


def test_the_names_of_fields_in_lines_of_json_are_understood() -> None:
    table = section(LOGS, "## What is understood")
    (row,) = re.findall(r"^\| lines of JSON \| (.*) \|$", table, re.MULTILINE)
    level, time, message = (re.findall(r"`([^`]+)`", part) for part in row.split(";"))
    assert len(level) == 4 and len(time) >= 3 and len(message) == 2
    for names in ((a, b, c) for a in level for b in time for c in message):
        one, two, three = (f'"{name}"' for name in names)
        text = f'{{{one}: "ERROR", {two}: "2026-11-25T14:00:01Z", {three}: "it broke"}}'
        (record,) = read(text.replace('"log.level": "ERROR"', '"log": {"level": "ERROR"}'), zone=UTC).records
        assert (record.level, record.text, bool(record.at)) == ("error", "it broke", True), text
