"""The setting API: where the statistics of the project's API come from. The middleware reads it too."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MIDDLEWARE = "health_cli.middleware.ApiStatistics"
SOURCES = ("middleware", "access_logs")
LISTS = ("sources", "skip", "access_logs")
REDIS = ("django.core.cache.backends.redis.RedisCache", "django_redis.cache.RedisCache", "redis_cache.RedisCache")


class Api(NamedTuple):
    """The setting API, with its defaults."""

    sources: tuple[str, ...] = ()
    cache: str = ""
    proxies: int = 0
    skip: tuple[str, ...] = ()
    access_logs: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Api":
        """Return what a setting says that has been validated."""
        lists = {name: tuple(given[name]) for name in LISTS if name in given}
        return cls(cache=given.get("cache", ""), proxies=given.get("proxies", 0), **lists)


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
    proxies = given.get("proxies", 0)
    if isinstance(proxies, bool) or not isinstance(proxies, int) or not 0 <= proxies <= 10:
        yield f"['proxies'] is {proxies!r}: it must be a number of proxies, from 0 to 10."


def is_counted(middleware: Any) -> bool:
    """Tell whether ours is among the MIDDLEWARE of a project."""
    return MIDDLEWARE in (middleware or ())
