"""`health history`: the plot at every width, the exports, and what is said when there is nothing to show."""

import csv
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pyte
import pytest

from health_cli.cli.plot import Columns, Look, canvas_width, draw, legend
from health_cli.core.threshold import Threshold
from health_cli.history.reading import Row
from tests.conftest import HEALTH, SHOP, Shop, ShopFactory, _bare
from tests.history.record import batch, fill, migrate
from tests.servers import MariaDB, PostgreSQL

DAY = 86_400
DISK = "host.disk:/var/used_percent"
UTF8 = {"LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project that has recorded eight days of a filling disk, and a few minutes of other things."""
    made = migrate(ShopFactory(tmp_path_factory.mktemp("shop"))({}, {}, {}))
    now = time.time()
    filling = [(now - i * 600, 80 - i * 600 / DAY * 3 + i % 7 / 10) for i in range(8 * 144) if not 144 <= i < 200]
    few = [(now - 300 + i * 60, None if i == 2 else -0.5 * i) for i in range(5)]
    return fill(
        made,
        batch(DISK, sorted(filling), unit="%", warning="85", critical="95", min=0, max=100),
        batch("=cmd|' /C calc'!A0/@sum", few, unit="+orders"),
        batch("database:default/duration", few, unit="s"),
        batch("database:default/query_time", few, unit="s"),
    )


def seen(project: Shop, columns: int, *words: str) -> list[str]:
    """Return what a terminal of that width shows."""
    screen = pyte.Screen(columns, 40)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    where = ("--settings", "shop.settings", "--chdir", str(SHOP))
    env = {**_bare(None), **project.env, **UTF8, "TERM": "xterm"}
    with subprocess.Popen([HEALTH, "history", *words, *where], env=env, stdout=slave, stderr=slave):
        os.close(slave)
        with suppress(OSError):  # what Linux says when the other end is closed
            while data := os.read(master, 65_536):
                stream.feed(data)
    os.close(master)
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("columns", [80, 200])
def test_the_plot_fits_the_terminal(project: Shop, columns: int) -> None:
    lines = seen(project, columns, DISK, "--since", "8d")
    assert lines[0] == f"{DISK} on web1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d to \d{4}-\d\d-\d\d \d\d:\d\d \w+", lines[1])
    body, axis = lines[3:15], lines[15]
    assert columns - 20 <= max(map(len, body)) <= columns
    assert columns - 1 <= len(axis) <= columns and axis[:13] == " " * 11 + "+-"
    days = re.findall(r"\d\d [A-Z][a-z]{2}", lines[16])
    assert 7 <= len(days) == len(set(days)) <= 8
    assert sum(line[11:12] == "w" for line in body) == sum(line[11:12] == "c" for line in body) == 1
    labels = [float(line[:10].replace("%", "")) for line in body if line[:10].strip()]
    assert labels == sorted(labels, reverse=True) and len(labels) >= 3
    text = "\n".join(lines[18:])
    assert re.search(r"^min 5\d\.\d %  mean \d\d\.\d %  max 8\d(\.\d)? %  last 80 %$", text, re.MULTILINE)
    assert "warning 85%  critical 95%" in text
    assert re.search(r"^since yesterday  \+[23](\.\d+)? points$", text, re.MULTILINE)
    assert re.search(r"^since last week  \+2[01](\.\d+)? points$", text, re.MULTILINE)
    assert re.search(r"^full in about 7 days", text, re.MULTILINE)


def test_a_pipe_has_80_columns_and_no_colour(project: Shop) -> None:
    run = project.health("history", DISK, "--since", "8d", env=UTF8, fresh=True)
    assert run.code == 0 and "\x1b" not in run.out
    assert 78 <= max(map(len, run.out.splitlines())) <= 80
    assert re.search("[\u2801-\u28ff]", run.out)


