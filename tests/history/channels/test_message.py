"""The words of a notice: pure, as tables."""

import json

import pytest

from health_cli.history.channels.message import (
    MAX_SUBJECT,
    Turn,
    body,
    from_json,
    lasted,
    payload,
    subject,
    to_json,
    worst_first,
)
from tests.history.channels.notices import AT, ID, notice, over, turn

WARNING = turn(check="host.disk:/var", severity="warning", status="warning", summary="91 % used")


@pytest.mark.parametrize(
    ("turns", "line"),
    [
        ((turn(),), "CRITICAL: database:default refused on web1"),
        ((turn("escalated"),), "CRITICAL: database:default refused on web1"),
        ((WARNING,), "WARNING: host.disk:/var 91 % used on web1"),
        ((turn(severity="warning", status="unknown"),), "UNKNOWN: database:default refused on web1"),
        ((turn("flapping"),), "FLAPPING: database:default on web1"),
        ((turn("test", check="alerts", severity="warning"),), "TEST: alerts on web1"),
        ((over(720),), "RESOLVED: database:default on web1 after 12 min"),
        ((over(90, why="no longer configured"),),
         "RESOLVED: database:default on web1 after 1 min (no longer configured)"),
        ((over(720), WARNING, turn()), "CRITICAL: database:default refused on web1 (and 2 more)"),
        ((over(720), WARNING), "WARNING: host.disk:/var 91 % used on web1 (and 1 more)"),
        ((turn(summary="two\nlines\r\nBcc: x@example.org\x00"),),
         "CRITICAL: database:default two lines Bcc: x@example.org on web1"),
        ((turn(summary=""),), "CRITICAL: database:default on web1"),
    ],
)  # fmt: skip
def test_the_subject_says_the_worst(turns: tuple[Turn, ...], line: str) -> None:
    assert subject(notice(*turns)) == line


def test_a_long_subject_is_cut_and_keeps_the_number() -> None:
    line = subject(notice(turn(summary="x" * 500), WARNING))
    assert len(line) == MAX_SUBJECT
    assert line.endswith("x... (and 1 more)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (7500, "2 h 5 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d"), (273_600, "3 d 4 h"), (400 * 86_400, "400 d"),
    ],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert lasted(seconds) == text


def test_the_body_has_a_paragraph_a_turn() -> None:
    turns = (over(7500, check="cache:default"), turn("escalated", since=AT - 60), WARNING, turn("flapping", check="z"))
    assert body(notice(*turns)) == (
        "CRITICAL: database:default refused on web1\n"
        "  The server at 127.0.0.1:3306 refused the connection.\n"
        "  What to do: Is it running? systemctl status mariadb\n"
        "  Worse since 2026-11-23 12:00:05 UTC, abnormal since 2026-11-23 11:59:05 UTC.\n"
        "\n"
        "FLAPPING: z on web1\n"
        "  The server at 127.0.0.1:3306 refused the connection.\n"
        "  What to do: Is it running? systemctl status mariadb\n"
        "  It comes and goes since 2026-11-23 12:00:05 UTC: you hear of it again when it has settled.\n"
        "\n"
        "WARNING: host.disk:/var 91 % used on web1\n"
        "  The server at 127.0.0.1:3306 refused the connection.\n"
        "  What to do: Is it running? systemctl status mariadb\n"
        "  Since 2026-11-23 12:00:05 UTC.\n"
        "\n"
        "RESOLVED: cache:default on web1 after 2 h 5 min\n"
        "  It answers again.\n"
        "  From 2026-11-23 09:55:05 UTC to 2026-11-23 12:00:05 UTC.\n"
        "\n"
        "-- \n"
        "health-cli on web1, shop.settings, 2026-11-23 12:00:05 UTC\n"
    )


def test_without_a_project_the_host_stands_alone() -> None:
    assert "health-cli on web1, 2026" in body(notice()._replace(project=""))


def test_every_kind_of_turn_comes_worst_first() -> None:
    turns = (over(1), WARNING, turn(check="b"), turn(check="a"), over(1, severity="warning"))
    assert [(t.what, t.severity, t.check) for t in worst_first(turns)] == [
        ("opened", "critical", "a"),
        ("opened", "critical", "b"),
        ("opened", "warning", "host.disk:/var"),
        ("resolved", "critical", "database:default"),
        ("resolved", "warning", "database:default"),
    ]


def test_the_payload_has_times_for_programs() -> None:
    found = payload(notice(over(7500.5)))
    assert {key: found[key] for key in ("schema", "id", "host", "project", "at", "subject")} == {
        "schema": "health-cli-notice/1",
        "id": ID,
        "host": "web1",
        "project": "shop.settings",
        "at": "2026-11-23T12:00:05.250Z",
        "subject": "RESOLVED: database:default on web1 after 2 h 5 min",
    }
    assert found["turns"] == [
        {
            "what": "resolved",
            "check": "database:default",
            "host": "web1",
            "severity": "critical",
            "status": "healthy",
            "summary": "",
            "message": "It answers again.",
            "hint": "Is it running? systemctl status mariadb",
            "since": "2026-11-23T09:55:04.750Z",
            "at": "2026-11-23T12:00:05.250Z",
            "why": "recovered",
            "duration": 7500.5,
        }
    ]


def test_a_clock_that_went_back_makes_no_negative_duration() -> None:
    assert payload(notice(over(-5)))["turns"][0]["duration"] == 0


def test_a_notice_survives_being_stored() -> None:
    given = notice(turn(), over(5))
    assert from_json(json.loads(json.dumps(to_json(given)))) == given
