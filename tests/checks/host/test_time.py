"""host.time: against real servers of NTP and HTTP, and the databases, by a clock that is right or five seconds fast."""

import calendar
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.host.ntp_clock import EPOCH, Answer, offset, refuse, seconds_of, understood
from health_cli.checks.network.reach import Address
from health_cli.core.errors import Failure
from tests.checks.conftest import Make
from tests.checks.declared.servers import answering, http, silent
from tests.checks.made import Project
from tests.history.channels.servers import answers
from tests.history.channels.servers import http as real_http
from tests.servers import MariaDB, PostgreSQL, Server, free_port, program

SOMEWHERE = Address("ntp.example.org", 123)


class Chrony(Server):
    """A server of NTP that leaves the clock of this machine alone; `word` is its synchronization."""

    def __init__(self, folder: Path, word: str = "local stratum 3") -> None:
        super().__init__(folder)
        self.word = word

    def command(self) -> Sequence[str]:
        conf = self.folder / "chrony.conf"
        conf.write_text(
            f"port {self.port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\n{self.word}\n"
            f"pidfile {self.folder}/chronyd.pid\nbindcmdaddress /\ndriftfile {self.folder}/drift\n"
        )
        return [program("chronyd", "chrony"), "-d", "-x", "-u", "root", "-f", str(conf)]

    def ready(self) -> object:
        try:
            return offset(f"127.0.0.1:{self.port}", 0.5)
        except Failure as failure:
            return failure.summary == "is not synchronized itself" and not self.word


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).set()


@pytest.fixture(scope="module")
def chrony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrony]:
    server = Chrony(tmp_path_factory.mktemp("chrony"))
    try:
        yield server.start()
    finally:
        server.stop()


# For the settings: libfaketime can't be used, it fails what sleeps until a monotonic time.
def now_less(year: int) -> float:
    """The seconds since that Date of 1994."""
    return time.time() - calendar.timegm((year, 11, 6, 8, 49, 37, 0, 0, 0))


FAST = "import time\n_time = time.time\ntime.time = lambda: _time() + 5\n"


def look(project: Project, *, fast: bool = False, **options: Any) -> dict[str, Any]:
    settings = options.pop("settings", {})
    project.set(**settings, HEALTH_CLI={"OPTIONS": {"host.time": options}} if options else {})
    if fast:
        path = project.folder / "site_settings.py"
        path.write_text(FAST + path.read_text())
    return project.look("host.time")


def test_a_clock_that_is_right_and_one_that_is_fast(project: Project, chrony: Chrony) -> None:
    where = f"127.0.0.1:{chrony.port}"
    found = look(project, ntp=where)
    assert (found["status"], found["data"]) == ("healthy", {"source": "ntp", "asked": where}), found["message"]
    assert abs(found["metrics"]["offset"]) < 0.1 and 0 < found["metrics"]["error"] < 0.5
    found = look(project, fast=True, ntp=where)
    assert found["status"] == "warning" and found["metrics"]["offset"] == pytest.approx(5, abs=0.2)
    assert "certain_offset" in found["message"] and "chronyc tracking" in found["hint"]


def test_a_server_without_a_time_of_its_own_tells_none(project: Project, tmp_path: Path) -> None:
    server = Chrony(tmp_path / "chrony", "")
    try:
        server.start()
        found = look(project, ntp=f"127.0.0.1:{server.port}")
    finally:
        server.stop()
    assert (found["status"], found["summary"]) == ("unknown", "is not synchronized itself")


def test_the_date_of_http(project: Project) -> None:
    with answering(http(headers="Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")) as port:
        found = look(project, http=f"http://127.0.0.1:{port}/")
    assert found["status"] == "critical" and found["metrics"]["error"] > 0.5
    with real_http(answers(204)) as server:
        found, wrong = (look(project, fast=fast, http=f"http://127.0.0.1:{server.port}/x") for fast in (False, True))
    assert found["status"] == "healthy" and abs(found["metrics"]["offset"]) < 0.8, found["message"]
    assert wrong["status"] == "warning" and wrong["metrics"]["certain_offset"] == pytest.approx(4.5, abs=0.6)