@pytest.mark.parametrize("env", [{}, {"LANG": "C"}, {"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, {**UTF8, "TERM": "linux"}])
def test_a_plain_terminal_gets_plain_signs(project: Shop, env: dict[str, str]) -> None:
    run = project.health("history", DISK, "--since", "8d", env=env, fresh=True)
    assert run.code == 0 and run.out.isascii() and "****" in run.out


def rows(*pairs: tuple[float, float | None]) -> Iterator[Row]:
    for seconds, value in pairs:
        yield Row(seconds, value, value, value, 1, "healthy", False)


def plotted(*pairs: tuple[float, float | None], until: float = 100, width: int = 80, **thresholds: str) -> list[str]:
    """Return the lines of a plot from 0 s to `until`, in stars."""
    look = Look(width, braille=False)
    columns = Columns(0, until, canvas_width(look) * 2)
    for row in rows(*pairs):
        columns.add(row)
    limits = {letter: Threshold.parse(text) for letter, text in thresholds.items()}
    return [*draw(columns, "", limits, look), *legend(columns, "", limits)]


def drawn(lines: list[str]) -> set[int]:
    """Return the columns of the canvas in which there is anything."""
    return {place - 13 for line in lines[:12] for place, char in enumerate(line) if place > 12 and char == "*"}


def test_a_gap_is_not_drawn() -> None:
    values = [(float(i), 5.0 + i % 3) for i in range(100) if not 40 <= i < 60]
    assert not drawn(plotted(*values)) & set(range(28, 40))
    assert drawn(plotted(*values)) >= set(range(27)) | set(range(41, 66))


def test_what_was_not_measured_is_a_gap_and_counted() -> None:
    lines = plotted((0, 1.0), (25, 2.0), (50, None), (75, 2.0), (99, 1.0))
    assert drawn(lines) == set(range(17)) | set(range(50, 67))
    assert lines[-1] == "min 1  mean 1.5  max 2  last 1  1 not measured"


def test_a_spike_is_not_averaged_away() -> None:
    lines = plotted(*[(float(i), 100.0 if i == 5_000 else 1.0) for i in range(10_000)], until=10_000)
    assert "*" in lines[0] and lines[-1] == "min 1  mean 1.01  max 100  last 1"


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e300, 1e-9])
def test_a_constant_is_a_line(value: float) -> None:
    lines = plotted(*[(float(i), value) for i in range(100)])
    assert [bool("*" in line) for line in lines[:12]].count(True) == 1
    assert max(map(len, lines[:13])) <= 80


def test_one_value_is_a_dot() -> None:
    lines = plotted((50, 3.0))
    assert drawn(lines) == {33}


def test_a_threshold_is_drawn_where_it_is_near() -> None:
    values = [(float(i), 50.0 + i / 10) for i in range(100)]
    near = plotted(*values, w="65", c="10:")
    assert sum(line[11] == "w" for line in near[:12]) == 1 and not any(line[11] == "c" for line in near[:12])
    assert near[-1] == "warning 65  critical 10:"
    both = plotted(*values, w="55:", c="52:")
    assert [line[11] for line in both[:12] if line[11] != "|"] == ["w", "c"]


def test_csv_is_safe_and_complete(project: Shop, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    run = project.health("history", "=cmd|' /C calc'!A0/@sum", "-f", "csv", "-o", str(file))
    assert (run.code, run.out, run.err) == (0, "", f"health: the history is in {file}\n")
    with file.open(newline="") as text:
        assert text.read().count("\r\n") == 6
        text.seek(0)
        head, *lines = list(csv.reader(text))
    assert head == "time host check metric value unit status minimum maximum count".split()
    assert [line[1:4] for line in lines] == [["web1", "'=cmd|' /C calc'!A0", "'@sum"]] * 5
    assert [line[4] for line in lines] == ["0.0", "-0.5", "", "-1.5", "-2.0"]
    assert [line[9] for line in lines] == ["1", "1", "0", "1", "1"]
    assert {line[5] for line in lines} == {"'+orders"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line[0]) for line in lines)


def test_json_and_ndjson_say_the_same(project: Shop) -> None:
    document = project.health("history", "database:default/query_time", "-f", "json").report
    assert document["schema"] == "health-cli-history/1"
    assert (document["host"], document["check"], document["metric"]) == ("web1", "database:default", "query_time")
    assert [point["value"] for point in document["points"]] == [0, -0.5, None, -1.5, -2]
    assert document["trends"]["yesterday"]["absolute"] is None and document["trends"]["yesterday"]["reason"]
    lines = project.health("history", "database:default/query_time", "-f", "ndjson").out.splitlines()
    common = {key: document[key] for key in ("host", "check", "metric", "unit")}
    assert [json.loads(line) for line in lines] == [{**common, **point} for point in document["points"]]


def test_an_empty_export_is_valid(project: Shop) -> None:
    then = ("--since", "2020-01-01", "--until", "2020-02-01T00:00Z")
    assert project.health("history", DISK, *then, "-f", "json").report["points"] == []
    assert project.health("history", DISK, *then, "-f", "ndjson").out == ""
    assert project.health("history", DISK, *then, "-f", "csv").out.startswith("time,host,")
    table = project.health("history", DISK, *then)
    assert table.code == 0 and "No values in this time. The newest row is of 20" in table.out


def test_since_and_until_choose(project: Shop) -> None:
    def count(*words: str) -> int:
        return len(project.health("history", DISK, "-f", "ndjson", *words).out.splitlines())

    assert count("--since", "2h") == 12
    assert count("--since", "3h", "--until", "2h") == 6
    assert count() == 144
    day_before = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 3 * DAY))
    assert count("--until", day_before) == 144
    for words in (("--since", "1h", "--until", "2h"), ("--since", "soon"), ("--since", "9999999w"), ("--until", "1y")):
        run = project.health("history", DISK, *words)
        assert run.code == 3 and run.err.startswith("Error: ")


