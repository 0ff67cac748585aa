"""`health last`, `health alerts` and `health prune`, as a user calls them."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Shop, ShopFactory, health
from tests.history.record import migrate

BAD = ("-c", "host.load/load1=@0:")


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """The environment of a host without a project, with a state folder of its own."""
    return {"HEALTH_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture
def recorded(shop: ShopFactory) -> Shop:
    """A shop with one recorded run, in which the load is critical."""
    place = migrate(shop())
    assert place.health("run", "host.load", "host.memory", "--record", "-q", *BAD).code == 2
    return place


def test_it_is_the_report_of_the_run_with_its_age(recorded: Shop) -> None:
    run, last = recorded.json("host", options=["--record"]), recorded.health("last", "-f", "json")
    document = json.loads(last.out)
    assert 0 <= document.pop("age") < 30
    assert document == run.report
    assert (last.code, last.err) == (0, "")


@pytest.mark.parametrize("format_name", ["table", "json", "nagios"])
def test_every_format_gives_the_verdict_of_then(recorded: Shop, format_name: str) -> None:
    last = recorded.health("last", "-f", format_name)
    assert (last.code, last.err) == (2, "")
    assert "host.load" in last.out
    assert recorded.health("last", "host.memory", "-f", format_name).code == 0
    assert recorded.health("last", "-f", format_name, "--fail-on", "never").code == 0


def test_it_loads_no_django_and_needs_no_database(recorded: Shop) -> None:
    (recorded.state / "db.sqlite3").unlink()
    last = recorded.health("last", "-f", "json", env={"PYTHONPROFILEIMPORTTIME": "1"}, fresh=True)
    assert last.code == 2
    assert "health_cli.history.last" in last.err
    assert "django" not in last.err
    assert "sqlite3" not in last.err
    assert "tabulate" not in last.err
    assert "health_cli.core.check" not in last.err, "it runs no checks, and loads none"


@pytest.mark.parametrize("format_name", ["table", "json", "nagios"])
def test_one_that_is_too_old_is_unknown_and_counts_no_more(recorded: Shop, format_name: str) -> None:
    last = recorded.health("last", "-f", format_name, "--max-age", "0.001s")
    assert last.code == 3
    assert "health.last" in last.out
    assert "load1=" not in last.out


def test_how_often_runs_are_due_tells_what_is_too_old(shop: ShopFactory) -> None:
    place = migrate(shop(setting={"RECORD_EVERY": 0.001}))
    place.health("run", "host.load", "--record")
    assert place.health("last").code == 3
    assert place.health("last", "--max-age", "1h").code == 0


def test_none_is_unknown(here: dict[str, str], tmp_path: Path) -> None:
    last = health("last", "-f", "json", env=here, cwd=tmp_path)
    assert last.code == 3
    assert last.checks["health.last"]["summary"] == "no recorded run"
    for words in (["alerts"], ["prune"], ["history", "host.load"]):
        asked = health(*words, env=here, cwd=tmp_path)
        assert asked.code == 3
        assert "Nothing has been recorded yet." in asked.err
    assert not (tmp_path / "state").exists(), "who only reads makes nothing"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"report": {}, "at": 1, "every": 0}', "\x00"])
def test_a_damaged_file_is_no_run(here: dict[str, str], tmp_path: Path, text: str) -> None:
    health("run", "host.memory", "--record", env=here, cwd=tmp_path)
    file = tmp_path / "state" / "host" / "last.json"
    file.write_text(text)
    last = health("last", "-f", "json", env=here, cwd=tmp_path)
    assert last.code == 0, "the database has it"
    assert "host.memory" in last.checks


def test_another_host_comes_out_of_the_database(recorded: Shop) -> None:
    code = "from health_cli.models import *; [m.objects.update(host='web7') for m in (HealthRun, HealthSelection)]"
    assert recorded.manage("shell", "-c", code).code == 0
    last = recorded.health("last", "--host", "web7", "-f", "json")
    assert (last.code, last.err) == (2, "")
    assert "host.load" in last.checks
    lost = recorded.health("last", "--host", "web8", "-f", "json")
    assert (lost.code, lost.err) == (3, "")
    assert lost.checks["health.last"]["message"] == "There is no recorded run of web8. There are runs of web7."


def test_a_pattern_that_means_nothing_is_refused(recorded: Shop) -> None:
    last = recorded.health("last", "host.laod")
    assert last.code == 3
    assert "It has host.memory, host.load" in last.err


@pytest.mark.parametrize("age", ["5x", "-1", "x", "0", ""])
def test_a_time_that_is_none_is_refused(age: str) -> None:
    last = health("last", "--max-age", age)
    assert last.code == 3
    assert "10m" in last.err


@pytest.mark.parametrize("words", [["last", "--max-age"], ["alerts", "silence", "host", "--why", "x", "--for"]])
@pytest.mark.parametrize("time", ["3651d", "9999999d", "1e400", "1e308w"])
def test_a_time_of_more_than_ten_years_is_refused(here: dict[str, str], words: list[str], time: str) -> None:
    run = health(*words, time, env=here)
    assert run.code == 3
    assert f"'{time}' is too long: at most 3650d, ten years" in run.err or time == "1e400"  # which has no unit


def test_ten_years_are_taken(recorded: Shop) -> None:
    assert recorded.health("last", "--max-age", "3650d").code == 2
    silenced = recorded.health("alerts", "silence", "host.*", "--for", "3650d", "--why", "for good")
    assert (silenced.code, silenced.err) == (0, "")
    assert "for good" in recorded.health("alerts").out


@pytest.mark.parametrize("command", [["last"], ["alerts"], ["prune"], ["history", "host.load"]])
@pytest.mark.parametrize("folder", ["state", "./state", "~/state"])
def test_a_state_folder_that_depends_on_where_one_stands_is_refused(
    tmp_path: Path, command: list[str], folder: str
) -> None:
    run = health(*command, env={"HEALTH_STATE_DIR": folder}, cwd=tmp_path)
    assert run.code == 3
    assert f"HEALTH_STATE_DIR is '{folder}': give an absolute path" in run.err
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_without_it_and_says_so(tmp_path: Path) -> None:
    run = health("run", "host.memory", "--record", env={"HEALTH_STATE_DIR": "state"}, cwd=tmp_path)
    assert run.code == 0
    assert "not all was recorded: HEALTH_STATE_DIR is 'state': give an absolute path" in run.err


def test_alerts_are_shown_silenced_and_resolved(recorded: Shop) -> None:
    shown = recorded.health("alerts")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("    1  critical  host.load on ")
    machine = json.loads(recorded.health("alerts", "-f", "json").out)["alerts"]
    assert [(row["id"], row["check"], row["severity"], row["count"]) for row in machine] == [
        (1, "host.load", "critical", 1)
    ]
    silenced = recorded.health("alerts", "silence", "host.*", "--for", "2h", "--why", "upgrade", "--by", "ann")
    assert (silenced.code, silenced.err) == (0, "")
    assert "(ann: upgrade)" in recorded.health("alerts").out
    lifted = recorded.health("alerts", "unsilence", "host.*")
    assert (lifted.code, lifted.out) == (0, "Not silenced any more: host.*.\n")
    assert "(ann: upgrade)" not in recorded.health("alerts").out
    again = recorded.health("alerts", "unsilence", "host.*")
    assert (again.code, "'host.*' is not silenced." in again.err) == (3, True)
    seen = recorded.health("alerts", "acknowledge", "1", "--why", "a new disk comes", "--by", "ann")
    assert (seen.code, seen.out.startswith("Acknowledged: host.load on ")) == (0, True)
    assert "seen by ann: a new disk comes" in recorded.health("alerts").out
    assert recorded.health("alerts", "resolve", "7").code == 3
    done = recorded.health("alerts", "resolve", "1", "--why", "known", "--by", "ann")
    assert (done.code, done.out) == (0, f"Resolved: host.load on {os.uname().nodename} (1).\n")
    assert recorded.health("alerts").out.startswith("No open alerts.")
    past = json.loads(recorded.health("alerts", "--all", "-f", "json").out)["alerts"]
    assert past[0]["resolution"] == "by ann: known"
    recorded.health("run", "host.load", "--record", *BAD)
    assert len(json.loads(recorded.health("alerts", "-f", "json").out)["alerts"]) == 1


def test_silence_asks_for_how_long_and_why(recorded: Shop) -> None:
    assert "--why" in recorded.health("alerts", "silence", "host", "--for", "2h").err
    assert recorded.health("alerts", "silence", "host", "--why", "x").code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["silence", "host", "--why", "x", "--for", "5"], "'5' is no time: use a number with s, m, h, d or w"),
        (["silence", "host", "--why", "a\x1b[31mb", "--for", "5m"], "characters that can't be shown"),
        (["silence", "h\udcff", "--why", "x", "--for", "5m"], "characters that can't be shown"),
        (["silence", "host", "--why", "x", "--for", "5m", "--by", "a" * 151], "it has 151 characters: at most 150"),
        (["resolve", "9" * 30], "not in the range"),
        (["silence", "", "--why", "x", "--for", "5m"], "it is empty"),
        (["silence", "host", "--why", " ", "--for", "5m"], "it is empty"),
        (["--host", "web9"], "Nothing has been recorded of the host 'web9'. Recorded are: "),
    ],
)
def test_what_the_record_can_not_keep_is_refused(recorded: Shop, words: list[str], said: str) -> None:
    run = recorded.health("alerts", *words)
    assert run.code == 3
    assert said in run.err


def test_a_silence_of_a_host_that_never_recorded_is_doubted(recorded: Shop) -> None:
    run = recorded.health("alerts", "silence", "host.*", "--for", "2h", "--why", "x", "--host", "web9")
    assert (run.code, run.out.endswith(": host.* on web9.\n")) == (0, True)
    assert "nothing has been recorded on web9" in run.err


def test_a_folder_that_is_not_there_is_said_so(recorded: Shop) -> None:
    run = health("last", "--chdir", "/nowhere", env=recorded.env)
    assert (run.code, run.out, run.err) == (3, "", "Error: --chdir /nowhere: no such folder.\n")


def test_a_number_that_is_none_says_what_is_open_in_any_format(recorded: Shop) -> None:
    run = recorded.health("alerts", "resolve", "99", env={"HEALTH_FORMAT": "json"})
    assert (run.code, run.out, run.err) == (3, "", "Error: There is no open alert 99. Open are: 1.\n")


def test_acknowledging_again_keeps_the_reason(recorded: Shop) -> None:
    recorded.health("alerts", "acknowledge", "1", "--why", "a new disk comes", "--by", "ann")
    recorded.health("alerts", "acknowledge", "1", "--by", "bob")
    assert "seen by bob: a new disk comes" in recorded.health("alerts").out


@pytest.mark.parametrize("words", [["alerts"], ["prune"]])
def test_a_record_that_is_not_there_says_what_to_do(shop: ShopFactory, words: list[str]) -> None:
    place = shop()
    (place.state / "db.sqlite3").touch()
    run = place.health(*words)
    assert run.code == 3
    assert "manage.py migrate health_cli" in run.err
    assert "Traceback" not in run.err


def test_prune_deletes_what_is_old(recorded: Shop) -> None:
    code = (
        "from health_cli.models import *; from datetime import timedelta as t; r = HealthRun.objects.get(); "
        "r.started_at -= t(days=40); r.save(); print(HealthMetric.objects.update(timestamp=r.started_at))"
    )
    assert recorded.manage("shell", "-c", code).code == 0
    run = recorded.health("prune")
    assert (run.code, run.err) == (0, "")
    assert "1 runs" in run.out
    assert recorded.health("prune").out.startswith("Done: 0 hours written, 0 metrics")


def test_the_last_run_can_be_read_by_others_where_the_folder_lets_them(here: dict[str, str], tmp_path: Path) -> None:
    health("run", "host.load", "--record", env=here, cwd=tmp_path)
    folder = tmp_path / "state" / "host"
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}
    assert modes.pop("last.json") == 0o644
    assert set(modes.values()) == {0o600}
