"""The setting API: where the statistics of the project's API come from. The middleware reads it too."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from health_cli.checks.api.request_log import FIELDS, KNOWN

MIDDLEWARE = "health_cli.middleware.ApiStatistics"
SOURCES = ("middleware", "request_log", "access_logs")
LISTS = ("sources", "skip", "access_logs")
REDIS = ("django.core.cache.backends.redis.RedisCache", "django_redis.cache.RedisCache", "redis_cache.RedisCache")


class Api(NamedTuple):
    """The setting API, with its defaults."""

    sources: tuple[str, ...] = ()
    cache: str = ""
    proxies: int = 0
    skip: tuple[str, ...] = ()
    access_logs: tuple[str, ...] = ()
    request_log: Mapping[str, str] = {}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Api":
        """Return what a setting says that has been validated."""
        lists = {name: tuple(given[name]) for name in LISTS if name in given}
        log = given.get("request_log", {})
        return cls(
            cache=given.get("cache", ""), proxies=given.get("proxies", 0),
            request_log={"model": log} if isinstance(log, str) else log, **lists,
        )  # fmt: skip


def redis_settings(caches: Mapping[str, Mapping[str, Any]], alias: str) -> Mapping[str, Any] | None:
    """Return the entry of CACHES that is counted in: the one named, else the first Redis; None where there is none."""
    named = [caches.get(alias, {})] if alias else caches.values()
    return next((cache for cache in named if cache.get("BACKEND") in REDIS), None)


def problems_of(given: object) -> Iterator[str]:
    """Yield what is wrong with the setting API, each beginning with where."""
    if not isinstance(given, Mapping):
        yield f" is {given!r}: it must be a dict of options."
        return
    for key in given:
        if key not in Api._fields:
            yield f" has an unknown option {key!r}: it takes {', '.join(Api._fields)}."
    for key in LISTS:
        value = given.get(key, ())
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            yield f"[{key!r}] is {value!r}: it must be a list of texts."
        elif key == "sources" and (unknown := set(value) - set(SOURCES)):
            yield f"['sources'] has {', '.join(sorted(unknown))}: the sources are {', '.join(SOURCES)}."
    if not isinstance(given.get("cache", ""), str):
        yield f"['cache'] is {given['cache']!r}: it must be an alias of CACHES."
    yield from _log_problems(given.get("request_log", {}))
    proxies = given.get("proxies", 0)
    if isinstance(proxies, bool) or not isinstance(proxies, int) or not 0 <= proxies <= 10:
        yield f"['proxies'] is {proxies!r}: it must be a number of proxies, from 0 to 10."


def _log_problems(log: object) -> Iterator[str]:
    where = "['request_log']"
    given = {"model": log} if isinstance(log, str) else log
    if not isinstance(given, Mapping) or not all(isinstance(value, str) and value for value in given.values()):
        yield f"{where} is {log!r}: it must be a model, 'app.Model', or a dict with it and its fields."
        return
    if not given:
        return
    if unknown := set(given) - {"model", *FIELDS}:
        yield f"{where} has {', '.join(sorted(unknown))}: it takes model, {', '.join(FIELDS)}."
    if given.get("model", "").count(".") != 1:
        yield f"{where}['model'] is {given.get('model')!r}: it must be a model, as app.Model."
    elif given["model"] not in KNOWN and (missing := {"time", "status"} - set(given)):
        yield f"{where} lacks {', '.join(sorted(missing))}: name the fields of {given['model']} that have them."


def is_counted(middleware: Any) -> bool:
    """Tell whether ours is among the MIDDLEWARE of a project."""
    return MIDDLEWARE in (middleware or ())
