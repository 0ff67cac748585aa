"""Records: from the text of a log to what was written, when, and how bad it was. Pure.

A record begins with a line that tells its level, as Django, Celery, gunicorn, nginx and syslog write it, or is a line
of JSON; the lines after it that tell none (a traceback) belong to it. A format of one's own is a pattern with the
groups `level`, and where there are any `time`, `logger` and `message`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

TEXT = 2_000  # characters of a record that are looked at
EDGE = 50  # records at both ends of which one should tell its time
FARTHEST = 4e9  # seconds since the epoch: the year 2096; JavaScript counts milliseconds

# What loggers call their levels -> ours.
LEVELS = {
    "debug": "debug", "trace": "debug", "info": "info", "information": "info", "notice": "info", "success": "info",
    "warning": "warning", "warn": "warning", "error": "error", "err": "error", "severe": "error",
    "exception": "error", "critical": "critical", "crit": "critical", "fatal": "critical", "alert": "critical",
    "emerg": "critical", "emergency": "critical", "panic": "critical",
}  # fmt: skip
BAD = ("warning", "error", "critical")
_BY_WORD = {form: level for word, level in LEVELS.items() for form in (word, word.upper(), word.capitalize())}
_LEVEL_GROUPS = ("level", "upper", "lower", "lead")

_WORDS = "|".join(sorted(LEVELS, key=len, reverse=True))
_TIME = (
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|\ ?[+-]\d\d:?\d\d)?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?:\ [+-]\d{4})?"
    r"|[A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d"
)
# The level leads, with the time right behind it if anywhere: one further on is of the message. Or the time does and the
# level follows soon; small letters count in brackets alone, as nginx has them: a message may have the word `error` in
# it. Or it is a line of JSON, which a log of text may have in it.
START = re.compile(
    rf"^(?:(?P<json>\{{[^\n]*\}}[ \t\r]*$)"
    rf"|\[?(?P<time>{_TIME})\]?[^\n]{{0,120}}?(?:\b(?P<upper>{_WORDS.upper()})\b|\[(?P<lower>{_WORDS})\])"
    rf"|(?P<lead>{_WORDS.upper()})\b(?:[ \t:\]|,-]{{1,3}}\[?(?P<later>{_TIME}))?)[ \t:\]|,-]*(?P<message>[^\n]*)",
    re.MULTILINE,
)
_TIMED = re.compile(rf"^\[?(?:{_TIME})", re.MULTILINE)  # a line that begins with a time
TRACE = "Traceback (most recent call last)"
_GROUP = re.compile(r"^[ |+]*((?:\w+\.)*\w*ExceptionGroup: [^\n]*)", re.MULTILINE)
_JSON_LEVEL = ("level", "levelname", "severity", "lvl", "log.level", "log_level", "loglevel")
_JSON_TIME = ("timestamp", "time", "@timestamp", "asctime", "ts", "datetime", "date")
_JSON_MESSAGE = ("message", "msg", "event", "text")
_JSON_LOGGER = ("logger", "name", "logger_name", "channel", "module")
_JSON_TRACE = ("exc_info", "exception", "traceback", "stack", "stack_trace", "error.stack_trace")
# What a line of JSON calls its level, without parsing it: a quote within a text has a backslash before it.
_NAMED_LEVEL = re.compile(
    rf'"(?:{"|".join(re.escape(name) for name in _JSON_LEVEL)})"\s*:\s*(?:"([A-Za-z]+)"|(\d{{2}})\b)'
)
_NUMBERS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}  # Python's
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}  # and Bunyan's


class Record(NamedTuple):
    """One record: when it was written, since the epoch (None: it does not tell), its level, and what it says."""

    at: float | None
    level: str
    logger: str
    text: str


class Found(NamedTuple):
    """The records of a text that are warnings or worse, and how many lines there were of which no record was made."""

    records: list[Record]
    times: tuple[float, float] | None  # of the first and the last record that tells one
    lines: int
    strange: int


def read(text: str, pattern: re.Pattern[str] | None = None, floor: str = "", zone: tzinfo | None = None) -> Found:
    """Return what is bad in a text.

    `floor` is the level of a record that tells none, where that is known; `zone` that of times which tell none, else
    they are of this process.
    """
    starts = [start for start in (pattern or START).finditer(text) if pattern or not _is_of_another(start)]
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    names = [name for name in _LEVEL_GROUPS if name in (pattern or START).groupindex]
    known = floor in BAD or (_tells_levels(starts, names) if pattern else _are_records(starts, text))
    if not starts or not known:
        return _without_levels(text, lines, floor)
    ends = [start.start() for start in starts[1:]] + [len(text)]
    records = []
    for start, end in zip(starts, ends, strict=True):
        if not pattern and start["json"]:
            records += _of_json(start["json"], zone)
            continue
        level = _BY_WORD.get(next(filter(None, start.group(*names, 0)), ""), floor) if names else floor
        if level in BAD:
            parts = start.groupdict()
            told = _told(text[start.start() : end], parts)
            records.append(Record(_time_of(parts, zone), level, parts.get("logger") or "", told))
    before = text.count("\n", 0, starts[0].start())
    times = _edges(starts, zone)
    return Found(records, times, lines, before)


def _tells_levels(starts: Sequence[re.Match[str]], names: Sequence[str]) -> bool:
    """Tell whether what a pattern takes for levels are any that are known."""
    return any(start[name] in _BY_WORD for start in starts for name in names)


def _are_records(starts: Sequence[re.Match[str]], text: str) -> bool:
    """Tell whether it is levels that were found, and not words that look like them in a few messages of many."""
    timed = sum(1 for start in starts if start["time"])
    return not timed or timed > sum(1 for _ in _TIMED.finditer(text)) / 2


def _edges(starts: Sequence[re.Match[str]], zone: tzinfo | None) -> tuple[float, float] | None:
    """Return the times of the first and the last record that tells one."""

    def first(some: Sequence[re.Match[str]]) -> float | None:
        times = (_time_of(start.groupdict(), zone) for start in some)
        return next((at for at in times if at is not None), None)

    begin, end = first(starts[:EDGE]), first(starts[: -EDGE - 1 : -1])
    return None if begin is None or end is None else (begin, end)


def _is_of_another(start: re.Match[str]) -> bool:
    """Tell whether a line of JSON tells no level: it is of the record before it."""
    return bool(start["json"]) and not _NAMED_LEVEL.search(start["json"])


def _time_of(parts: Mapping[str, str | None], zone: tzinfo | None) -> float | None:
    if parts.get("json"):
        data = _parsed(parts["json"] or "")
        return seconds_of(_first(data, _JSON_TIME), zone) if data else None
    return _second(parts.get("time") or parts.get("later") or "", zone)


@lru_cache(maxsize=1_024)
def _second(text: str, zone: tzinfo | None) -> float | None:
    return seconds_of(text, zone)


def _told(text: str, parts: Mapping[str, str | None]) -> str:
    """Return the message of a record, with the line of its traceback that names the exception."""
    message = (parts.get("message") or text.partition("\n")[0]).strip()
    if "\n" not in text.rstrip():
        return message[:TEXT]
    return _with_exception(message, text)


def _with_exception(message: str, trace: str) -> str:
    """Return a message with the line of the traceback that names the exception: the first after the last frame."""
    if TRACE not in trace:
        return message[:TEXT]
    group = _GROUP.search(trace)
    lines = trace.rpartition(TRACE)[2].split("\n")[1:]
    names = (line.rstrip() for line in lines if line.strip() and line[0] not in " \t")
    return f"{message[:TEXT]}\n{(group[1] if group else next(names, ''))[:TEXT]}".rstrip("\n")


def _without_levels(text: str, lines: int, floor: str) -> Found:
    """Return one record a line, where whoever writes the log writes nothing below a level; else none is understood."""
    if floor not in BAD:
        return Found([], None, lines, lines)
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    return Found([Record(None, floor, "", line[:TEXT]) for line in kept], None, lines, 0)


def _of_json(line: str, zone: tzinfo | None) -> list[Record]:
    """Return the record of a line of JSON, none where it is not bad."""
    named = _NAMED_LEVEL.search(line)
    may_be_bad = named and (named[2] or LEVELS.get(named[1].lower()) in BAD)
    data = _parsed(line) if may_be_bad else None
    level = _level_of(data) if data else ""
    if not data or level not in BAD:
        return []
    at = seconds_of(_first(data, _JSON_TIME), zone)
    return [Record(at, level, str(_first(data, _JSON_LOGGER) or "")[:100], _json_text(data))]


def _parsed(line: str) -> Mapping[str, Any] | None:
    """Return what a line of JSON says; None where it is none, or nested without end."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else None


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    found = (data.get(name) for name in names)
    nested = (_inside(data, name) for name in names if "." in name)
    return next((value for value in (*found, *nested) if value not in (None, "")), None)