def test_a_check_alone_is_its_duration(project: Shop) -> None:
    assert project.health("history", "database:default").out.startswith("database:default/duration on web1\n")


def test_one_of_its_kind_needs_no_instance(project: Shop) -> None:
    assert project.health("history", DISK.replace(":/var", ""), "--since", "8d").out.startswith(DISK)
    assert project.health("history", "database").out.startswith("database:default/duration on web1\n")


def test_what_could_not_be_measured_says_why(shop: ShopFactory) -> None:
    here = fill(migrate(shop()), batch("host.swap/used", [(time.time() - 60, None)], reason="no swap space"))
    assert "1 times it could not be measured: no swap space." in here.health("history", "host.swap/used").out


@pytest.mark.parametrize(
    "words",
    [
        ("m", "--since", "0001-01-01T00:00+14:00"),
        ("m", "--since", "9000-01-01", "--until", "9999-12-30"),
        ("m", "--since", "1e9w"),
        (b"m\xff/used".decode("utf-8", "surrogateescape"),),
        ("m", "--host", "a\x1b[31m"),
    ],
)
def test_what_can_be_no_time_or_name_is_refused(project: Shop, words: tuple[str, ...]) -> None:
    run = project.health("history", *words)
    assert (run.code, run.err.startswith("Error: Invalid value")) == (3, True)


def test_the_largest_numbers_have_a_mean_and_no_plot(shop: ShopFactory) -> None:
    now = time.time()
    here = fill(migrate(shop()), batch("own/big", [(now - 60 * i, 1.7e308 * (-1) ** i) for i in range(1, 101)]))
    run = here.health("history", "own/big")
    assert run.code == 0
    assert "mean 0" in run.out
    assert "too large to reckon with" in run.out


def test_what_is_not_there_is_named(project: Shop) -> None:
    run = project.health("history", "host.disk:/var/used_percnt", "-f", "json")
    assert (run.code, run.out) == (3, "")
    assert f"nearest: {DISK}" in run.err and f"There are {DISK}, " in run.err
    other = project.health("history", DISK, "--host", "web9")
    assert other.code == 3 and "Choose with --host: web1" in other.err


