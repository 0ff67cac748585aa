"""Kinds: what a check of the setting CHECKS can be made of. A table, so that a kind's module is loaded only for one."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from health_cli.core.check import Check
from health_cli.core.names import nearest

T = TypeVar("T")


class CheckKind(NamedTuple):
    """A kind of check: where its class is, the field that the kind's word gives, and the names that are its own.

    Without a `family` it takes any name whose first word is none of ours.
    """

    path: str
    field: str
    family: str = ""


KINDS = {
    "HTTP": CheckKind("health_cli.checks.network.http:Http", "url", "network.http"),
    "TCP": CheckKind("health_cli.checks.network.tcp:Tcp", "address", "network.tcp"),
    "DNS": CheckKind("health_cli.checks.network.dns:Dns", "host", "network.dns"),
    "TLS": CheckKind("health_cli.checks.network.tls:Tls", "address", "network.tls"),
    "FILE": CheckKind("health_cli.checks.file:File", "path", "file"),
    "PROCESS": CheckKind("health_cli.checks.host.process:Process", "pattern", "host.process"),
    "SQL": CheckKind("health_cli.checks.sql:Sql", "query"),
    "PLUGIN": CheckKind("health_cli.checks.plugin:Plugin", "command"),
    "DJANGO_HEALTH_CHECK": CheckKind("health_cli.checks.foreign:Foreign", "path"),
    "CACHE_KEY": CheckKind("health_cli.checks.cache_key:CacheKey", "key"),
    "HEARTBEAT": CheckKind("health_cli.checks.heartbeat:Heartbeat", "every"),
}
RANGES = ("warning", "critical")
SHAPE = "a dict with one of " + ", ".join(KINDS) + ', as {"TCP": "mail.example.org:25"}'


def kind_of(given: Mapping[str, Any]) -> str:
    """Return the word of the kind that a check of the setting has."""
    return next(word for word in KINDS if word in given)


def sample_of(name: str) -> Check | None:
    """Return a check of the kind that has this word or this family, None where there is none; it looks at nothing."""
    family = name.partition(":")[0]
    kind = next((kind for word, kind in KINDS.items() if name == word or family == kind.family != ""), None)
    return class_of(kind)() if kind else None


def class_of(kind: CheckKind) -> type[Check]:
    """Load the class of a kind."""
    module, _, name = kind.path.partition(":")
    found: type[Check] = getattr(import_module(module), name)
    return found


def problems_of(given: object, thresholds: Callable[[object], Iterator[T]]) -> Iterator[str | T]:
    """Yield what is wrong with the shape of one check, as a text, and what `thresholds` says of its ranges."""
    if not isinstance(given, Mapping):
        yield f" must be {SHAPE}."
        return
    words = [word for word in KINDS if word in given]
    if not words:
        meant = next((text for key in given if (text := nearest(str(key).upper(), KINDS))), "")
        keys = ", ".join(map(repr, given)) or "nothing"
        yield f" has {keys}{meant}: it must be {SHAPE}."
        return
    if len(words) > 1:
        yield f" has {' and '.join(words)}: one check has one of them."
        return
    for which in RANGES:
        ranges = given.get(which, {})
        for text in ranges.values() if isinstance(ranges, Mapping) else [ranges]:
            yield from thresholds({which: text})
