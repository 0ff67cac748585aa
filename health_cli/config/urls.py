"""URLs of services, as the usual environment variables have them, turned into Django's settings."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from health_cli.core.errors import ConfigError

ENGINES = {
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "sqlite": "django.db.backends.sqlite3",
    "sqlite3": "django.db.backends.sqlite3",
}
CACHES = {
    "redis": "django.core.cache.backends.redis.RedisCache",
    "rediss": "django.core.cache.backends.redis.RedisCache",
    "unix": "django.core.cache.backends.redis.RedisCache",
    "memcached": "django.core.cache.backends.memcached.PyMemcacheCache",
}


def database_from_url(url: str, variable: str) -> dict[str, Any]:
    """Return an entry of DATABASES: `mysql://user:password@host:3306/name?charset=utf8mb4`.

    `sqlite:///relative.db` and `sqlite:////absolute.db` are files. ConfigError for an unknown scheme.
    """
    parts = _split(url, variable, list(ENGINES))
    name = unquote(parts.path.removeprefix("/"))
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": ENGINES[parts.scheme],
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(_port(parts, variable) or ""),
        "OPTIONS": options,
    }


def cache_from_url(url: str, variable: str) -> dict[str, Any]:
    """Return an entry of CACHES: `redis://:password@host:6379/1`, `memcached://host:11211`."""
    parts = _split(url, variable, list(CACHES))
    port = _port(parts, variable)
    if parts.scheme != "memcached":
        return {"BACKEND": CACHES[parts.scheme], "LOCATION": url}
    if not parts.hostname:
        raise ConfigError(f"{variable} names no host.", hint="Example: memcached://127.0.0.1:11211")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return {"BACKEND": CACHES["memcached"], "LOCATION": f"{host}:{port or 11211}"}


def _split(url: str, variable: str, schemes: list[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"{variable} is not a URL.", hint="Example: mysql://user:pw@host/name") from None
    if parts.scheme not in schemes:
        raise ConfigError(
            f"{variable} has the scheme '{parts.scheme}': use one of {', '.join(schemes)}.",
            hint=f"Example: {schemes[0]}://host:port/name",
        )
    return parts


def _port(parts: SplitResult, variable: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ConfigError(f"{variable} has a port that is not a number from 0 to 65535.") from None
