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
PARSED = 5_000  # lines of JSON of one piece that are parsed, of those that may tell of something bad

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
# The level leads, or the time does and the level follows soon; small letters count in brackets alone, as nginx has
# them: a message may have the word `error` in it.
START = re.compile(
    rf"^(?:\[?(?P<time>{_TIME})\]?[^\n]{{0,120}}?(?:\b(?P<upper>{_WORDS.upper()})\b|\[(?P<lower>{_WORDS})\])"
    rf"|(?P<lead>{_WORDS.upper()})\b(?:[\s:\]|,-][^\n]{{0,40}}?(?P<later>{_TIME}))?)[\s:\]|,-]*(?P<message>[^\n]*)",
    re.MULTILINE,
)
TRACE = "Traceback (most recent call last)"
_JSON_LEVEL = ("level", "levelname", "severity", "lvl", "log.level", "log_level", "loglevel")
_JSON_TIME = ("timestamp", "time", "@timestamp", "asctime", "ts", "datetime", "date")
_JSON_MESSAGE = ("message", "msg", "event", "text")
_JSON_LOGGER = ("logger", "name", "logger_name", "channel", "module")
_JSON_TRACE = ("exc_info", "exception", "traceback", "stack", "stack_trace", "error.stack_trace")
_MAYBE_BAD = re.compile(r"warn|err|crit|fatal|alert|emerg|panic|severe|exception|\b[3-5]0\b", re.IGNORECASE)
_NUMBERS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical", 60: "critical"}  # Python's, and pino's


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
    if pattern is None and text.lstrip()[:1] == "{":
        return _json(text, zone)
    starts = list((pattern or START).finditer(text))
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    if not starts:
        return _without_levels(text, lines, floor)
    ends = [start.start() for start in starts[1:]] + [len(text)]
    names = [name for name in _LEVEL_GROUPS if name in starts[0].re.groupindex]
    records = []
    for start, end in zip(starts, ends, strict=True):
        level = _BY_WORD.get(next(filter(None, start.group(*names, 0)), ""), floor) if names else floor
        if level in BAD:
            parts = start.groupdict()
            told = _told(text[start.start() : end], parts)
            records.append(Record(_time_of(parts, zone), level, parts.get("logger") or "", told))
    before = text.count("\n", 0, starts[0].start())
    times = _edges(starts, zone)
    return Found(records, times, lines, before)


def _edges(starts: Sequence[re.Match[str]], zone: tzinfo | None) -> tuple[float, float] | None:
    """Return the times of the first and the last record that tells one."""

    def first(some: Sequence[re.Match[str]]) -> float | None:
        times = (_time_of(start.groupdict(), zone) for start in some)
        return next((at for at in times if at is not None), None)

    begin, end = first(starts[:EDGE]), first(starts[: -EDGE - 1 : -1])
    return None if begin is None or end is None else (begin, end)


def _time_of(parts: Mapping[str, str | None], zone: tzinfo | None) -> float | None:
    return _second(parts.get("time") or parts.get("later") or "", zone)


@lru_cache(maxsize=1_024)
def _second(text: str, zone: tzinfo | None) -> float | None:
    return seconds_of(text, zone)


def _told(text: str, parts: Mapping[str, str | None]) -> str:
    """Return the message of a record, with the last line of its traceback, which says most."""
    message = (parts.get("message") or text.partition("\n")[0]).strip()
    if "\n" not in text.rstrip():
        return message[:TEXT]
    return _with_exception(message, text)


def _with_exception(message: str, trace: str) -> str:
    """Return a message with the last line of the traceback that follows it: that names the exception."""
    if TRACE not in trace:
        return message[:TEXT]
    lines = (line for line in reversed(trace.splitlines()) if line.strip() and line[0] not in " \t")
    return f"{message[:TEXT]}\n{next(lines, '')[:TEXT]}"


def _without_levels(text: str, lines: int, floor: str) -> Found:
    """Return one record a line, where whoever writes the log writes nothing below a level; else none is understood."""
    if floor not in BAD:
        return Found([], None, lines, lines)
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    return Found([Record(None, floor, "", line[:TEXT]) for line in kept], None, lines, 0)


def _json(text: str, zone: tzinfo | None) -> Found:
    records: list[Record] = []
    times: list[float] = []
    lines = strange = parsed = 0
    for line in text.splitlines():
        lines += 1
        edge = lines == 1 or not times
        if not edge and (parsed >= PARSED or not _MAYBE_BAD.search(line)):
            continue
        parsed += 1
        try:
            data = json.loads(line)
        except ValueError:
            strange += 1
            continue
        if not isinstance(data, Mapping):
            strange += 1
            continue
        level, at = _level_of(_first(data, _JSON_LEVEL)), seconds_of(_first(data, _JSON_TIME), zone)
        if at is not None:
            times.append(at)
        if not level:
            strange += 1
        elif level in BAD:
            records.append(Record(at, level, str(_first(data, _JSON_LOGGER) or "")[:100], _json_text(data)))
    return Found(records, (times[0], times[-1]) if times else None, lines, strange)


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    found = (data.get(name) for name in names)
    nested = (_inside(data, name) for name in names if "." in name)
    return next((value for value in (*found, *nested) if value not in (None, "")), None)


def _inside(data: Mapping[str, Any], name: str) -> Any:
    """Return what stands under `a.b`, as the Elastic Common Schema nests it."""
    first, _, rest = name.partition(".")
    inner = data.get(first)
    return inner.get(rest) if isinstance(inner, Mapping) else None


def _level_of(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBERS.get(value - value % 10, "")
    return LEVELS.get(str(value).lower(), "")


def _json_text(data: Mapping[str, Any]) -> str:
    return _with_exception(str(_first(data, _JSON_MESSAGE) or ""), str(_first(data, _JSON_TRACE) or ""))


def seconds_of(value: Any, zone: tzinfo | None = None) -> float | None:
    """Return a time as logs write it, since the epoch; one without a zone is of that one, or of this process."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1_000 if value > 1e11 else float(value)  # JavaScript counts milliseconds
        return seconds if seconds > 1e8 else None
    text = str(value or "").strip().replace(",", ".")
    if ":" not in text:  # a day alone is no time
        return None
    for known in (_iso, _of_access_log, _of_syslog):
        found = known(text)
        if found is not None:
            return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    return None


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
    return found if found <= today + timedelta(days=2) else found.replace(year=today.year - 1)
