"""What logs of all kinds say: their levels, times, messages and tracebacks."""

import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from health_cli.checks.logs.records import read, seconds_of
from health_cli.checks.logs.tally import Tally, folded
from health_cli.checks.logs.zones import Later, zone_of
from health_cli.config.logs import pattern_of

AT = datetime(2026, 11, 25, 14, 0, 1, tzinfo=UTC).timestamp()


def only(text: str, **how: object) -> tuple[float | None, str, str]:
    (record,) = read(text, zone=UTC, **how).records  # type: ignore[arg-type]
    return record.at and int(record.at), record.level, record.text


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("2026-11-25 14:00:01,123 ERROR django.request Internal Server Error: /x", "error",
         "django.request Internal Server Error: /x"),
        ("ERROR 2026-11-25 14:00:01,123 views 12 345 Boom", "error", "views 12 345 Boom"),
        ("[2026-11-25 14:00:01,451: ERROR/MainProcess] Task x raised", "error", "/MainProcess] Task x raised"),
        ("[2026-11-25 14:00:01 +0000] [12] [CRITICAL] WORKER TIMEOUT (pid:13)", "critical", "WORKER TIMEOUT (pid:13)"),
        ("2026/11/25 14:00:01 [error] 31#31: *1 open() failed", "error", "31#31: *1 open() failed"),
        ("2026/11/25 14:00:01 [emerg] 31#31: no room", "critical", "31#31: no room"),
        ("2026-11-25T14:00:01.5Z web1 app[7]: WARNING slow", "warning", "slow"),
        ("2026-11-25T15:00:01+01:00 FATAL out of memory", "critical", "out of memory"),
        ('{"level": "error", "timestamp": "2026-11-25T14:00:01Z", "message": "m"}', "error", "m"),
        ('{"levelname": "CRITICAL", "asctime": "2026-11-25 14:00:01,123", "msg": "m"}', "critical", "m"),
        ('{"level": 50, "time": 1795615201000, "msg": "pino"}', "error", "pino"),
        ('{"level": 60, "time": 1795615201000, "msg": "pino"}', "critical", "pino"),
        ('{"level": 50, "time": "2026-11-25T14:00:01Z", "msg": "Python"}', "critical", "Python"),
        ('{"log": {"level": "WARN"}, "@timestamp": "2026-11-25T14:00:01Z", "message": "ecs"}', "warning", "ecs"),
    ],
)  # fmt: skip
def test_a_record_of(line: str, level: str, text: str) -> None:
    assert only(line) == (AT, level, text)


def test_syslog_has_no_year() -> None:
    at, level, text = only("Nov 25 14:00:01 web1 app[1]: CRITICAL it died")
    assert (level, text) == ("critical", "it died")
    assert at is not None and time.time() - 366 * 86_400 < at < time.time() + 2 * 86_400


def test_pythons_own_format_has_no_time() -> None:
    assert only("ERROR:root:plain") == (None, "error", "root:plain")


TRACE = """Traceback (most recent call last):
  File "shop/views.py", line 7, in pay
    raise OutOfStock(order)
shop.errors.OutOfStock: order 17

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 1, in y
ValueError: ERROR 2026-01-01 is no number
"""


def test_a_traceback_belongs_to_its_record_whatever_is_in_it() -> None:
    text = f"2026-11-25 14:00:01,123 ERROR it failed\n{TRACE}2026-11-25 14:00:02 INFO had an ERROR\n"
    found = read(text, zone=UTC)
    (record,) = found.records
    assert record.text == "it failed\nValueError: ERROR 2026-01-01 is no number"
    assert found.times == (AT + 0.123, AT + 1)


def test_words_in_a_message_are_no_levels() -> None:
    text = "2026-11-25 14:00:01 INFO GET /error ERROR 500\n2026-11-25 14:00:02 GET /critical/error warning\n"
    assert read(text).records == []


def test_the_end_of_a_record_that_begins_before_is_none() -> None:
    found = read(f"{TRACE}2026-11-25 14:00:01 ERROR x\n", zone=UTC)
    assert (len(found.records), found.strange) == (1, TRACE.count("\n"))


def test_lines_of_json_may_be_broken() -> None:
    text = '{"level": "info", "time": "2026-11-25T14:00:01Z"}\nno error at all\n[1, "error"]\n{"message": "error"}\n'
    found = read(text)
    assert (found.records, found.strange, found.lines, found.times) == ([], 0, 4, (AT, AT))


