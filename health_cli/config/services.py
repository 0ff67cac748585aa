"""The checks of the services that Django's DATABASES and CACHES name."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from health_cli.checks.cache.django_cache import DjangoCache
from health_cli.checks.cache.local import LocalCache
from health_cli.checks.cache.memcached import Memcached
from health_cli.checks.cache.redis import Redis
from health_cli.checks.database.mysql import MySQL
from health_cli.checks.database.other import NoEngine, OtherDatabase
from health_cli.checks.database.postgresql import PostgreSQL
from health_cli.checks.database.sqlite import SQLite
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import Check

# The last part of an engine's path -> the check that knows it. Engines that wrap one of Django's
# (PostGIS, django-prometheus and the like) end as it does.
DATABASES: dict[str, type[MySQL] | type[PostgreSQL] | type[SQLite]] = {
    "mysql": MySQL,
    "postgresql": PostgreSQL,
    "postgis": PostgreSQL,
    "sqlite3": SQLite,
    "spatialite": SQLite,
}
# The class of a cache backend -> the check that knows it.
CACHES: dict[str, type[Redis] | type[Memcached] | type[LocalCache]] = {
    "django.core.cache.backends.redis.RedisCache": Redis,
    "django_redis.cache.RedisCache": Redis,
    "redis_cache.RedisCache": Redis,
    "django.core.cache.backends.memcached.PyMemcacheCache": Memcached,
    "django.core.cache.backends.memcached.PyLibMCCache": Memcached,
    "django.core.cache.backends.locmem.LocMemCache": LocalCache,
    "django.core.cache.backends.dummy.DummyCache": LocalCache,
}


def databases(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield a check for each alias in DATABASES.

    An empty `default` beside others is Django's way to have none; any other alias without an engine is
    one whose settings did not arrive.
    """
    several = any(settings.get("ENGINE") for settings in source.databases.values())
    for alias, settings in source.databases.items():
        engine = str(settings.get("ENGINE") or "")
        if engine and not engine.endswith(".dummy"):
            yield _database(engine)(name=f"database:{alias}", settings=settings)
        elif not engine and not (alias == "default" and several):
            yield NoEngine(name=f"database:{alias}")


def _database(engine: str) -> type[MySQL] | type[PostgreSQL] | type[SQLite] | type[OtherDatabase]:
    known = DATABASES.get(engine.rpartition(".")[2], OtherDatabase)
    if known is PostgreSQL and find_spec("psycopg") is None and find_spec("psycopg2"):
        return OtherDatabase  # our questions are asked with psycopg 3; Django's backend asks with either
    return known


def caches(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield a check for each alias in CACHES."""
    for alias, settings in source.caches.items():
        yield _cache(alias, settings)


def _cache(alias: str, settings: Mapping[str, Any]) -> Check:
    backend = str(settings.get("BACKEND") or "")
    known = CACHES.get(backend)
    if known and not _behind_others(settings):
        return known(name=f"cache:{alias}", settings=settings)
    return DjangoCache(name=f"cache:{alias}", settings=settings)


def _behind_others(settings: Mapping[str, Any]) -> bool:
    """Tell whether LOCATION names a Sentinel or a cluster, which only the backend itself can follow."""
    options = settings.get("OPTIONS") or {}
    client = str(options.get("CLIENT_CLASS", ""))
    return "SENTINELS" in options or "Sentinel" in client or "Cluster" in client
