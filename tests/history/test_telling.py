"""Telling from recorded runs, over a real webhook: once each, while the database is down too, again after a failure."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import HEALTH, SHOP, Shop, ShopFactory
from tests.history.record import migrate
from tests.history.rows import ask, rows

BAD = ("-c", "host.load/load1=@0:")
SECRET = "canary-hook-5ecret"


class Hook:
    """A webhook that keeps what it is sent, and can be told to fail."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answer, self.asked = 204, 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.asked += 1
                if hook.answer < 300:
                    hook.got.append({**json.loads(body), "id": self.headers["webhook-id"]})
                self.send_response(hook.answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/{SECRET}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def turns(self) -> list[list[tuple[str, str]]]:
        """What was told with each message."""
        return [[(turn["what"], turn["check"]) for turn in message["turns"]] for message in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def told(hook: Hook, shop: ShopFactory) -> Shop:
    return shop(setting={"NOTIFY": [{"webhook": hook.url, "secret": SECRET}]})


def run(place: Shop, *words: str) -> str:
    return place.json("host.load", "host.memory", options=["--record", *words]).err


def test_an_alert_is_told_when_it_opens_and_when_it_ends(told: Shop, hook: Hook) -> None:
    migrate(told)
    assert [run(told), run(told, *BAD), run(told, *BAD), run(told), run(told)] == [""] * 5
    assert hook.turns() == [[("opened", "host.load")], [("resolved", "host.load")]]


def test_checks_that_turn_at_once_are_one_message(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD, "-c", "host.memory/used_percent=@0:")
    assert [sorted(turns) for turns in hook.turns()] == [[("opened", "host.load"), ("opened", "host.memory")]]


def test_it_is_told_while_the_database_takes_nothing(told: Shop, hook: Hook) -> None:
    assert "'manage.py migrate' makes it" in run(told, *BAD)
    assert "'manage.py migrate' makes it" in run(told, *BAD)
    assert hook.turns() == [[("opened", "host.load")]]


def test_a_channel_that_fails_is_tried_again_and_told_once(told: Shop, hook: Hook) -> None:
    migrate(told)
    hook.answer = 500
    for _ in range(2):
        error = run(told, *BAD)
        assert "not told" in error
        assert "500" in error
        assert SECRET not in error
    hook.answer = 204
    assert [run(told, *BAD) for _ in range(2)] == ["", ""]
    assert hook.turns() == [[("opened", "host.load")]]


def test_the_end_by_hand_of_what_is_well_again_is_told_too(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD)
    assert told.health("alerts", "resolve", "1").code == 0
    assert [run(told), run(told)] == ["", ""]
    assert hook.turns() == [[("opened", "host.load")], [("resolved", "host.load")]]


def test_a_channel_that_fails_is_tried_once_a_run(told: Shop, hook: Hook) -> None:
    migrate(told)
    hook.answer = 500
    for number in range(1, 4):
        run(told, *BAD)
        assert hook.asked == number


def test_flapping_that_began_in_silence_is_told_when_that_is_over(told: Shop, hook: Hook) -> None:
    migrate(told)
    for options in ((), (), (), BAD, (), BAD):
        run(told, *options)
    assert told.health("alerts", "silence", "host.load", "--for", "1h", "--why", "upgrade").code == 0
    run(told)
    assert [turn[0] for turns in hook.turns() for turn in turns] == ["opened", "resolved", "opened"]
    assert told.health("alerts", "unsilence", "host.load").code == 0
    run(told, *BAD)
    run(told)
    assert [turn[0] for turns in hook.turns()[3:] for turn in turns] == ["flapping"]


def test_what_is_silenced_is_told_nobody(told: Shop, hook: Hook) -> None:
    migrate(told)
    assert told.health("alerts", "silence", "host.load", "--for", "1h", "--why", "upgrade").code == 0
    assert [run(told, *BAD), run(told)] == ["", ""]
    assert hook.turns() == []


def test_an_alert_that_was_ended_by_hand_opens_anew_and_is_told(told: Shop, hook: Hook) -> None:
    migrate(told)
    assert [run(told, *BAD), run(told, *BAD)] == ["", ""]
    assert told.health("alerts", "resolve", "1", "--by", "ann", "--why", "replaced").code == 0
    assert [run(told, *BAD), run(told, *BAD)] == ["", ""]
    assert hook.turns() == [[(what, "host.load")] for what in ("opened", "resolved", "opened")]
    assert hook.got[1]["turns"][0]["why"] == "by ann: replaced"
    assert rows(told, "SystemAlert", "resolved", "count") == [[True, 2], [False, 2]]


def test_so_does_one_that_was_ended_in_the_admin_at_the_run_after_the_next(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD)
    ask(told, "from health_cli.history.handling import *; resolve(SystemAlert.objects.all(), by='ann'); show(0)")
    assert [run(told, *BAD), run(told, *BAD)] == ["", ""]
    assert hook.turns() == [[(what, "host.load")] for what in ("opened", "resolved", "opened")]
    assert [row[0] for row in rows(told, "SystemAlert", "resolved")] == [True, False]


def test_a_run_that_no_file_could_be_made_of_is_told_too(told: Shop, hook: Hook) -> None:
    migrate(told)
    (told.state / "file").touch()
    nowhere = {"HEALTH_STATE_DIR": str(told.state / "file" / "record")}
    for options in (BAD, BAD, ()):
        told.json("host.load", options=["--record", *options], env=nowhere)
    assert hook.turns() == [[("opened", "host.load")], [("resolved", "host.load")]]


def test_a_frozen_channel_takes_nobody_elses_time(hook: Hook, shop: ShopFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        frozen = {"webhook": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        here = migrate(shop(setting={"NOTIFY": [frozen, {"webhook": hook.url}], "TIMEOUT": 5}))
        done = here.json("host.load", options=["--record", *BAD])
    assert "no answer in time" in done.err
    assert done.seconds < 5.3
    assert hook.turns() == [[("opened", "host.load")]]


def test_two_runs_at_once_tell_once(told: Shop, hook: Hook) -> None:
    migrate(told)
    hook.answer = 500
    run(told, *BAD)
    hook.answer = 204
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(told, *BAD), range(4)))
    assert hook.turns() == [[("opened", "host.load")]]


def test_what_opened_in_silence_is_told_when_that_is_over_and_its_end_to_who_heard_of_it(
    told: Shop, hook: Hook
) -> None:
    migrate(told)
    silence = ("alerts", "silence", "host.load", "--why", "upgrade")
    assert told.health(*silence, "--for", "1h").code == 0
    assert [run(told, *BAD), run(told)] == ["", ""]
    assert hook.turns() == [], "it has ended before anybody heard of it"
    assert run(told, *BAD) == ""
    ask(told, "Silence.objects.all().delete(); show(0)")
    assert [run(told, *BAD) for _ in range(3)] == [""] * 3
    assert hook.turns() == [[("opened", "host.load")]]
    assert run(told) == ""
    assert hook.turns()[1:] == [[("resolved", "host.load")]]


def test_a_new_channel_hears_of_what_is_open_once(shop: ShopFactory, hook: Hook) -> None:
    migrate(shop())
    run(shop(), *BAD)
    new = shop(setting={"NOTIFY": [{"webhook": hook.url}, {"webhook": hook.url, "checks": ["database"]}]})
    assert [run(new, *BAD) for _ in range(3)] == [""] * 3
    assert hook.turns() == [[("opened", "host.load")]]
    assert hook.got[0]["project"] == "shop.settings"


def test_the_end_is_told_in_the_words_of_the_run_that_found_it(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD)
    run(told)
    opened, resolved = (message["turns"][0] for message in hook.got)
    assert (opened["status"], resolved["status"]) == ("critical", "healthy")
    assert "load1" in opened["message"]
    assert resolved["message"].endswith("CPUs")


def test_no_file_of_ours_holds_a_secret(told: Shop, hook: Hook) -> None:
    hook.answer = 500
    run(told, *BAD)
    files = [path for path in (told.state / "record").rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["int", "term", "hup"])
def test_a_signal_ends_the_telling_and_the_next_run_goes_on(shop: ShopFactory, hook: Hook, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"http://127.0.0.1:{frozen.getsockname()[1]}/"
        here = migrate(shop(setting={"NOTIFY": [{"webhook": url}]}))
        words = ["run", "host.load", "--record", "-t", "25", *BAD, "--settings", "shop.settings", "--chdir", str(SHOP)]
        env = {"PATH": "/usr/bin:/bin", **here.env}
        with subprocess.Popen([HEALTH, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            frozen.settimeout(10)
            connection, _ = frozen.accept()
            with connection:
                began = time.monotonic()
                process.send_signal(number)
                _, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert (process.returncode, b"since a signal came" in err) == (2, True)
    told = Shop(here.state, {}, {}, {"NOTIFY": [{"webhook": hook.url}]})
    run(told, *BAD)
    assert [[what for what, _ in turns] for turns in hook.turns()] == [["opened"]]


def test_without_channels_nothing_waits_to_be_told(told: Shop, hook: Hook) -> None:
    hook.answer = 500
    run(told, *BAD)
    run(Shop(told.state, {}, {}, {"NOTIFY": []}), *BAD)
    run(Shop(told.state, {}, {}, {"NOTIFY": []}))
    hook.answer = 204
    run(told)
    assert hook.got == []


def test_what_grew_worse_in_silence_is_told_when_that_is_over(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, "-w", "host.load/load1=@0:")
    told.health("alerts", "silence", "host.load", "--for", "1h", "--why", "upgrade")
    run(told, *BAD)
    assert hook.turns() == [[("opened", "host.load")]]
    told.health("alerts", "unsilence", "host.load")
    for _ in range(2):
        run(told, *BAD)
    assert hook.turns() == [[("opened", "host.load")], [("escalated", "host.load")]]


def test_the_end_of_what_was_told_is_told_in_silence_too(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD)
    told.health("alerts", "silence", "host.load", "--for", "1h", "--why", "upgrade")
    for _ in range(2):
        run(told)
    assert hook.turns() == [[("opened", "host.load")], [("resolved", "host.load")]]


def test_a_test_is_told_every_channel_whatever_it_wants_to_hear(hook: Hook, shop: ShopFactory) -> None:
    picky = {"webhook": hook.url, "severity": "critical", "checks": ["nothing"], "secret": SECRET}
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    place = shop(setting={"NOTIFY": [{"webhook": f"http://127.0.0.1:{port}/{SECRET}"}, picky]})
    found = place.health("alerts", "test", "--by", "anna")
    assert (found.code, found.err, len(hook.got), SECRET in found.out) == (3, "", 1, False)
    refused, told = found.out.splitlines()
    assert refused == f"Not told: NOTIFY[0], webhook 127.0.0.1:{port}: the connection was refused"
    assert told == f"Told: NOTIFY[1], webhook {hook.url.split('/')[2]}."
    message = hook.got[0]
    assert (message["subject"], hook.turns()) == (f"TEST: alerts on {message['host']}", [[("test", "alerts")]])
    assert "anna asked for it" in message["turns"][0]["message"]


def test_a_test_says_where_there_is_no_channel(shop: ShopFactory) -> None:
    found = shop().health("alerts", "test")
    assert (found.code, found.out) == (3, "")
    assert "HEALTH_CLI['NOTIFY'] names none" in found.err


def test_a_test_opens_no_alert_and_needs_no_database(told: Shop, hook: Hook) -> None:
    assert told.health("alerts", "test").code == 0
    migrate(told)
    assert run(told) == ""
    assert hook.turns() == [[("test", "alerts")]]


def test_what_all_were_told_is_forgotten_by_the_run_after_one_that_was_killed(told: Shop, hook: Hook) -> None:
    migrate(told)
    run(told, *BAD)
    path = next((told.state / "record").glob("shop.settings-*")) / "state.json"
    state = json.loads(path.read_text())
    known = state["heard"]["host.load"]
    opened = rows(told, "HealthRun", "state")[0][0]["notices"]
    path.write_text(json.dumps({**state, "notices": [{**row, "told": list(known)} for row in opened]}))
    run(told, *BAD)
    assert (json.loads(path.read_text())["notices"], len(hook.got)) == ([], 1)
