"""The result backend of an app: what kind it is, and a client of our own for one on Redis. Needs Celery."""

from importlib import import_module
from typing import Any

from health_cli.core.loading import load

DJANGO = "django-celery-results"
# Options of the backend's own pool that would undo our limits.
_OURS = {"socket_timeout", "socket_connect_timeout", "retry_on_timeout", "max_connections"}


def kind_of(app: Any) -> str:
    """Return `none`, `redis`, `rpc`, DJANGO, or the scheme of the setting."""
    given = str(app.conf.result_backend or "")
    scheme = given.partition("://")[0].partition("+")[0]
    if not given or scheme.startswith("disabled"):
        return "none"
    if scheme == "django-db" or scheme.startswith("django_celery_results"):
        return scheme if "cache" in scheme.lower() else DJANGO
    return "redis" if scheme == "rediss" else scheme


def redis_client(app: Any, limit: float) -> Any:
    """Return a client of our own for a Redis backend: no retries, limits below ours."""
    redis = import_module("redis")
    options = {key: value for key, value in app.backend.connparams.items() if key not in _OURS}
    pool = redis.ConnectionPool(
        **options, socket_connect_timeout=min(2.0, limit * 0.4), socket_timeout=min(3.0, limit * 0.6),
    )  # fmt: skip
    return redis.Redis(connection_pool=pool, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))


def server_of(app: Any) -> Any:
    """Return how messages name the Redis of the backend."""
    options = app.backend.connparams
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    server: Any = load("health_cli.checks.redis_server").Server(place, "the setting CELERY_RESULT_BACKEND")
    return server
