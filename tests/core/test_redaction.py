"""The three nets that keep secrets in: known values, the credentials of URLs, and pairs in text."""

import html
import json
import time
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health_cli.core.redaction import MASK, SECRET_NAME, Redactor, collect_secrets, url_passwords

SECRET = "hunter2-hunter2"
ODD = "p@ss w/rd'\"\\%+\u00e9"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mysql://shop:pw@db:3306/shop", "mysql://shop:***@db:3306/shop"),
        ("redis://:pw@cache/0", "redis://:***@cache/0"),
        ("rediss+sentinel://u:pw@a,b", "rediss+sentinel://u:***@a,b"),
        ("amqp://u:p@ss@host//", "amqp://u:***@host//"),
        ("amqp://u:p:ss@host//", "amqp://u:***@host//"),
        ("amqp://u:p%40ss@host//", "amqp://u:***@host//"),
        ("a://u:p1@h b://u:p2@h", "a://u:***@h b://u:***@h"),
        ("could not reach 'redis://u:pw@h'", "could not reach 'redis://u:***@h'"),
        ("http://host:80/path", "http://host:80/path"),
        ("http://host/a@b:c", "http://host/a@b:c"),
        ("http://user@host/", "http://user@host/"),
        ("no://", "no://"),
    ],
)
def test_the_password_of_any_url_is_masked(text: str, masked: str) -> None:
    assert Redactor().text(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2", "password=***"),
        ("password = hunter2 host=db", "password = *** host=db"),
        ("password='a b' x", "password=*** x"),
        ('password="a b" x', "password=*** x"),
        ("{'password': 'a b', 'user': 'x'}", "{'password': ***, 'user': 'x'}"),
        ('{"PASSWORD": "a b"}', '{"PASSWORD": ***}'),
        (r"{'password': 'it\'s \" a b', 'user': 'x'}", "{'password': ***, 'user': 'x'}"),
        (r'{"password": "a\" b", "user": "x"}', '{"password": ***, "user": "x"}'),
        ("passwd: hunter2", "passwd: ***"),
        ("pwd=hunter2;uid=1", "pwd=***;uid=1"),
        ("secret_key=abc", "secret_key=***"),
        ("api_key => abc", "api_key => ***"),
        ("?access_token=abc", "?access_token=***"),
        ("connect(passwd='hunter2')", "connect(passwd=***)"),
        ("the password is wrong", "the password is wrong"),
        ("password", "password"),
        ("tokens 5", "tokens 5"),
    ],
)
def test_pairs_in_text_are_masked(text: str, masked: str) -> None:
    assert Redactor().text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"x{SECRET}x",
        f"denied for {SECRET}!",
        f"{SECRET}{SECRET}",
        f"https://host/?q={SECRET}",
        f"'{SECRET}'",
    ],
)
def test_a_known_value_is_masked_wherever_it_stands(text: str) -> None:
    assert SECRET not in Redactor([SECRET]).text(text)
    assert MASK in Redactor([SECRET]).text(text)


@pytest.mark.parametrize(
    "form",
    [
        ODD,
        quote(ODD, safe=""),
        quote(ODD),
        quote(ODD, safe="").lower(),
        quote_plus(ODD),
        quote(quote(ODD)),
        repr(ODD),
        ascii(ODD),
        repr({"x": ODD}),
        repr(repr(ODD)),
        repr(ODD.encode()),
        json.dumps(ODD),
        json.dumps(ODD, ensure_ascii=False),
        html.escape(ODD),
    ],
    ids=[
        "as it is",
        "quoted",
        "quoted as a path",
        "quoted in small letters",
        "quoted with plus",
        "quoted twice",
        "repr",
        "ascii",
        "repr of a dict",
        "repr of repr",
        "bytes",
        "JSON",
        "JSON in UTF-8",
        "HTML",
    ],
)
def test_a_known_value_is_masked_in_every_form(form: str) -> None:
    masked = Redactor([ODD]).text(f"<{form}>")
    assert MASK in masked
    assert "rd" not in masked


@pytest.mark.parametrize("ahead", ["", "u:", "app:", "shop:x:"])
def test_a_long_value_is_masked_in_base64(ahead: str) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        text = encode(f"{ahead}{ODD}".encode()).decode()
        masked = Redactor([ODD]).text(f"Authorization: Basic {text}")
        assert MASK in masked
        assert len(masked) < len(f"Authorization: Basic {MASK}") + len(ahead) * 4 / 3 + 7