def test_where_nothing_tells_a_level_the_handlers_own_counts() -> None:
    text = "it broke\n  here\nagain\n"
    assert read(text).strange == 3
    found = read(text, floor="error")
    assert [(record.level, record.text) for record in found.records] == [("error", "it broke"), ("error", "again")]


@pytest.mark.parametrize(
    ("form", "style", "datefmt", "line"),
    [
        ("{levelname} {asctime} {module} {process:d} {thread:d} {message}", "{", None,
         "ERROR 2026-11-25 14:00:01,123 views 12 345 it broke"),
        ("[%(asctime)s] %(levelname)-8s %(name)s: %(message)s", "%", None,
         "[2026-11-25 14:00:01,123] ERROR    shop.pay: it broke"),
        ("%(name)s|%(levelname)s|%(asctime)s|%(message)s", "%", "%d/%b/%Y %H:%M:%S",
         "shop.pay|ERROR|25/Nov/2026 14:00:01|it broke"),
        ("$asctime ${levelname} $message", "$", None, "2026-11-25 14:00:01,123 ERROR it broke"),
    ],
)  # fmt: skip
def test_the_format_of_a_handler_is_its_pattern(form: str, style: str, datefmt: str | None, line: str) -> None:
    pattern = re.compile(pattern_of(form, style, datefmt), re.MULTILINE)
    assert only(f"{line}\n", pattern=pattern) == (AT, "error", "it broke")
    assert read(f"no record\n{line}\n", pattern).strange == 1


def test_a_format_without_levels_needs_a_time_to_be_a_pattern() -> None:
    assert pattern_of("%(message)s") == "" == pattern_of(None) == pattern_of(7)
    pattern = re.compile(pattern_of("%(asctime)s %(message)s"), re.MULTILINE)
    text = "2026-11-25 14:00:01,123 boom\nTraceback (most recent call last):\n  File x\nKeyError: 1\n"
    (record,) = read(text, pattern, "error", UTC).records
    assert (record.at and int(record.at), record.text) == (AT, "boom\nKeyError: 1")
    assert read(text, pattern, "", UTC).strange == 4


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-45 99:99:99", "12", "2026-11-25", None, True, 7])
def test_what_is_no_time_is_none(text: object) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order 17 of user 4 failed", "order 9 of user 112 failed"),
        ("key 7f3a9c2b1d4e missing", "key 00aa11bb22cc missing"),
        ("task 3f2b8c1e-7f3a-4c2b-9d4e-0123456789ab", "task 00000000-7f3a-4c2b-9d4e-0123456789ab"),
        ("<Order at 0x7f3a9c>", "<Order at 0x1>"),
    ],
)
def test_messages_that_differ_by_numbers_and_ids_are_one(first: str, second: str) -> None:
    assert folded(first) == folded(second)


def test_words_tell_messages_apart() -> None:
    assert folded("the cafe added") != folded("the facade added")


def test_a_tally_counts_a_window_and_keeps_what_it_needs() -> None:
    tally = Tally()
    lines = [f"2026-11-25 14:{minute:02}:00 ERROR order {minute} failed" for minute in range(60)]
    tally.add(read("\n".join([*lines, "2026-11-25 14:30:00 CRITICAL the end"]), zone=UTC).records, AT + 3_600)
    again = Tally.from_json(tally.to_json(str))
    again.forget(AT + 1_800)
    assert again.counts() == {"warning": 0, "error": 30, "critical": 1}
    first, second = again.groups(5)
    assert (first.text, first.minutes.total()) == ("the end", 1)
    assert (second.text, second.minutes.total()) == ("order 59 failed", 30)
    again.forget(AT + 86_400)
    assert again.groups(5) == [] and set(again.counts().values()) == {0}


def levels(text: str) -> list[str]:
    return [record.level for record in read(text, zone=UTC).records]


