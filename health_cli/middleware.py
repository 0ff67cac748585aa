"""Middleware: `health_cli.middleware.ApiStatistics` counts the requests of the project, for the checks `api.*`.

Put it first in MIDDLEWARE, so that it sees every answer. Nothing that it does can make a request fail, and none waits
for Redis.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject, empty

from health_cli.checks.api.buckets import digest, keys
from health_cli.checks.api.counted import REDIS
from health_cli.config.api import Api, redis_settings
from health_cli.config.django_source import health_setting
from health_cli.core.guard import Crash, attempt
from health_cli.core.registry import load_client

logger = logging.getLogger("health_cli")

ENDED, GONE = 500, 499  # statuses of requests without an answer: the process ends, or the client has gone
NEAR = 0.1  # of its limit: a client that has less left than that is near it
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
# How an answer tells what is left: as the IETF's draft has it, as it was before, and as most have had it.
REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
LIMITS = ("RateLimit-Limit", "X-RateLimit-Limit", "X-Rate-Limit-Limit")

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class ApiStatistics:
    """Counts each request by its route, status, latency and client, in this process; a thread writes the sums to Redis.

    Nothing of a client is kept but a salted hash, and of a path but the route that it matched. MiddlewareNotUsed where
    no cache of the project is a Redis, or its client library is not installed.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Prepare; nothing is connected yet."""
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        api = Api.of(health_setting().API)
        self._skip, self._proxies = api.skip, api.proxies
        cache = redis_settings(settings.CACHES, api.cache)
        if cache is None:
            raise MiddlewareNotUsed("ApiStatistics counts in Redis, and CACHES has none, or not the one it names.")
        link = attempt(lambda: load_client("health_cli.checks.api.link", REDIS))
        counting = attempt(lambda: load_client("health_cli.checks.api.counting", REDIS))
        if isinstance(link, Crash) or isinstance(counting, Crash):
            raise MiddlewareNotUsed("ApiStatistics needs the package 'redis': pip install 'health-cli[redis]'.")
        secret = str(settings.SECRET_KEY)
        self._counting = counting.Counting(
            lambda limit: link.connected(cache, limit, limit), keys(secret), digest(secret, b"clients", 16)
        )
        self._request = counting.Request

    def __call__(self, request: HttpRequest) -> Answer:
        """Answer as the project does, and count."""
        if self._is_async:
            return self._acall(request)
        began = time.perf_counter()
        response: HttpResponseBase | None = None
        try:
            answer: HttpResponseBase = self._get_response(request)
            response = answer
        finally:  # gunicorn ends a process by an exception in the midst of a request
            self._count(request, response, ENDED, time.perf_counter() - began)
        return answer

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response: HttpResponseBase | None = None
        try:
            answer: HttpResponseBase = await self._get_response(request)
            response = answer
        finally:  # a request is cancelled when its client goes
            self._count(request, response, GONE, time.perf_counter() - began)
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Note that django-ratelimit turns a request away: to Django that is a permission that is missing."""
        if type(exception).__module__.startswith("django_ratelimit"):
            request.limited = True  # type: ignore[attr-defined]  # as its decorator notes it itself

    def _count(self, request: HttpRequest, response: HttpResponseBase | None, without: int, seconds: float) -> None:
        if self._skip and request.path_info.startswith(self._skip):
            return
        crash = attempt(lambda: self._counting.add(self._seen(request, response, without, seconds)))
        if isinstance(crash, Crash):
            logger.warning("a request could not be counted: %s: %s", crash.name, crash.text)

    def _seen(self, request: HttpRequest, response: HttpResponseBase | None, without: int, seconds: float) -> Any:
        status = response.status_code if response is not None else without
        return self._request(
            time.time(),
            f"{_method(request)} {_route(request, status)}",
            status,
            seconds,
            _client(request, self._proxies),
            status == 429 or _is_limited(request, response),
            _is_near(response) if response is not None else None,
        )


def _method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "OTHER"


def _route(request: HttpRequest, status: int) -> str:
    """Return the route that a path has matched, never the path itself: of these there is no end."""
    match = request.resolver_match
    if match is None:
        return "(404)" if status == 404 else "(none)"
    return f"/{match.route}"


def _client(request: HttpRequest, proxies: int) -> str:
    """Return who asks: the user that somebody has looked for already, else the address."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        user = None  # to look now would be a query more
    if user is not None and getattr(user, "is_authenticated", False) is True:
        return f"user:{getattr(user, 'pk', '')}"
    return f"address:{address}" if (address := _address(request, proxies)) else ""


def _address(request: HttpRequest, proxies: int) -> str:
    """Return the client's address, as our own proxies have seen it: what stands before, anybody can write."""
    if proxies:
        seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if seen:
            return str(seen[-min(proxies, len(seen))])
    return str(request.META.get("REMOTE_ADDR", ""))


def _is_limited(request: HttpRequest, response: HttpResponseBase | None) -> bool:
    """Tell whether django-ratelimit has marked the request, or the one that Django REST framework has made of it."""
    if getattr(request, "limited", False):
        return True
    context = getattr(response, "renderer_context", None)
    return isinstance(context, dict) and bool(getattr(context.get("request"), "limited", False))


def _is_near(response: HttpResponseBase) -> bool | None:
    """Tell whether the answer says that its client is near its limit; None where it has no such header, as most."""
    if not [name for name in response.headers if name[-9:].lower() == "remaining"]:
        return None
    left, limit = (_number(response, names) for names in (REMAINING, LIMITS))
    return None if left is None or limit is None else left < NEAR * limit


def _number(response: HttpResponseBase, names: tuple[str, ...]) -> int | None:
    text = next((response.headers[name] for name in names if name in response.headers), "")
    digits = text.partition(",")[0].partition(";")[0].strip()
    return int(digits) if digits.isdecimal() else None
