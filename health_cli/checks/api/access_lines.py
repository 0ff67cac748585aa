"""Access lines: what the access logs of web servers say of each request. Pure.

Understood are the combined and the common format of nginx, Apache and gunicorn, and lines of JSON. Of a path only the
route is kept that it leads to. Where the project's routes are not known, that is its first part alone, since a path may
name anybody.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any, NamedTuple

from health_cli.checks.logs.records import seconds_of

_QUOTED = r'"(?:[^"\\\n]|\\[^\n])*"'  # with what stands escaped in it
LINE = re.compile(
    r"^(?P<client>\S+) \S+ (?P<user>\S+(?: \S+)?) \[(?P<time>[^\]\n]{10,40})\] "
    rf"(?P<request>{_QUOTED}) (?P<status>\d{{3}}) (?:\d+|-)(?: {_QUOTED} {_QUOTED})?(?P<more>[^\n]*)$",
    re.MULTILINE,
)
# What follows the user agent, where somebody has added how long it took: `0.123` at the end, `rt=0.123`,
# `request_time=0.123`. In quotes it could be anything, as nginx's ratio of compression.
_TOOK = re.compile(r'(?:^|\s)(?:(?:rt|request_time)[=:]"?(\d{1,5}\.\d{1,9})|(\d{1,5}\.\d{1,9})\s*$)')
_PART = re.compile(r"[a-z][a-z_-]{0,29}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_TIME = ("time_iso8601", "timestamp", "@timestamp", "time", "time_local", "ts", "msec", "date")
_METHOD = ("request_method", "method", "verb")
_PATH = ("request_uri", "uri", "path", "url", "request_path")
_STATUS = ("status", "status_code", "response", "response_status")
_CLIENT = ("remote_addr", "client_ip", "clientip", "ip", "remote_ip", "client", "x_forwarded_for")
_SECONDS = ("request_time",)
_MILLISECONDS = ("request_time_ms", "duration_ms", "response_time_ms", "response_ms", "took_ms")


RouteOf = Callable[[str], str]  # of a path; nothing where no route leads there


class Access(NamedTuple):
    """One request: when, its method and its route, its status, who asked, and how long it took if known."""

    at: float
    endpoint: str
    status: int
    client: str
    seconds: float | None


def read(text: str, zone: tzinfo | None = None, route_of: RouteOf | None = None) -> tuple[list[Access], int]:
    """Return the requests of a text, and how many lines of it were not understood."""
    if text.lstrip()[:1] == "{":
        lines = [line for line in text.split("\n") if line.strip()]  # other ends of lines stand in texts
        found = [access for line in lines if (access := _of_json(line, zone, route_of))]
        return found, len(lines) - len(found)
    found = [access for match in LINE.finditer(text) if (access := _of_line(match, zone, route_of))]
    return found, text.count("\n") - len(found)


def _of_line(match: re.Match[str], zone: tzinfo | None, route_of: RouteOf | None) -> Access | None:
    at = seconds_of(match["time"], zone)
    if at is None:
        return None
    status = int(match["status"])
    took = _TOOK.search(match["more"])
    client = match["user"] if match["user"] != "-" else match["client"]
    method, _, rest = match["request"][1:-1].partition(" ")
    endpoint = endpoint_of(method, rest.partition(" ")[0], status, route_of)
    return Access(at, endpoint, status, client, float(took[1] or took[2]) if took else None)


def _of_json(line: str, zone: tzinfo | None, route_of: RouteOf | None) -> Access | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, Mapping):
        return None
    at, status = seconds_of(_number(_first(data, _TIME)), zone), _number(_first(data, _STATUS))
    if at is None or not isinstance(status, float) or not 100 <= status <= 999:
        return None
    method, path = _request(data)
    seconds, milliseconds = (_number(_first(data, names)) for names in (_SECONDS, _MILLISECONDS))
    if isinstance(milliseconds, float) and not isinstance(seconds, float):
        seconds = milliseconds / 1_000
    client = str(_first(data, _CLIENT) or "").partition(",")[0].strip()
    took = seconds if isinstance(seconds, float) and 0 <= seconds < 1e5 else None
    return Access(at, endpoint_of(method, path, int(status), route_of), int(status), client, took)


def _request(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return method and path, which some write as one: `GET /x HTTP/1.1`."""
    method, path = str(_first(data, _METHOD) or ""), str(_first(data, _PATH) or "")
    words = str(data.get("request") or "").split(" ")
    if not path and len(words) > 1:
        return words[0], words[1]
    return method, path


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((data[name] for name in names if data.get(name) not in (None, "")), None)


def _number(value: Any) -> Any:
    """Return a number that may be written as a text, else what was given."""
    try:
        return value if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return value


def endpoint_of(method: str, path: str, status: int, route_of: RouteOf | None = None) -> str:
    """Return what tells an endpoint from others: the route, else the first part of a longer path."""
    verb = method if method in METHODS else "OTHER"
    nowhere = f"{verb} {'(404)' if status == 404 else '(none)'}"
    if not path.startswith("/"):
        return nowhere
    if route_of:
        route = route_of(path)
        return f"{verb} {route}" if route else nowhere
    if status == 404:
        return nowhere
    first, slash, rest = path.partition("?")[0].partition("#")[0][1:].partition("/")
    part = first if slash and _PART.fullmatch(first) else "<path>" if first else ""
    return f"{verb} /{part}{'/' if slash else ''}{'<path>' if rest else ''}"