def test_a_value_of_many_lines_and_of_rare_characters_is_masked() -> None:
    odd = "-----BEGIN KEY-----\n\tp\U0001f600ss\r\n-----END KEY-----"
    for text in (odd, repr(odd), ascii(odd), json.dumps(odd), quote(odd)):
        assert Redactor([odd]).text(text).strip("'\"") == MASK


def test_no_text_takes_long_to_be_searched() -> None:
    secret = "\\'\\\"\\\\'" * 6
    began = time.perf_counter()
    for text in ("\\" * 70_000, "\\'" * 35_000, "%" * 70_000, secret[:-1] * 2000):
        Redactor([secret]).text(text)
    assert time.perf_counter() - began < 2


def test_a_value_quoted_in_a_url_is_masked_as_the_driver_prints_it() -> None:
    assert Redactor(["p%40ssword"]).text("denied: p@ssword") == "denied: ***"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("user 'db' at database", "user '***' at database"),
        ("db", "***"),
        ("db.example", "***.example"),
        ("mydb db2 db_x", "mydb db2 db_x"),
    ],
)
def test_a_short_secret_is_masked_only_where_it_stands_alone(text: str, masked: str) -> None:
    assert Redactor(["db"]).text(text) == masked


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert Redactor(["secret", "secret-and-more"]).text("secret-and-more") == MASK


@pytest.mark.parametrize("secrets", [[], [""]], ids=["none", "empty"])
def test_without_secrets_nothing_changes(secrets: list[str]) -> None:
    assert Redactor(secrets).text("all is well") == "all is well"


@settings(deadline=None)
@given(st.text(min_size=6), st.text(), st.text())
def test_no_long_secret_survives(secret: str, before: str, after: str) -> None:
    masked = Redactor([secret]).text(before + secret + after)
    assert secret not in masked.replace(MASK, "\0") or secret in MASK


@pytest.mark.parametrize(
    ("data", "masked"),
    [
        (f"x {SECRET}", "x ***"),
        ([SECRET, ("a", SECRET)], [MASK, ["a", MASK]]),
        ({"a": {"b": [SECRET]}}, {"a": {"b": [MASK]}}),
        ({"password": "short", "user": "x"}, {"password": MASK, "user": "x"}),
        ({"password": "", "token": None}, {"password": "", "token": None}),
        ({"url": "redis://:pw@h"}, {"url": "redis://:***@h"}),
        ({"n": 1, "f": 1.5, "b": True, "none": None}, {"n": 1, "f": 1.5, "b": True, "none": None}),
        ({1: "a"}, {1: "a"}),
    ],
    ids=["text", "lists", "deep", "name", "nothing there", "url", "no text", "number as key"],
)
def test_data_is_masked_in_depth(data: Any, masked: Any) -> None:
    assert Redactor([SECRET]).data(data) == masked


@pytest.mark.parametrize(
    "data",
    [
        {"tokens": ["first-one", "second"]},
        {"credentials": {"google": "first-one"}},
        {"api_keys": [{"stripe": "first-one"}]},
    ],
    ids=["list", "dict", "list of dicts"],
)
def test_whatever_stands_under_a_secret_name_is_masked(data: dict[str, Any]) -> None:
    assert "first-one" not in json.dumps(Redactor().data(data))


@pytest.mark.parametrize("key", [SECRET, "redis://:hunter2@h"], ids=["value", "url"])
def test_a_secret_is_masked_where_it_is_a_key(key: str) -> None:
    assert "hunter2" not in json.dumps(Redactor([SECRET]).data({key: "ok"}))


@pytest.mark.parametrize(
    "name",
    ["PASSWORD", "passwd", "DB_PASSWORD", "SECRET_KEY", "EMAIL_HOST_PASSWORD", "API_KEY", "apikey", "GITHUB_TOKEN",
     "AWS_SECRET_ACCESS_KEY", "STRIPE_KEY", "PRIVATE_KEY_FILE", "SENTRY_DSN", "MYSQL_PWD", "passphrase", "SIGNATURE"],
)  # fmt: skip
def test_a_secret_name(name: str) -> None:
    assert SECRET_NAME.search(name)
    assert collect_secrets({name: SECRET}) == {SECRET}


