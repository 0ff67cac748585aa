"""The setting `HEALTH_CLI`: one frozen dataclass, and the one validator that reports every error."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from health_cli.config import api, full_in, kinds
from health_cli.core.names import nearest
from health_cli.core.report import FailOn
from health_cli.core.threshold import Threshold

LONGEST_HOST = 190  # characters: as the column of the record


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSetting:
    """The keys of `HEALTH_CLI`. Times are in seconds; a pattern is a name, a subsystem or a glob."""

    TIMEOUT: float = field(default=10.0, metadata={"help": "the deadline of a whole run"})
    CHECK_TIMEOUT: float = field(default=5.0, metadata={"help": "the limit of one check"})
    TIMEOUTS: Mapping[str, float] = field(
        default_factory=dict, metadata={"help": "limits of single checks: pattern -> seconds"}
    )
    FAIL_ON: str = field(
        default="warning", metadata={"help": "what the exit code fails on: warning, critical or never"}
    )
    SKIP: tuple[str, ...] = field(default=(), metadata={"help": "patterns of checks never to run"})
    ALSO: tuple[str, ...] = field(
        default=(), metadata={"help": "patterns of checks on request that are to run with all others"}
    )
    THRESHOLDS: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict,
        metadata={"help": 'thresholds: "check/metric" -> {"warning": range, "critical": range, "full_in": range}'},
    )
    OPTIONS: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, metadata={"help": "options of checks: pattern -> {option: value}"}
    )
    MOUNTS: tuple[str, ...] = field(default=(), metadata={"help": "the mount points to watch, instead of those found"})
    CHECKS: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, metadata={"help": "checks without code: name -> what is looked at, and options"}
    )
    CELERY_APP: str = field(
        default="", metadata={"help": "the Celery app, as `celery -A` takes it, where it is not found by itself"}
    )
    CELERY_QUEUES: tuple[str, ...] = field(
        default=(), metadata={"help": "the queues to watch, instead of those that tasks are routed to"}
    )
    RABBITMQ_MANAGEMENT: str = field(
        default="", metadata={"help": "the URL of RabbitMQ's management API, for what AMQP does not tell"}
    )
    API: Mapping[str, Any] = field(
        default_factory=dict, metadata={"help": "where the statistics of the API come from: a dict of options"}
    )
    LOGS: Mapping[str, Any] = field(
        default_factory=dict,
        metadata={"help": "logs to read besides those of LOGGING: name -> path, list of paths, or dict of options"},
    )
    RECORD: bool = field(default=False, metadata={"help": "record every `health run`, as with --record"})
    RECORD_DATABASE: str = field(default="default", metadata={"help": "the alias of DATABASES to record in"})
    HOST: str = field(
        default="", metadata={"help": "the name to record runs under, where the machine's own will not do"}
    )
    RECORD_EVERY: float = field(
        default=0.0,
        metadata={"help": "seconds between two recorded runs: a last run that is twice as old is stale; 0: never"},
    )
    KEEP_DAYS: float = field(default=30.0, metadata={"help": "days that runs, metrics and ended alerts are kept"})
    KEEP_HOURLY_DAYS: float = field(
        default=400.0, metadata={"help": "days that the minimum, mean and maximum of each hour are kept"}
    )
    ALERT_AFTER: Mapping[str, int] = field(
        default_factory=dict, metadata={"help": "bad runs in a row that open an alert: pattern -> number, 1 by default"}
    )
    RESOLVE_AFTER: Mapping[str, int] = field(
        default_factory=dict,
        metadata={"help": "good runs in a row that resolve an alert: pattern -> number, 1 by default"},
    )
    NOTIFY: tuple[Mapping[str, Any], ...] = field(
        default=(), metadata={"help": "whom to tell of alerts: a dict a channel, see the page on alerts"}
    )
    PLUGINS: tuple[str, ...] = field(default=(), metadata={"help": "modules with checks, besides the apps' health.py"})
    SECRETS: tuple[str, ...] = field(
        default=(), metadata={"help": "names of settings and variables to mask, besides the usual ones"}
    )


class Problem(NamedTuple):
    """One thing wrong with the setting: a stable id, what and where, and what to do."""

    id: str
    message: str
    hint: str = ""


def validate(raw: Any) -> tuple[HealthSetting, list[Problem]]:
    """Return the setting with its defaults, and every problem of it; a bad key keeps its default."""
    if not isinstance(raw, Mapping):
        what = f"HEALTH_CLI is a {type(raw).__name__}: it must be a dict."
        return HealthSetting(), [Problem("E001", what, 'Write HEALTH_CLI = {"TIMEOUT": 10}.')]
    known = {item.name for item in fields(HealthSetting)}
    problems = [
        Problem(
            "E002",
            f"HEALTH_CLI has an unknown key {key!r}{nearest(str(key), known)}.",
            f"The keys are {', '.join(sorted(known))}.",
        )
        for key in raw
        if key not in known
    ]
    values: dict[str, Any] = {}
    for key in sorted(known & set(raw)):
        found = list(_VALIDATORS[key](raw[key]))
        problems += [Problem(p.id, f"HEALTH_CLI['{key}']{p.message}", p.hint) for p in found]
        if not found:
            values[key] = tuple(raw[key]) if isinstance(raw[key], list | set) else raw[key]
    return HealthSetting(**values), problems


def _wrong(value: object, allowed: str) -> Problem:
    return Problem("E003", f" is {value!r}: it must be {allowed}.")


def _positive(value: object) -> Iterator[Problem]:
    if not _number_within(value, 86_400) or not value:
        yield _wrong(value, "a number of seconds, above 0 and at most 86400")


def _seconds(value: object) -> Iterator[Problem]:
    if not _number_within(value, 86_400 * 366):
        yield _wrong(value, "a number of seconds, 0 or more and at most a year")


def _days(value: object) -> Iterator[Problem]:
    if not _number_within(value, 36_600) or not value:
        yield _wrong(value, "a number of days, above 0 and at most 36600")


def _number_within(value: object, most: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= most


def _flag(value: object) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield _wrong(value, "True or False")


def _host(value: object) -> Iterator[Problem]:
    if not isinstance(value, str) or len(value) > LONGEST_HOST or not value.isprintable() or value != value.strip():
        yield _wrong(value, f"a name of at most {LONGEST_HOST} printable characters")


def _runs(value: object) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        yield _wrong(value, "a number of runs, from 1 to 100")


def _texts(value: object) -> Iterator[Problem]:
    if not isinstance(value, list | tuple | set) or not all(isinstance(v, str) and v for v in value):
        yield _wrong(value, "a list of texts")


def _text(value: object) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _wrong(value, "a text")


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_URL = re.compile(r"https?://[^/\s]*?[^/\s:@]+(:\d{1,5})?(/\S*)?")


def _url(value: object) -> Iterator[Problem]:
    if not isinstance(value, str) or (value and not _URL.fullmatch(value)):
        yield Problem("E003", " is no URL of the form http://host:port.", "Example: http://127.0.0.1:15672")


def _one_of(*words: str) -> Callable[[object], Iterator[Problem]]:
    def verify(value: object) -> Iterator[Problem]:
        if value not in words:
            yield _wrong(value, f"one of {', '.join(words)}")

    return verify


def _mapping_of(each: Callable[[object], Iterator[Problem]], allowed: str) -> Callable[[object], Iterator[Problem]]:
    def verify(value: object) -> Iterator[Problem]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            yield _wrong(value, allowed)
            return
        for key, item in value.items():
            yield from (Problem(p.id, f"['{key}']{p.message}", p.hint) for p in each(item))

    return verify


_EXAMPLES = "Examples: 80  10:  ~:5  10:20  @10:20; with 500ms, 10GiB, 90% too."
_RANGES: dict[str, tuple[Callable[[str], Threshold], str]] = {
    "warning": (Threshold.parse, _EXAMPLES),
    "critical": (Threshold.parse, _EXAMPLES),
    full_in.FULL_IN: (full_in.parse, "'7d:' warns when it will be full in less than 7 days; '~:' switches it off."),
}


def _thresholds(value: object) -> Iterator[Problem]:
    if not isinstance(value, Mapping) or not value or not set(value) <= set(_RANGES):
        yield _wrong(value, 'a dict with "warning", "critical", "full_in" or several of them')
        return
    for word, text in value.items():
        read, hint = _RANGES[word]
        try:
            read(str(text))
        except ValueError as error:
            yield Problem("E004", f"['{word}']: {error}.", hint)


_CHANNEL_KEYS = {
    "mail": {"mail", "severity", "checks"},
    "webhook": {"webhook", "secret", "timeout", "severity", "checks"},
    "apprise": {"apprise", "severity", "checks"},
}


def _channels(value: object) -> Iterator[Problem]:
    """Each channel is a dict with the one key that names its kind; no message shows a value, which may be secret."""
    if not isinstance(value, list | tuple):
        yield Problem("E003", " must be a list of channels.", 'Example: [{"mail": ["ops@example.org"]}]')
        return
    for number, channel in enumerate(value):
        kinds = [kind for kind in _CHANNEL_KEYS if isinstance(channel, Mapping) and kind in channel]
        if len(kinds) != 1:
            yield Problem("E003", f"[{number}] must be a dict with one of mail, webhook and apprise.")
            continue
        yield from (Problem("E003", f"[{number}]{text}") for text in _channel(kinds[0], channel))


def _channel(kind: str, channel: Mapping[str, Any]) -> Iterator[str]:
    if others := set(channel) - _CHANNEL_KEYS[kind]:
        yield f" has unknown keys ({', '.join(sorted(map(str, others)))}): it takes {', '.join(_CHANNEL_KEYS[kind])}."
    target = channel[kind]
    if kind == "mail" and not (isinstance(target, list | tuple) and target and all(isinstance(t, str) for t in target)):
        yield "['mail'] must be a list of addresses."
    if kind == "webhook" and not (isinstance(target, str) and _is_webhook(target)):
        yield "['webhook'] is no URL of the form https://host/path, in ASCII."
    if kind == "apprise" and not (isinstance(target, str) and "://" in target):
        yield "['apprise'] is no URL of Apprise, such as slack://..."
    if channel.get("severity", "warning") not in {"warning", "critical"}:
        yield "['severity'] must be warning or critical."
    if not _number_within(channel.get("timeout", 5), 60) or not channel.get("timeout", 5):
        yield "['timeout'] must be a number of seconds, above 0 and at most 60."
    checks = channel.get("checks", ())
    if not isinstance(checks, list | tuple) or not all(isinstance(pattern, str) for pattern in checks):
        yield "['checks'] must be a list of patterns."
    if not _is_signing_secret(channel.get("secret", "")):
        yield "['secret'] must be a text, in base64 where it begins with whsec_."


def _is_webhook(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(url.isascii() and _URL.fullmatch(url) and parts.hostname and parts.port != 0)
    except ValueError:  # a port above 65535, or half an address of IPv6
        return False


def _is_signing_secret(secret: object) -> bool:
    if not isinstance(secret, str):
        return False
    key = secret.removeprefix("whsec_")
    return key == secret or bool(_BASE64.fullmatch(key) and len(key) % 4 == 0)


def _options(value: object) -> Iterator[Problem]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        yield _wrong(value, "a dict of options")


def _check(value: object) -> Iterator[Problem]:
    for found in kinds.problems_of(value, _thresholds):
        yield Problem("E003", found, "See the page on checks without code.") if isinstance(found, str) else found


def _api(value: object) -> Iterator[Problem]:
    yield from (Problem("E003", text, "See the page on the API.") for text in api.problems_of(value))


_LOG_OPTIONS: dict[str, Any] = {
    "paths": (str, list, tuple),
    "pattern": str,
    "floor": str,
    "encoding": str,
    "window": (int, float),
}


_JOURNAL_OPTIONS: dict[str, Any] = {"unit": str, "directory": str, "window": (int, float)}


def _log(value: object) -> Iterator[Problem]:
    """A path, a list of paths, or a dict with `paths` or `unit` and options."""
    if not isinstance(value, Mapping):
        value = {"paths": value}
    known = _JOURNAL_OPTIONS if "unit" in value else _LOG_OPTIONS
    paths = [value["paths"]] if isinstance(value.get("paths"), str) else value.get("paths")
    is_list = isinstance(paths, list | tuple) and bool(paths) and all(isinstance(p, str) and p for p in paths)
    for key in value:
        if key not in known:
            text = f" has an unknown option {key!r}{nearest(str(key), known)}."
            yield Problem("E002", text, f"The options are {', '.join(known)}.")
        elif not isinstance(value[key], known[key]) and key not in {"window", "paths"}:
            yield Problem("E003", f"['{key}'] is {value[key]!r}: it must be a text.")
    if known is _LOG_OPTIONS and not is_list:
        yield Problem("E003", " must be a path, a list of paths, or a dict with 'paths' or 'unit', and options.")
        return
    yield from (Problem("E003", text) for text in _log_pattern(str(value.get("pattern", ""))))
    if value.get("floor", "") not in {"", "warning", "error", "critical"}:
        yield Problem("E003", f"['floor'] is {value['floor']!r}: it must be one of warning, error, critical.")
    if not _number_within(value.get("window", 1), 86_400) or not value.get("window", 1):
        yield Problem("E003", "['window'] must be a number of seconds, above 0 and at most 86400.")


def _log_pattern(pattern: str) -> Iterator[str]:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        yield f"['pattern'] is no regular expression: {error}."
        return
    if pattern and "level" not in groups:
        yield "['pattern'] must have a group 'level': (?P<level>[A-Z]+)."


_VALIDATORS: dict[str, Callable[[object], Iterator[Problem]]] = {
    "TIMEOUT": _positive,
    "CHECK_TIMEOUT": _positive,
    "TIMEOUTS": _mapping_of(_positive, "a dict of patterns and seconds"),
    "FAIL_ON": _one_of(*FailOn),
    "SKIP": _texts,
    "ALSO": _texts,
    "THRESHOLDS": _mapping_of(_thresholds, "a dict of metrics and thresholds"),
    "OPTIONS": _mapping_of(_options, "a dict of patterns and options"),
    "MOUNTS": _texts,
    "CHECKS": _mapping_of(_check, "a dict of names and checks"),
    "CELERY_APP": _text,
    "CELERY_QUEUES": _texts,
    "RABBITMQ_MANAGEMENT": _url,
    "API": _api,
    "LOGS": _mapping_of(_log, "a dict of names and paths"),
    "RECORD": _flag,
    "RECORD_DATABASE": _text,
    "HOST": _host,
    "RECORD_EVERY": _seconds,
    "KEEP_DAYS": _days,
    "KEEP_HOURLY_DAYS": _days,
    "ALERT_AFTER": _mapping_of(_runs, "a dict of patterns and numbers of runs"),
    "RESOLVE_AFTER": _mapping_of(_runs, "a dict of patterns and numbers of runs"),
    "NOTIFY": _channels,
    "PLUGINS": _texts,
    "SECRETS": _texts,
}
