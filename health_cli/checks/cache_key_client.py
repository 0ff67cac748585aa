"""Reads and leaves a value in a cache through Django. Loaded only when that is asked."""

from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.db import connections

from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.loading import alone


def value_of(alias: str, key: str) -> Any:
    """Return the value of a key, None where there is none; Failure where the cache can't be read."""
    return _done(alias, lambda: caches[alias].get(key))


def leave(alias: str, key: str, value: float) -> None:
    """Leave a value for ever; Failure where the cache takes none."""
    _done(alias, lambda: caches[alias].set(key, value, None))


def _done(alias: str, call: Callable[[], Any]) -> Any:
    def closed() -> Any:
        alone(lambda: caches[alias])
        try:
            return call()
        finally:
            caches[alias].close()
            connections.close_all()  # of a cache in a database

    found = attempt(closed)
    if isinstance(found, Crash):
        raise Failure(
            Kind.REFUSED, f"The cache '{alias}' can't be used: {found.name}: {found.text}", summary="cache not usable",
            hint=f"See more: health run cache:{alias}",
        ) from found.error  # fmt: skip
    return found