def test_of_several_hosts_one_has_to_be_chosen(shop: ShopFactory) -> None:
    project = fill(migrate(shop()), batch("a/b", [(time.time(), 1.0)]), batch("a/b", [(time.time(), 1.0)], host="web2"))
    run = project.health("history", "a/b")
    assert run.code == 3 and "Choose with --host: web1, web2" in run.err
    assert project.health("history", "a/b", "--host", "web2").out.startswith("a/b on web2\n")
    fill(project, batch("a/b", [(time.time(), 1.0)], host=os.uname().nodename))
    assert project.health("history", "a/b").out.startswith(f"a/b on {os.uname().nodename}\n")


def test_a_closed_pipe_is_no_error(project: Shop) -> None:
    where = ("--settings", "shop.settings", "--chdir", str(SHOP))
    words = [HEALTH, "history", DISK, "--since", "8d", "-f", "ndjson", *where]
    with subprocess.Popen(
        words, env={**_bare(None), **project.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_file_is_whole_or_not_there(project: Shop, tmp_path: Path) -> None:
    file = tmp_path / "plot"
    file.write_text("old")
    assert project.health("history", "nothing", "-o", str(file)).code == 3
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
    assert project.health("history", DISK, "-o", str(file)).code == 0
    assert file.read_text().startswith(DISK)
    missing = project.health("history", DISK, "-o", str(tmp_path / "no" / "plot"))
    assert missing.code == 3 and "there is no folder" in missing.err


def test_without_a_record_it_says_what_to_do(shop: ShopFactory, tmp_path: Path) -> None:
    fresh = shop()
    for name in ("db", "metrics"):
        Path(fresh.state if name == "db" else tmp_path, f"{name}.sqlite3").touch()
    missing = fresh.health("history", "host.load")
    assert missing.code == 3
    assert "has no tables for the record" in missing.err
    assert "migrate health_cli'\n" in missing.err
    empty = migrate(fresh).health("history", "host.load")
    assert empty.code == 3 and "Nothing has been recorded yet.\nRecord a run: health run --record" in empty.err
    other = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other.sqlite3")}}
    other["metrics"] = {**other["default"], "NAME": str(tmp_path / "metrics.sqlite3")}
    elsewhere = shop(other, setting={"RECORD_DATABASE": "metrics"}).health("history", "host.load")
    assert elsewhere.code == 3 and "manage.py migrate health_cli --database metrics'\n" in elsewhere.err
    wrong = shop(setting={"RECORD_DATABASE": "nowhere"}).health("history", "host.load")
    assert wrong.code == 3 and "'nowhere'" in wrong.err


def test_a_database_that_is_down_or_silent_ends_it(shop: ShopFactory, silent: int) -> None:
    settings: dict[str, Any] = {"ENGINE": "django.db.backends.mysql", "NAME": "shop", "HOST": "127.0.0.1"}
    for engine, port in (("mysql", "1"), ("mysql", str(silent)), ("postgresql", "1"), ("postgresql", str(silent))):
        database = {**settings, "ENGINE": f"django.db.backends.{engine}", "PORT": port, "USER": "u", "PASSWORD": "s3cr"}
        run = shop({"default": database}).health("history", "host.load")
        assert run.code == 3 and "The record in the database 'default' can't be read" in run.err
        assert "health run database:default" in run.err and "s3cr" not in run.err
        assert run.seconds < 8


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", ["mariadb", "postgresql"])
def test_it_reads_from_servers_too(name: str, shop: ShopFactory, request: pytest.FixtureRequest) -> None:
    server: MariaDB | PostgreSQL = request.getfixturevalue(name)
    project = migrate(shop({"default": server.settings()}))
    host = f"history-{name}"
    values = [(time.time() - 60 * i, 20.0 + i) for i in range(60)]
    fill(project, batch("cli.history/value", values, host=host, unit="B"))
    words = ("history", "cli.history/value", "--host", host)
    assert len(project.health(*words, "-f", "json").report["points"]) == 60
    table = project.health(*words)
    assert table.code == 0 and "min 20 B  mean 49 B  max 79 B  last 20 B" in table.out