@pytest.mark.parametrize(
    "name", ["NAME", "USER", "HOST", "KEY_PREFIX", "KEYBOARD", "MONKEY", "PASSENGERS", "COMPASS_X"]
)
def test_a_harmless_name(name: str) -> None:
    assert collect_secrets({name: SECRET}) == set()


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({"DATABASES": {"default": {"PASSWORD": "a", "USER": "u"}}}, {"a"}),
        ({"CACHES": {"default": {"LOCATION": "redis://:b@h"}}}, {"b"}),
        ({"CACHES": {"default": {"LOCATION": ["redis://:b@h", "redis://:c@h"]}}}, {"b", "c"}),
        ({"CELERY_BROKER_URL": "amqp://u:d@h1;amqp://u:e@h2"}, {"d", "e"}),
        ({"SECRET_KEY_FALLBACKS": ["f", "g"]}, {"f", "g"}),
        ({"OPTIONS": ({"password": "h"},)}, {"h"}),
        ({"PORT": 3306, "DEBUG": True, "X": None}, set()),
        ({"API_KEYS": {"stripe": "i", "mail": "j"}}, {"i", "j"}),
        ({"TOKENS": [{"github": "k"}]}, {"k"}),
        ({"SECRET_KEY": b"lmnopq"}, {"lmnopq"}),
    ],
    ids=[
        "database", "cache", "caches", "broker", "list", "options", "no text", "dict of keys", "list of dicts", "bytes",
    ],
)  # fmt: skip
def test_settings_tell_their_secrets(settings: dict[str, Any], secrets: set[str]) -> None:
    assert collect_secrets(settings) == secrets


def test_settings_with_a_cycle_are_read_to_an_end() -> None:
    settings: dict[str, Any] = {"PASSWORD": SECRET}
    settings["SELF"] = settings
    assert collect_secrets(settings) == {SECRET}


@pytest.mark.parametrize(
    ("text", "passwords"),
    [
        ("redis://:a@h", {"a"}),
        ("amqp://u:a@h,amqp://u:b@h", {"a", "b"}),
        ("amqp://u:p%40ss@h", {"p%40ss"}),
        ("http://h/", set()),
        ("http://u@h/", set()),
        ("http://[broken", set()),
        ("plain", set()),
    ],
)
def test_the_passwords_of_urls(text: str, passwords: set[str]) -> None:
    assert url_passwords(text) == passwords


@pytest.mark.parametrize(
    "text",
    ["a" * 32_000 + "://b:" + "c" * 32_000, "a" * 64_000 + " ://", "x://b:" * 10_000, "password='" * 6_000],
    ids=["scheme", "no-scheme", "many", "quotes"],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    Redactor(["a" * 200 + "b"]).text(text)
    assert time.process_time() - began < 3, "it was minutes"


def test_a_key_of_many_lines_is_masked_whole_and_line_by_line() -> None:
    lines = [f"{number:02}" + "Ab1+" * 15 for number in range(50)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    began = time.process_time()
    redactor = Redactor([key])
    assert time.process_time() - began < 1
    for text in (key, repr(key), f"line: {lines[7]}"):
        assert "Ab1+" not in redactor.text(text)


@pytest.mark.parametrize(
    "text",
    ["AWS_SECRET_ACCESS_KEY=hunter2", '{"aws_secret_access_key": "hunter2"}', "my_secret_value: hunter2",
     "private_key=hunter2", "session_key=hunter2", "credentials=hunter2", "SENTRY_DSN=hunter2", "password_hash=hunter2",
     "Authorization: Bearer hunter2", "authorization: Basic hunter2=", "'Authorization': 'Bearer hunter2'",
     "X-Api-Key: hunter2", "stripe-api-key: hunter2", "Cookie: sessionid=hunter2; csrftoken=hunter2",
     "Set-Cookie: sessionid=hunter2", "passwort=hunter2", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2x",
     "sent Bearer hunter2hunter2hunter2"],
)  # fmt: skip
def test_what_is_secret_in_logs_is_masked(text: str) -> None:
    assert "hunter2" not in Redactor().text(text) and "***" in Redactor().text(text)


@pytest.mark.parametrize(
    "text", ["passenger: 5", "passed: 17 of 20", "a bearer of news: fine", "keys: 12", "cookies eaten"]
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "text",
    ["secret" + "-" * 60_000, "authorization" + " " * 60_000, "cookie:" * 9_000, "eyJ" + "a" * 60_000],
)  # fmt: skip
def test_no_text_takes_it_long(text: str) -> None:
    began = time.monotonic()
    Redactor().text(text)
    assert time.monotonic() - began < 1
