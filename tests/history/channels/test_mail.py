"""Mail through Django against a real server, with the settings of Django 5.2 and with those of 6.1."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import UserSettingsHolder, global_settings, settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from health_cli.history.channels import ChannelError, send
from health_cli.history.channels.message import body
from tests.history.channels.notices import ID, PASSWORD, USER, leaks, notice, turn
from tests.history.channels.servers import Mailbox, frozen, greeting_for_ever, smtp
from tests.servers import free_port

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*setting is deprecated. Migrate to MAILERS"),
    pytest.mark.filterwarnings("ignore:.*will not have a default mailer"),
]
CHANNEL = {"mail": ["ops@example.org", "boss@example.org"]}
Project = Callable[..., None]
WAYS = ["EMAIL_HOST", *(["MAILERS"] if hasattr(mail, "mailers") else [])]  # MAILERS: from Django 6.1 on


@pytest.fixture
def configure() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give Django the settings of a project, as long as the test runs."""
    before = settings._wrapped

    def put(given: dict[str, Any]) -> None:
        holder = UserSettingsHolder(global_settings)
        for name, value in given.items():
            setattr(holder, name, value)
        settings._wrapped = holder

    yield put
    settings._wrapped = before


@pytest.fixture(params=WAYS)
def project(request: pytest.FixtureRequest, configure: Callable[[dict[str, Any]], None]) -> Project:
    """Make the settings of a project: its mail server, by one way or the other, and what else it sets."""

    def make(port: int, others: dict[str, Any] | None = None, **options: Any) -> None:
        names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD", "timeout": "EMAIL_TIMEOUT"}
        given: dict[str, Any] = {"SECRET_KEY": "k7canaryKEY", **(others or {})}
        if request.param == "MAILERS":
            given["MAILERS"] = {"default": {"OPTIONS": {"host": "127.0.0.1", "port": port, **options}}}
        else:
            given |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port}
            given |= {names[name]: value for name, value in options.items()}
        configure(given)

    return make


def test_one_message_for_all_addresses(project: Project) -> None:
    given = notice(turn(message="Ä server\nrefused."))
    with smtp(mailbox := Mailbox()) as port:
        project(port, {"EMAIL_SUBJECT_PREFIX": "[shop] ", "SERVER_EMAIL": "server@example.org"})
        send(given, CHANNEL, timeout=5)
        send(given, CHANNEL, timeout=5)
        send(given, {"mail": ["ops@example.org"]}, timeout=5)
    message, again, other = mailbox.messages
    assert mailbox.recipients[0] == ["boss@example.org", "ops@example.org"]
    assert message["Subject"] == "[shop] CRITICAL: database:default refused on web1"
    assert (message["From"], message["Auto-Submitted"]) == ("server@example.org", "auto-generated")
    assert message.get_content().replace("\r\n", "\n").rstrip() == body(given).rstrip()
    assert message["Message-ID"].startswith(f"<{ID}.")
    assert message["Message-ID"].endswith("@web1>")
    assert message["Message-ID"] == again["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize(
    ("set_", "sender"),
    [
        ({"DEFAULT_FROM_EMAIL": "shop@example.org"}, "shop@example.org"),
        ({"DEFAULT_FROM_EMAIL": "shop@example.org", "SERVER_EMAIL": "server@example.org"}, "server@example.org"),
        ({}, "webmaster@localhost"),
    ],
)
def test_the_sender_is_what_the_project_has_set(project: Project, set_: dict[str, str], sender: str) -> None:
    with smtp(mailbox := Mailbox()) as port:
        project(port, set_)
        send(notice(), CHANNEL, timeout=5)
    assert mailbox.messages[0]["From"] == sender


def test_a_strange_name_of_a_host_makes_a_valid_message_id(project: Project) -> None:
    with smtp(mailbox := Mailbox()) as port:
        project(port)
        send(notice()._replace(host="web 1\n<ü>"), CHANNEL, timeout=5)
        send(notice()._replace(host="..."), CHANNEL, timeout=5)
    found = [message["Message-ID"].partition("@")[2] for message in mailbox.messages]
    assert found == ["web-1>", "localhost>"]


def fails(timeout: float = 5) -> str:
    with pytest.raises(ChannelError) as raised:
        send(notice(), CHANNEL, timeout=timeout)
    assert leaks(str(raised.value)) == []
    return str(raised.value).partition(": ")[2]


def test_a_closed_port_is_refused(project: Project) -> None:
    port = free_port()
    project(port)
    assert fails() == f"127.0.0.1:{port}: the connection was refused"


@pytest.mark.parametrize("own", [None, 60, 0.2])
def test_a_frozen_server_is_not_waited_for(project: Project, own: float | None) -> None:
    with frozen() as port:
        project(port, timeout=own)
        began = time.monotonic()
        assert fails(timeout=1) == f"127.0.0.1:{port}: no answer in time"
        assert time.monotonic() - began < (0.85 if own == 0.2 else 2)


def test_a_server_that_drips_is_not_waited_for(project: Project) -> None:
    with greeting_for_ever() as port:
        project(port)
        began = time.monotonic()
        assert fails(timeout=1).endswith("no answer in time")
        assert time.monotonic() - began < 2


def test_a_password_that_is_not_accepted_is_not_shown(project: Project) -> None:
    with smtp(Mailbox(), refuse_users=True) as port:
        project(port, username=USER, password=PASSWORD)
        reason = fails()
    assert reason.startswith(
        f"127.0.0.1:{port}: user and password were not accepted: the server said 535 5.7.8 no such"
    )
    assert reason.endswith("with ***")


def test_a_server_that_takes_no_such_address(project: Project) -> None:
    with smtp(Mailbox("550 5.1.1 no such user here")) as port:
        project(port)
        assert fails() == f"127.0.0.1:{port}: the server said 550 5.1.1 no such user here"


def test_an_address_that_is_none(project: Project) -> None:
    with smtp(Mailbox()) as port:
        project(port)
        with pytest.raises(ChannelError, match=r"(ValueError|BadHeaderError): "):
            send(notice(), {"mail": ["two\nlines@example.org"]}, timeout=5)


def test_another_backend_is_used_and_its_words_are_told(configure: Callable[[dict[str, Any]], None]) -> None:
    key = "k7canarySECRETnn4"
    configure({"SECRET_KEY": "x", "EMAIL_BACKEND": f"{__name__}.Failing", "PROVIDER_API_KEY": key})
    assert fails() == "Rejected: the provider said no to ***"
    configure({"SECRET_KEY": "x", "EMAIL_BACKEND": f"{__name__}.Sloppy"})
    send(notice(), CHANNEL, timeout=5)
    configure({"SECRET_KEY": "x", "EMAIL_BACKEND": f"{__name__}.Silent"})
    assert fails() == "the backend sent nothing and does not say why"
    configure({"SECRET_KEY": "x", "EMAIL_BACKEND": f"{__name__}.Nothing"})
    assert fails().startswith("ImportError: ")
    configure({"EMAIL_BACKEND": f"{__name__}.Failing"})  # without SECRET_KEY the settings can't be read
    assert fails() == "Rejected"


class Rejected(Exception):
    """Of a provider."""


class Failing(BaseEmailBackend):
    """Says what it sent."""

    def send_messages(self, messages: list[Any]) -> int | None:
        raise Rejected("the provider said no to k7canarySECRETnn4")


class Sloppy(Failing):
    """Does not say how many it sent."""

    def send_messages(self, messages: list[Any]) -> int | None:
        return None


class Silent(Failing):
    """Fails without a word."""

    def send_messages(self, messages: list[Any]) -> int | None:
        return 0