JSON = '{"level": "error", "timestamp": "2026-11-25T14:00:01Z", "message": "m"}\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ERROR plain\n" + JSON * 3, ["error"] * 4),
        ("Booting worker with pid: 7\n" + JSON * 2, ["error"] * 2),
        (JSON + "2026-11-25 14:00:01 CRITICAL plain\n" * 2, ["error", "critical", "critical"]),
        ("ERROR with data\n" + '{"order": 7}\n' + JSON, ["error"] * 2),
        (JSON * 9_000, ["error"] * 9_000),
        ('{"level": "info", "message": "an error"}\n', []),
        ('{"level": 30, "time": 1795615201000}\n{"level": 30, "time": "2026-11-25T14:00:01Z"}\n', ["warning"]),
        ("2026-11-25 14:00:01 ERROR \n2026-11-25 14:00:01 CRITICAL db down\n", ["error", "critical"]),
        ('{"level": "error", "message": "caf\u2028e"}\n', ["error"]),
    ],
)
def test_text_and_json_in_one_log_are_both_understood(text: str, found: list[str]) -> None:
    assert levels(text) == found


@pytest.mark.parametrize(
    "line",
    ["ERROR bad date 0001-01-01 00:00:00 given", "ERROR 0001-01-01 00:00:00 given", "ERROR 9999-12-31 23:59:59+00:00 x",
     '{"level": "error", "ts": %s, "message": "m"}' % ("1" * 400),
     "ERROR:root:Invoice of 2025-01-01 10:00:00"],
)  # fmt: skip
def test_a_strange_time_is_no_time(line: str) -> None:
    (record,) = read(f"{line}\n", zone=UTC).records
    assert (record.level, record.at) == ("error", None)


def test_json_without_end_is_no_crash() -> None:
    assert levels('{"level": "error", "a": %s}\n' % ("[" * 200_000) + JSON) == ["error"]


def test_the_line_that_names_the_exception_is_kept() -> None:
    trace = (
        "ERROR boom\nTraceback (most recent call last):\n  File x\n"
        "django.db.utils.IntegrityError: duplicate key\nDETAIL:  Key (email)=(bob@example.com) already exists.\n\n"
    )
    (record,) = read(trace).records
    assert record.text == "boom\ndjango.db.utils.IntegrityError: duplicate key"
    group = "ERROR boom\n  + Exception Group Traceback (most recent call last):\n  |   File x\n"
    (record,) = read(
        f"{group}  | ExceptionGroup: both (2 sub-exceptions)\n  +-+---- 1 ----\n    | ValueError: one\n"
    ).records
    assert record.text == "boom\nExceptionGroup: both (2 sub-exceptions)"


@pytest.mark.parametrize(
    "form",
    ["%(asctime)s %(process)d %(thread)d %(module)s %(funcName)s %(levelname)s %(message)s",
     "%(asctime)s %(threadName)s %(pathname)s %(foo)s %(levelname)s %(message)s"],
)  # fmt: skip
@pytest.mark.parametrize("line", ["a b" + " " * 300, "a b" + " " * 20_000, "a b " * 5_000])
def test_no_line_takes_a_pattern_of_logging_long(form: str, line: str) -> None:
    began = time.monotonic()
    read(f"{line}\n", re.compile(pattern_of(form), re.MULTILINE))
    assert time.monotonic() - began < 1


def test_a_traceback_is_no_record_of_its_own() -> None:
    text = "ERROR boom\nTraceback (most recent call last):\n  File x\nValueError: x\n"
    assert len(read(text, re.compile(pattern_of("{levelname} {message}", "{"), re.MULTILINE), "error").records) == 1


def test_the_hour_that_is_there_twice_is_the_second_one_where_the_file_says_so() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    second = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1).timestamp()
    assert second - datetime(2026, 10, 25, 2, 30, tzinfo=berlin).timestamp() == 3_600
    (record,) = read("2026-10-25 02:30:00 ERROR x\n", zone=Later(berlin)).records
    assert record.at == second
    (record,) = read("2026-10-24 02:30:00 ERROR x\n", zone=Later(berlin)).records
    assert record.at == datetime(2026, 10, 24, 2, 30, tzinfo=berlin).timestamp()


def test_the_zone_of_a_long_log_of_json_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    line = '{"level": "error", "timestamp": "2026-11-25 14:00:01", "message": "m"}\n'
    try:
        zone = zone_of(line * 400, AT, None, "")
        assert zone is not None and not datetime(2026, 11, 25, 14, tzinfo=zone).utcoffset()
    finally:
        monkeypatch.undo()
        time.tzset()