def _inside(data: Mapping[str, Any], name: str) -> Any:
    """Return what stands under `a.b`, as the Elastic Common Schema nests it."""
    first, _, rest = name.partition(".")
    inner = data.get(first)
    return inner.get(rest) if isinstance(inner, Mapping) else None


def _level_of(data: Mapping[str, Any]) -> str:
    value = _first(data, _JSON_LEVEL)
    if isinstance(value, int) and not isinstance(value, bool):
        at = _first(data, _JSON_TIME)
        is_pino = isinstance(at, int) and at > FARTHEST  # both count milliseconds
        return (_PINO if is_pino else _NUMBERS).get(value - value % 10, "critical" if value > 50 else "")
    return LEVELS.get(str(value).lower(), "")


def _json_text(data: Mapping[str, Any]) -> str:
    return _with_exception(str(_first(data, _JSON_MESSAGE) or ""), str(_first(data, _JSON_TRACE) or ""))


def seconds_of(value: Any, zone: tzinfo | None = None) -> float | None:
    """Return a time as logs write it, since the epoch; one without a zone is of that one, or of this process."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1_000 if FARTHEST < value < 1_000 * FARTHEST else value
        return float(seconds) if 1e8 < seconds < FARTHEST else None
    text = str(value or "").strip().replace(",", ".")
    if ":" not in text:  # a day alone is no time
        return None
    for known in (_iso, _of_access_log, _of_syslog):
        found = known(text)
        if found is not None:
            return _since_epoch(found if found.tzinfo else found.replace(tzinfo=zone))
    return None


def _since_epoch(at: datetime) -> float | None:
    """Return a time since the epoch; None for one that no clock of today has."""
    try:
        seconds = at.timestamp()
    except (ValueError, OverflowError, OSError):  # of the year 1, or 9999
        return None
    return seconds if 0 < seconds < FARTHEST else None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("/", "-").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None


def _of_access_log(text: str) -> datetime | None:
    for form in ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _of_syslog(text: str) -> datetime | None:
    """Read a time without a year: that of the last twelve months."""
    today = datetime.now()
    try:
        found = datetime.strptime(f"{today.year} {text}", "%Y %b %d %H:%M:%S")
    except ValueError:
        return None
    return found if found <= today + timedelta(days=2) else found - timedelta(days=365)
