"""email: against mail servers that take us in, turn us away, hang, and have certificates of all kinds."""

from pathlib import Path
from typing import Any

import django
import pytest

from tests.checks.conftest import Make
from tests.checks.declared.servers import answering, silent
from tests.checks.made import Project
from tests.history.channels.servers import MAIL_PASSWORD, Mailbox, smtp
from tests.servers import PASSWORD, free_port

LOGIN = {"EMAIL_HOST_USER": "app", "EMAIL_HOST_PASSWORD": MAIL_PASSWORD}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def look(project: Project, port: int, env: dict[str, str] | None = None, **settings: Any) -> dict[str, Any]:
    project.set(**{"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, **settings})
    return project.look("email:default", env=env)


def test_it_logs_in_and_sends_nothing(project: Project) -> None:
    box = Mailbox()
    with smtp(box, takes_users=True) as port:
        found = look(project, port, **LOGIN)
    assert (found["status"], found["data"]["login"]) == ("healthy", True), found["message"]
    assert found["message"].startswith(f"logged in to 127.0.0.1:{port} in ")
    assert 0 < found["metrics"]["connect_time"] < 3
    assert box.messages == box.recipients == []


def test_without_a_user_it_connects(project: Project) -> None:
    with smtp(Mailbox()) as port:
        found = look(project, port)
    assert found["message"].startswith(f"connected to 127.0.0.1:{port} in ")


def test_a_refused_login_is_critical_and_shows_no_password(project: Project) -> None:
    with smtp(Mailbox(), refuse_users=True) as port:
        found = look(project, port, **LOGIN)
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "auth", "refuses the login")
    assert "535 5.7.8 no such user" in found["message"] and MAIL_PASSWORD not in str(found)
    assert "Correct user and password" in found["hint"]


def test_a_login_beyond_ascii_is_misconfigured(project: Project) -> None:
    with smtp(Mailbox(), takes_users=True) as port:
        found = look(project, port, EMAIL_HOST_USER="app", EMAIL_HOST_PASSWORD=PASSWORD)
    assert (found["status"], found["summary"]) == ("critical", "login beyond ASCII")
    assert PASSWORD not in str(found)


def test_a_login_that_is_not_offered_is_misconfigured(project: Project) -> None:
    with smtp(Mailbox()) as port:
        found = look(project, port, **LOGIN)
    assert (found["status"], found["kind"]) == ("critical", "misconfigured")
    assert "AUTH extension not supported" in found["message"]


def test_starttls_that_is_not_offered_is_misconfigured(project: Project) -> None:
    with smtp(Mailbox()) as port:
        found = look(project, port, EMAIL_USE_TLS=True)
    assert (found["kind"], "STARTTLS extension not supported" in found["message"]) == ("misconfigured", True)
    assert "587" in found["hint"]


def test_starttls_and_login(project: Project, certificate: Make, tmp_path: Path) -> None:
    trusted = {"SSL_CERT_FILE": str(tmp_path / "ca" / "ca.pem")}
    with smtp(Mailbox(), takes_users=True, tls_context=certificate(9), require_starttls=True) as port:
        found = look(project, port, trusted, EMAIL_HOST="localhost", EMAIL_USE_TLS=True, **LOGIN)
        other = look(project, port, {}, EMAIL_HOST="localhost", EMAIL_USE_TLS=True, **LOGIN)
    assert (found["status"], found["data"]["security"]) == ("healthy", "STARTTLS"), found["message"]
    assert (other["status"], other["kind"]) == ("critical", "auth")
    assert "not trusted: unable to get local issuer certificate" in other["message"]


def test_tls_at_once(project: Project, certificate: Make, tmp_path: Path) -> None:
    trusted = {"SSL_CERT_FILE": str(tmp_path / "ca" / "ca.pem")}

    def greets(link: Any) -> None:
        link.sendall(b"220 here\r\n")
        while word := link.recv(1024):
            link.sendall(b"221 bye\r\n" if word.startswith(b"QUIT") else b"250 ok\r\n")

    with answering(greets, certificate(9)) as port:
        found = look(project, port, trusted, EMAIL_HOST="localhost", EMAIL_USE_SSL=True)
    assert (found["status"], found["data"]["security"]) == ("healthy", "TLS"), found["message"]
    with smtp(Mailbox()) as port:
        plain = look(project, port, EMAIL_USE_SSL=True)
    assert (plain["status"], plain["summary"]) == ("critical", "speaks no TLS as expected")
    assert "465" in plain["hint"]


@pytest.mark.parametrize(
    ("greeting", "kind", "said"),
    [(b"421 too many connections\r\n", "refused", "turns us away: 421 too many connections"),
     (b"", "refused", "closed the connection"), (b"HTTP/1.1 400 Bad\r\n", "refused", "turns us away: -1")],
)  # fmt: skip
def test_a_server_that_turns_us_away(project: Project, greeting: bytes, kind: str, said: str) -> None:
    with answering(lambda link: link.sendall(greeting)) as port:
        found = look(project, port)
    assert (found["status"], found["kind"], said in found["message"]) == ("critical", kind, True), found["message"]


def test_no_server_a_silent_one_and_no_name(project: Project) -> None:
    none = look(project, free_port())
    assert (none["kind"], "named by EMAIL_HOST and the other EMAIL settings" in none["hint"]) == ("refused", True)
    with answering(silent) as port:
        found = look(project, port, HEALTH_CLI={"CHECK_TIMEOUT": 2})
    assert (found["status"], found["kind"], found["summary"]) == ("critical", "timeout", "no answer")
    assert "took the connection and said nothing" in found["message"]
    assert look(project, 25, EMAIL_HOST="no.such.invalid")["kind"] == "missing"


def test_settings_that_contradict_each_other_are_misconfigured(project: Project) -> None:
    found = look(project, 25, EMAIL_USE_TLS=True, EMAIL_USE_SSL=True)
    assert (found["status"], found["summary"]) == ("critical", "no mailer")
    assert "mutually exclusive" in found["message"]
    lost = look(project, 25, EMAIL_USE_TLS=True, EMAIL_SSL_CERTFILE="/no/such.pem")
    assert (lost["summary"], "No such file" in lost["message"]) == ("no mailer", True)


def test_it_runs_where_a_server_is_named(project: Project) -> None:
    def listed(**settings: Any) -> tuple[bool, bool]:
        text = project.set(**settings).health("list").out
        return "email:default" in text.partition("On request")[0], "email:default" in text

    assert listed() == (False, True)
    assert listed(EMAIL_HOST="") == (False, True)
    assert listed(EMAIL_HOST="mail.example.org") == (True, True)
    assert listed(EMAIL_HOST_USER="app") == (True, True)
    backend = "django.core.mail.backends.console.EmailBackend"
    assert listed(EMAIL_HOST="mail.example.org", EMAIL_BACKEND=backend) == (False, True)
    found = project.look("email:default")
    assert (found["status"], found["code"], found["summary"]) == ("skipped", 3, "no mail server")
    assert "console.EmailBackend" in found["message"]


def test_each_mailer_is_a_check(project: Project) -> None:
    server = "django.core.mail.backends.smtp.EmailBackend"
    with smtp(Mailbox(), takes_users=True) as port:
        options = {"host": "127.0.0.1", "port": port, "username": "app", "password": MAIL_PASSWORD}
        wrong = {**options, "password": "s3cret-and-wrong"}
        mailers = {
            "default": {"BACKEND": server, "OPTIONS": options}, "bulk": {"BACKEND": server, "OPTIONS": wrong},
            "tests": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"},
            "faulty": {"BACKEND": server, "OPTIONS": {}},
        }  # fmt: skip
        run = project.set(MAILERS=mailers).health("run", "email", "-f", "json")
    if django.VERSION < (6, 1):  # which passes MAILERS over, and so do we
        assert set(run.checks) == {"email:default"}
        return
    statuses = {name: check["status"] for name, check in run.checks.items()}
    assert statuses == {
        "email:default": "healthy", "email:bulk": "critical", "email:tests": "skipped", "email:faulty": "critical"
    }  # fmt: skip
    assert "s3cret" not in run.out and MAIL_PASSWORD not in run.out
    assert "OPTIONS must define 'host'" in run.checks["email:faulty"]["message"]
    assert "email:tests" not in project.health("list").out.partition("On request")[0]


@pytest.mark.parametrize(
    ("settings", "status", "summary"),
    [
        ({"EMAIL_HOST": ""}, "critical", "no mailer"),
        ({"EMAIL_HOST": "a..b"}, "critical", "no name of a host"),
        ({"EMAIL_PORT": ""}, "critical", "no mailer"),
        ({"EMAIL_TIMEOUT": "soon"}, "critical", "no mailer"),
        ({"EMAIL_HOST_USER": "app", "EMAIL_TIMEOUT": "1"}, "warning", "half a login"),
        ({"EMAIL_BACKEND": "mailing.Backend"}, "warning", "half a login"),
    ],
)
def test_settings_that_make_no_sense(project: Project, settings: dict[str, Any], status: str, summary: str) -> None:
    project.write("mailing.py", """
        from django.core.mail.backends.smtp import EmailBackend
        from health_cli.models import HealthRun
        class Backend(EmailBackend):
            def __init__(self, **how):
                super().__init__(**{**how, "username": "app"})
    """)  # fmt: skip
    with smtp(Mailbox()) as port:
        found = look(project, port, **settings)
    assert (found["status"], found["summary"]) == (status, summary), found["message"]
