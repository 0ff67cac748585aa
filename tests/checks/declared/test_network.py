"""network.*: against servers that answer, refuse, hang, redirect, and have certificates of all kinds."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from health_cli.checks.network.http import is_among, number_in, status_problem
from health_cli.checks.network.reach import address_of
from health_cli.core.errors import Failure
from tests.checks.conftest import Make
from tests.checks.declared.servers import answering, http, silent
from tests.checks.made import Project, with_check
from tests.servers import free_port

NAME = {"HTTP": "network.http:x", "TCP": "network.tcp:x", "DNS": "network.dns:x", "TLS": "network.tls:x"}


def look(project: Project, env: dict[str, str] | None = None, **about: Any) -> dict[str, Any]:
    name = next(NAME[word] for word in NAME if word in about)
    return with_check(project, name, **about).look(name, env=env)


@pytest.mark.parametrize(
    ("text", "found"),
    [("a:1", ("a", 1)), ("a", ("a", 9)), ("[::1]:80", ("::1", 80)), ("::1", ("::1", 9)), ("[::1]", ("::1", 9)),
     ("127.0.0.1:65535", ("127.0.0.1", 65535)), (":1", None), ("a:x", None), ("a:65536", None), ("", None)],
)  # fmt: skip
def test_an_address_is(text: str, found: tuple[str, int] | None) -> None:
    if found:
        assert address_of(text, 9) == found
    else:
        with pytest.raises(Failure, match="is no host and port"):
            address_of(text, 9)


def test_a_port_that_accepts_is_healthy(project: Project) -> None:
    with answering(silent) as port:
        found = look(project, TCP=f"localhost:{port}")
    assert (found["status"], found["summary"].startswith("connected in ")) == ("healthy", True)
    assert 0 < found["metrics"]["connect_time"] < 1 and found["metrics"]["answer_time"] is None


def test_what_is_expected_must_be_said(project: Project) -> None:
    def smtp(link: socket.socket) -> None:
        link.sendall(b"220 mail ready\r\n")
        if link.recv(100) == b"HELP\r\n":
            link.sendall(b"214 no help\r\n")
        silent(link)

    with answering(smtp) as port:
        assert look(project, TCP=f"127.0.0.1:{port}", expect="220")["status"] == "healthy"
        assert look(project, TCP=f"127.0.0.1:{port}", send="HELP\r\n", expect="214 ")["status"] == "healthy"
        found = look(project, TCP=f"127.0.0.1:{port}", expect="SSH-", timeout=1.0)
    assert (found["status"], found["summary"]) == ("critical", "unexpected answer")
    assert "says '220 mail ready\\r\\n' instead of 'SSH-'" in found["message"]


@pytest.mark.parametrize("word", ["TCP", "TLS", "HTTP"])
def test_what_nobody_listens_on_is_refused(project: Project, word: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    found = look(project, **{word: f"http://{address}/" if word == "HTTP" else address})
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "refused", "refused")
    assert f"{address} refuses the connection." in found["message"]


@pytest.mark.parametrize("word", ["TCP", "TLS", "HTTP", "DNS"])
def test_a_name_that_there_is_not_is_missing(project: Project, word: str) -> None:
    where = {"HTTP": "http://no-such-host.invalid/", "DNS": "no-such-host.invalid"}
    found = look(project, **{word: where.get(word, "no-such-host.invalid:1")})
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "missing", "unknown name")


@pytest.mark.parametrize("word", ["TLS", "HTTP"])
def test_a_server_that_is_silent_is_a_timeout(project: Project, word: str) -> None:
    with answering(silent) as port:
        address = f"127.0.0.1:{port}"
        found = look(project, **{word: f"http://{address}/" if word == "HTTP" else address}, timeout=1.0)
    assert (found["status"], found["kind"]) == ("critical", "timeout")


def test_an_answer_that_never_ends_is_a_timeout(project: Project) -> None:
    def drip(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            link.sendall(b"x")
            link.recv(0)
            time.sleep(0.2)

    with answering(drip) as port:
        found = look(project, HTTP=f"http://127.0.0.1:{port}/", timeout=1.0)
    assert (found["status"], found["kind"]) == ("critical", "timeout")


def test_a_url_that_answers_is_healthy(project: Project) -> None:
    with answering(http(body="hello")) as port:
        found = look(project, HTTP=f"http://127.0.0.1:{port}/health/?x=1")
    assert (found["status"], found["summary"].split()[0], found["metrics"]["size"]) == ("healthy", "200", 5)
    assert found["data"]["http_status"] == 200


@pytest.mark.parametrize(
    ("answer", "options", "status", "said"),
    [
        (http("404 Not Found"), {}, "critical", "answers with status 404, and 200-399 is expected"),
        (http("503 Busy"), {"status": "5xx, 200"}, "healthy", ""),
        (http(body="all is well"), {"contains": "well"}, "healthy", ""),
        (http(body="maintenance"), {"contains": "well"}, "critical", "does not contain 'well'"),
        (http(body='{"queue": {"length": 7}}'), {"json": "queue.length", "warning": "5"}, "warning", "value is 7"),
        (http(body='{"queue": [{"a b": 1.5}]}'), {"json": "$.queue[0]['a b']"}, "healthy", ""),
        (http(body='{"queue": "long"}'), {"json": "queue"}, "unknown", "queue is str, no number"),
        (http(body='{"other": 1}'), {"json": "queue.length"}, "unknown", "there is no 'queue' in it"),
        (http(body="<html>"), {"json": "queue"}, "unknown", "it is no JSON"),
        (http("302 Found", headers="Location: /again\r\n"), {}, "critical", "redirects more than 5 times"),
        (http("302 Found", headers="Location: /again\r\n"), {"redirects": False, "status": "302"}, "healthy", ""),
        (lambda link: link.sendall(b"SSH-2.0-x\r\n"), {}, "critical", "answers with what is no HTTP"),
    ],
)  # fmt: skip
def test_an_answer_is_judged(
    project: Project, answer: Callable[[socket.socket], None], options: dict[str, Any], status: str, said: str
) -> None:
    with answering(answer) as port:
        found = look(project, HTTP=f"http://127.0.0.1:{port}/", **options)
    assert (found["status"], said in found["message"]) == (status, True), found["message"]


def test_headers_come_from_the_environment_and_go_to_the_first_host_alone(project: Project) -> None:
    heard: list[str] = []

    def note(link: socket.socket) -> None:
        text = link.recv(65_536).decode()
        while "Content-Length: 3" in text and not text.endswith("x=1"):  # it comes in a packet of its own
            text += link.recv(65_536).decode()
        heard.append(text)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with (
        answering(note) as other,
        answering(http("301 Moved", headers=f"Location: http://127.0.0.1:{other}/\r\n")) as port,
    ):
        about = {"headers": {"X-Key": "env:SHOP_KEY"}, "method": "POST", "body": "x=1"}
        look(project, {"SHOP_KEY": "a-key-of-ours"}, HTTP=f"http://ann:pa%40ss@127.0.0.1:{other}/", **about)
        found = look(project, {"SHOP_KEY": "a-key-of-ours"}, HTTP=f"http://127.0.0.1:{port}/", **about)
    assert found["status"] == "healthy"
    assert heard[0].startswith("POST / HTTP/1.1") and heard[0].endswith("x=1") and "X-Key: a-key-of-ours" in heard[0]
    assert "Authorization: Basic YW5uOnBhQHNz" in heard[0]
    assert "a-key-of-ours" not in heard[1]


def test_no_header_is_shown(project: Project) -> None:
    env = {"SHOP_KEY": "a-key-of-ours"}
    with answering(http(body="your key is a-key-of-ours")) as port:
        with_check(project, "network.http:x", HTTP=f"http://127.0.0.1:{port}/", headers={"X-Key": "env:SHOP_KEY"},
                   contains="a-key-of-mine-is-a-key-of-ours")  # fmt: skip
        run = project.health("run", "network", "-vv", env=env)
        explained = project.health("explain", "network.http:x", env=env)
    assert run.code == 2 and "a-key-of-ours" not in run.out + explained.out


@pytest.mark.parametrize(
    ("status", "allowed", "found"),
    [(200, "200", True), (204, "2xx", True), (301, "2xx", False), (404, "200-399, 404", True), (500, "200-499", False)],
)
def test_a_status_is_among(status: int, allowed: str, found: bool) -> None:
    assert (is_among(status, allowed), status_problem(allowed)) == (found, "")


def test_numbers_in_json() -> None:
    text = json.dumps({"a": [{"b": 3}], "c.d": 4, "e": True})
    assert (number_in(text, "a[0].b"), number_in(text, "$.a.0.b"), number_in(text, '["c.d"]')) == (3, 3, 4)
    for path in ("a[1]", "a.b", "e", "a", "x"):
        with pytest.raises(ValueError, match=r"there is no|no number"):
            number_in(text, path)
    for odd in ("NaN", "1e999", "-Infinity", "1" + "0" * 400, "[" * 100_000):
        with pytest.raises(ValueError, match=r"no number|no JSON"):
            number_in(f'{{"a": {odd}}}', "a")


def test_a_name_that_can_be_none_is_told(project: Project) -> None:
    for host in ("a..b", "x" * 64 + ".example.org"):
        found = look(project, TCP=f"{host}:25")
        assert (found["status"], found["kind"]) == ("critical", "missing"), found["message"]


def test_a_name_resolves_to_what_is_expected(project: Project) -> None:
    found = look(project, DNS="127.0.0.1", expect=["127.0.0.1"])
    assert (found["status"], found["metrics"]["addresses"]) == ("healthy", 1)
    found = look(project, DNS="localhost", expect=["192.0.2.1"])
    assert found["status"] == "critical"
    assert "and 192.0.2.1 is expected" in found["message"]


@pytest.mark.parametrize(
    ("days", "status", "said"), [(60, "healthy", "localhost, 60 days left, TLSv1.3"), (15, "warning", "below 20"),
                                 (2, "critical", "below 3")]
)  # fmt: skip
def test_the_days_of_a_certificate_are_judged(
    project: Project, certificate: Make, tmp_path: Path, days: int, status: str, said: str
) -> None:
    with answering(silent, certificate(days)) as port:
        found = look(project, TLS=f"localhost:{port}", ca_file=str(tmp_path / "ca" / "ca.pem"))
    assert (found["status"], said in found["message"]) == (status, True), found["message"]
    assert found["metrics"]["days_left"] == pytest.approx(days, abs=0.1)
    assert found["data"]["issuer"] == "Ours" and found["data"]["names"] == ["localhost"]


@pytest.mark.parametrize("word", ["TLS", "HTTP"])
@pytest.mark.parametrize(
    ("days", "name", "trusted", "summary"),
    [(60, "other.example.org", True, "of another name"), (0, "localhost", True, "expired"),
     (60, "localhost", False, "not trusted")],
)  # fmt: skip
def test_a_certificate_that_is_not_accepted_is_critical(
    project: Project, certificate: Make, tmp_path: Path, word: str, days: int, name: str, trusted: bool, summary: str
) -> None:
    ca = {"ca_file": str(tmp_path / "ca" / "ca.pem")} if trusted else {}
    with answering(http(), certificate(days, name)) as port:
        if not days:
            time.sleep(1.1)
        where = f"https://localhost:{port}/" if word == "HTTP" else f"localhost:{port}"
        found = look(project, **{word: where}, **ca)
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "auth", summary), found["message"]
    assert f"The certificate of localhost:{port} is not accepted" in found["message"]


def test_https_is_asked_by_an_authority_of_ones_own(project: Project, certificate: Make, tmp_path: Path) -> None:
    with answering(http(body="x"), certificate(9)) as port:
        found = look(project, HTTP=f"https://localhost:{port}/", ca_file=str(tmp_path / "ca" / "ca.pem"))
        lost = look(project, HTTP=f"https://localhost:{port}/", ca_file="/no/such/file")
    assert found["status"] == "healthy"
    assert (lost["status"], lost["summary"]) == ("unknown", "no authorities")


def test_what_speaks_no_tls_says_so(project: Project) -> None:
    with answering(http("400 Bad Request")) as port:
        found = look(project, TLS=f"127.0.0.1:{port}")
    assert (found["status"], found["summary"]) == ("critical", "no TLS")


def test_a_server_that_took_the_connection_and_hangs_is_told_from_one_that_is_not_there(project: Project) -> None:
    with answering(silent) as port:
        found = look(project, HTTP=f"http://127.0.0.1:{port}/", timeout=1)
    assert (found["status"], found["kind"]) == ("critical", "timeout")
    assert "took the connection and did not answer" in found["message"]
    with answering(http("401 Unauthorized")) as port:
        assert "user:password in the URL" in look(project, HTTP=f"http://127.0.0.1:{port}/")["hint"]
