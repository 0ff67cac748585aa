"""The checks of logs: those that Django's LOGGING writes to files, and those that the setting LOGS names."""

import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

from health_cli.checks.logs.counted import CountedLog
from health_cli.checks.logs.journal import JournalLog
from health_cli.checks.logs.log import Log
from health_cli.checks.logs.records import BAD, LEVELS
from health_cli.config.api import redis_settings
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import Check
from health_cli.core.instance import instance_of

HANDLER = "health_cli.log_handler.CountingHandler"
# What stands where a formatter's field is; all others are skipped over.
_FIELDS = {
    "asctime": r"(?P<time>(?=[^\n]{0,40}\d)\S+(?:\ \S+){blanks})",
    "levelname": "(?P<level>[A-Z][A-Z_]+)",
    "name": r"(?P<logger>\S+?)",
    "message": "(?P<message>.*)",
}
ASCTIME = r"(?P<time>\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\S*)"  # as Python writes it, where no datefmt says otherwise
# Fields that have no blank in them; of all others so many characters are looked through.
_WORDS = frozenset({"created", "filename", "funcName", "levelno", "lineno", "module", "msecs", "process", "processName",
                    "relativeCreated", "taskName", "thread"})  # fmt: skip
_WORD, _OTHER = r"\S*?", "[^\n]{0,100}?"
_PERCENT = re.compile(r"%\((\w+)\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_DOLLAR = re.compile(r"\$\{?(\w+)\}?")


def logs(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield a check for each log; one that LOGS names takes the place of a handler of that name."""
    yield from _counted(source)
    handlers = _handlers(source.everything.get("LOGGING"))
    for name, options in {**handlers, **{name: _named(given) for name, given in setting.LOGS.items()}}.items():
        kind = JournalLog if "unit" in options else Log
        yield kind(name=f"logs:{instance_of(name)}", **options)


def _counted(source: Source) -> Iterator[Check]:
    """Yield a check for each of our logging handlers."""
    logging = source.everything.get("LOGGING")
    handlers = logging.get("handlers") if isinstance(logging, Mapping) else None
    for handler in handlers.values() if isinstance(handlers, Mapping) else ():
        if isinstance(handler, Mapping) and handler.get("class") == HANDLER:
            cache = redis_settings(source.caches, str(handler.get("cache", "")))
            secret = str(source.everything.get("SECRET_KEY") or "")
            name = instance_of(str(handler.get("log", "counted")))
            yield CountedLog(name=f"logs:{name}", cache=cache, secret=secret)


def _named(given: Any) -> dict[str, Any]:
    """Return the options of a log as the setting names it: by its path, its paths, or a dict of options."""
    if isinstance(given, str):
        return {"paths": (given,)}
    if not isinstance(given, Mapping):
        return {"paths": tuple(given)}
    if "unit" in given:
        return dict(given)
    paths = given.get("paths", ())
    rest = {key: value for key, value in given.items() if key != "paths"}
    return {**rest, "paths": (paths,) if isinstance(paths, str) else tuple(paths)}


def _handlers(logging: Any) -> dict[str, dict[str, Any]]:
    """Return the options of each handler of LOGGING that writes a file; what makes no sense there, Django says."""
    if not isinstance(logging, Mapping):
        return {}
    handlers, formatters = (logging.get(key) or {} for key in ("handlers", "formatters"))
    return {
        str(name): _options(handler, formatters.get(handler.get("formatter")) or {})
        for name, handler in handlers.items()
        if isinstance(handler, Mapping) and _is_path(handler.get("filename"))
    }


def _is_path(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")


def _options(handler: Mapping[str, Any], formatter: Mapping[str, Any]) -> dict[str, Any]:
    pattern = "" if {"()", "class"} & set(formatter) else _pattern(formatter)
    level = LEVELS.get(str(handler.get("level", "")).lower(), "")
    return {
        "paths": (str(handler["filename"]),),
        "pattern": pattern,
        "floor": level if level in BAD else "",
        "encoding": str(handler.get("encoding") or "utf-8"),
        "expected": False,
    }


def _pattern(formatter: Mapping[str, Any]) -> str:
    return pattern_of(formatter.get("format"), formatter.get("style"), formatter.get("datefmt"))


def pattern_of(form: Any, style: Any = "%", datefmt: Any = None) -> str:
    """Return the pattern of records that a formatter writes; nothing where it has neither their level nor a time."""
    if not isinstance(form, str):
        return ""
    parts = list(_parts(form.partition("\n")[0], style or "%"))
    if ("levelname", True) not in parts and ("asctime", True) not in parts:
        return ""  # nothing would tell where a record begins
    seen: set[str] = set()
    pattern = "^"
    for text, is_field in parts:
        known = _FIELDS.get(text) if is_field and text not in seen else None
        if known and text == "asctime" and not datefmt:
            known = ASCTIME
        seen.add(text if is_field else "")
        pattern += (known or (_WORD if text in _WORDS else _OTHER)) if is_field else re.escape(text)
    pattern = pattern.replace("{blanks}", f"{{{str(datefmt).count(' ')}}}")
    return pattern.replace(r"\ ", r"\ ++") if "(?P<message>" in pattern else f"{pattern}$"


def _parts(form: str, style: str) -> Iterator[tuple[str, bool]]:
    """Yield the texts and the fields of a format, each with whether it is a field."""
    if style == "{":
        for text, name, _, _ in string.Formatter().parse(form):
            yield text, False
            if name is not None:
                yield name, True
        return
    end = 0
    for found in (_PERCENT if style == "%" else _DOLLAR).finditer(form):
        yield form[end : found.start()], False
        yield found[1], True
        end = found.end()
    yield form[end:], False