@pytest.mark.parametrize(
    ("headers", "said"),
    [("Date: Sun, 06 Nov 1994 08:49:37\r\n", "certain_offset"), ("", "sends no Date"),
     ("Date: yesterday\r\n", "sends no Date"),
     ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nAge: 60\r\n", "out of a cache")],
)  # fmt: skip
def test_an_answer_that_tells_no_time(project: Project, headers: str, said: str) -> None:
    with answering(http(headers=headers)) as port:
        found = look(project, http=f"http://127.0.0.1:{port}/")
    assert said in found["message"] and (found["status"] == "unknown") is ("Date" in said or "cache" in said)
    assert found["metrics"]["offset"] is None or found["metrics"]["offset"] == pytest.approx(now_less(1994), abs=60)


def test_the_clock_of_the_database(project: Project, mariadb: MariaDB, postgresql: PostgreSQL) -> None:
    lite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    for server in (mariadb, postgresql):
        settings = {"DATABASES": {"default": lite, "big": server.settings()}}
        found = look(project, settings=settings)
        assert (found["status"], found["data"]["asked"]) == ("healthy", "big"), found["message"]
        wrong = look(project, fast=True, settings=settings)
        assert wrong["status"] == "warning" and wrong["metrics"]["offset"] == pytest.approx(5, abs=0.2)
    none = look(project, database="default", settings=settings)
    assert (none["status"], "'default' is SQLite" in none["message"]) == ("unknown", True)
    lost = look(project, database="lost", settings=settings)
    assert lost["status"] == "unknown" and "no database 'lost': DATABASES has default, big" in lost["message"]


def test_without_another_clock_it_is_skipped(project: Project) -> None:
    found = look(project)
    assert (found["status"], found["summary"]) == ("skipped", "no other clock is known")
    assert "host.time" not in project.health("run", "-f", "json").checks


def test_the_next_source_is_asked_and_the_first_is_a_warning(project: Project, mariadb: MariaDB) -> None:
    settings = {"DATABASES": {"default": mariadb.settings()}}
    with answering(silent) as port:
        found = look(
            project, ntp=f"127.0.0.1:{free_port()}", http=f"http://127.0.0.1:{port}", database="default",
            settings={**settings},
        )  # fmt: skip
    assert (found["status"], found["data"]["source"]) == ("warning", "database")
    assert [row["kind"] for row in found["data"]["failed"]] == ["refused", "timeout"]
    assert "the next source was asked" in found["message"]


def test_a_database_that_is_down_is_unknown(project: Project) -> None:
    down = {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": free_port()}
    found = look(project, settings={"DATABASES": {"default": down}})
    assert (found["status"], found["kind"]) == ("unknown", "refused")
    assert found["hint"] == "See more: health run database:default"


def stamp(seconds: float) -> bytes:
    return struct.pack("!II", int(seconds) % 2**32, int(seconds % 1 * 2**32))


def test_times_of_ntp_go_on_after_2036() -> None:
    assert seconds_of(stamp(EPOCH + 1_795_000_000.5)) == 1_795_000_000.5  # in 2026
    assert seconds_of(stamp(2_085_978_496 + 10 + EPOCH)) == 2_085_978_506  # ten seconds into the next era


def answer(**changes: Any) -> Answer:
    well = {"leap": 0, "stratum": 2, "code": "", "nonce": b"12345678", "received": 1.0, "sent": 1.0, "distance": 0.1}
    return Answer(**{**well, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"nonce": b"87654321"}, "somebody else's"), ({"distance": 1.6}, "may be 1.6 s wrong itself"),
     ({"sent": seconds_of(bytes(8))}, "not synchronized"), ({"stratum": 0, "code": "a\nb"}, "not synchronized"),
     ({"stratum": 0, "code": "RATE"}, "refuses to answer (RATE)"),
     ({"leap": 3}, "not synchronized"), ({"stratum": 16}, "not synchronized")],
)  # fmt: skip
def test_answers_that_tell_no_time(changes: dict[str, Any], said: str) -> None:
    refuse(answer(), b"12345678", SOMEWHERE)
    with pytest.raises(Failure) as caught:
        refuse(answer(**changes), b"12345678", SOMEWHERE)
    assert said in caught.value.message


@pytest.mark.parametrize("data", [b"", b"x" * 48, bytes([0b00_100_011]) + b"\0" * 47])
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(Failure, match="no NTP"):
        understood(data, SOMEWHERE)


def test_a_packet_that_is_lost_is_asked_for_again(project: Project, chrony: Chrony) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as between:
        between.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{between.getsockname()[1]}"

        def serve() -> None:
            between.recv(1_024)
            data, client = between.recvfrom(1_024)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
                real.settimeout(5)
                real.sendto(data, ("127.0.0.1", chrony.port))
                between.sendto(real.recv(1_024), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = look(project, ntp=where)
        thread.join(5)
    assert found["status"] == "healthy", found["message"]


def test_a_certificate_that_is_not_trusted_is_told(project: Project, certificate: Make) -> None:
    with answering(http(), certificate(9)) as port:
        found = look(project, http=f"https://localhost:{port}/")
    assert (found["status"], found["summary"]) == ("unknown", "not trusted")
    assert "HEALTH_CLI['CHECKS']" not in look(project, http="localhost")["hint"]
