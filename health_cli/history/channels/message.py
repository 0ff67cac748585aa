"""Message: what is told of a run's alerts, and its words: a subject, a text for people, and JSON for programs.

Pure. The texts of a turn arrive redacted.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from health_cli.core.assembly import iso_utc

SCHEMA = "health-cli-notice/1"
MAX_SUBJECT = 160  # characters; a summary can be as long as a line of a log


class Turn(NamedTuple):
    """What happened to one alert: it was opened, escalated or resolved, or it began flapping; or nothing did: a test.

    `severity` is warning or critical, the worst that the alert has been; `status` is the check's own word. The alert
    opened at `since`; `at` is when it turned (both in seconds since the epoch). `why` says how a resolved one ended.
    """

    what: str
    check: str
    host: str
    severity: str
    status: str
    summary: str
    message: str
    hint: str
    since: float
    at: float
    why: str = ""


class Notice(NamedTuple):
    """All that one run has to tell, however many checks turned. Whoever gets the same `id` twice got it twice."""

    id: str
    host: str
    project: str
    at: float
    turns: tuple[Turn, ...]


def to_json(notice: Notice) -> dict[str, Any]:
    """Return a notice as it is stored until it has been told."""
    return {**notice._asdict(), "turns": [turn._asdict() for turn in notice.turns]}


def from_json(data: Mapping[str, Any]) -> Notice:
    """Return a stored notice; KeyError or TypeError where it is none."""
    turns = tuple(Turn(**turn) for turn in data["turns"])
    return Notice(id=data["id"], host=data["host"], project=data["project"], at=data["at"], turns=turns)


def worst_first(turns: tuple[Turn, ...]) -> list[Turn]:
    """Return the turns as people want to read them: critical ones, warnings, and at last what is over."""
    return sorted(turns, key=lambda turn: (turn.what == "resolved", turn.severity != "critical", turn.check))


def subject(notice: Notice) -> str:
    """Return one short line: the worst turn, and how many more there are. ValueError where there is none."""
    first, *others = worst_first(notice.turns)
    line = _line(_headline(first))
    more = f" (and {len(others)} more)" if others else ""
    room = MAX_SUBJECT - len(more)
    return (line if len(line) <= room else line[: room - 3].rstrip() + "...") + more


def body(notice: Notice) -> str:
    """Return the text for people: a paragraph a turn, the worst first."""
    paragraphs = [_paragraph(turn) for turn in worst_first(notice.turns)]
    place = f"{notice.host}, {notice.project}" if notice.project else notice.host
    return "\n\n".join([*paragraphs, f"-- \nhealth-cli on {place}, {_clock(notice.at)}"]) + "\n"


def payload(notice: Notice) -> dict[str, Any]:
    """Return what a webhook gets: times in ISO 8601 UTC, durations in seconds."""
    return {
        "schema": SCHEMA,
        "id": notice.id,
        "host": notice.host,
        "project": notice.project,
        "at": iso_utc(notice.at),
        "subject": subject(notice),
        "turns": [_turn(turn) for turn in worst_first(notice.turns)],
    }


def lasted(seconds: float) -> str:
    """Write a duration for people in its two largest units: `40 s`, `12 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return _two(whole // 86_400, "d", whole % 86_400 // 3600, "h")


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large} {unit} {small} {smaller}" if small else f"{large} {unit}"


def _headline(turn: Turn) -> str:
    """Return the first line on a turn; an unknown state is told as such, though its alert is a warning."""
    if turn.what == "resolved":
        ending = "" if turn.why in {"", "recovered"} else f" ({turn.why})"
        return f"RESOLVED: {turn.check} on {turn.host} after {lasted(turn.at - turn.since)}{ending}"
    if turn.what in {"flapping", "test"}:
        return f"{turn.what.upper()}: {turn.check} on {turn.host}"
    word = turn.status if turn.status == "unknown" else turn.severity
    return f"{word.upper()}: {turn.check} {turn.summary} on {turn.host}"


def _paragraph(turn: Turn) -> str:
    lines = [_line(_headline(turn)), *(f"  {line.rstrip()}" for line in turn.message.splitlines())]
    if turn.hint and turn.what != "resolved":
        lines.append(f"  What to do: {_line(turn.hint)}")
    return "\n".join([*lines, f"  {_times(turn)}"])


def _times(turn: Turn) -> str:
    match turn.what:
        case "resolved":
            return f"From {_clock(turn.since)} to {_clock(turn.at)}."
        case "escalated":
            return f"Worse since {_clock(turn.at)}, abnormal since {_clock(turn.since)}."
        case "flapping":
            return f"It comes and goes since {_clock(turn.since)}: you hear of it again when it has settled."
        case "test":
            return f"Sent at {_clock(turn.at)}."
        case _:
            return f"Since {_clock(turn.since)}."


def _turn(turn: Turn) -> dict[str, Any]:
    times = {"since": iso_utc(turn.since), "at": iso_utc(turn.at), "duration": round(max(0.0, turn.at - turn.since), 3)}
    return {**turn._asdict(), **times}


def _clock(seconds: float) -> str:
    """Write a time for people: `2026-11-23 12:00:05 UTC`."""
    return iso_utc(seconds)[:19].replace("T", " ") + " UTC"


def _line(text: str) -> str:
    """Return a text as one line without control characters, fit for a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
