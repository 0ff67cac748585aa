"""Access: who may ask, how often, and what every answer of ours has in its headers."""

import logging
import math
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse

from health_cli.core.errors import ConfigError
from health_cli.history.answering import words
from health_cli.history.loading import MISSING
from health_cli.page.throttle import Throttle

logger = logging.getLogger("health_cli")

View = Callable[[HttpRequest], HttpResponseBase]
DOWN = "The database does not answer, so nothing can be shown now."
A_MINUTE = 120  # requests to the API that a user may make: a page that is open makes four, and one for each chart
requests = Throttle("api", A_MINUTE, 60)

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# Unfold runs Alpine.js, which makes functions out of attributes, and has styles in its pages.
UNFOLD = {**STRICT, "script-src": "'self' 'unsafe-eval' 'unsafe-inline'", "style-src": "'self' 'unsafe-inline'"}
OF_STATIC_FILES = ("script-src", "style-src", "img-src", "font-src")


def for_superusers(*methods: str, api: bool = False) -> Callable[[View], View]:
    """Let active superusers alone call a view, by these methods.

    Others get what the admin gives, the login page or 403; of the API 403, and 429 after too many requests. Where the
    database is down there is 503. Nothing is stored by browsers and proxies.
    """

    def decorate(view: View) -> View:
        @login_not_required
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponseBase:
            try:
                response = _refusal(request, methods, api) or view(request)
            except Error as error:
                response = _unavailable(error, api)
            except ConfigError as error:
                response = plainly(error.message, 503, api)
            return _with_headers(request, response)

        return answer

    return decorate


def plainly(text: str, status: int, api: bool, wait: float = 0) -> HttpResponse:
    """Answer with a sentence."""
    response: HttpResponse
    if api:
        response = JsonResponse({"error": text}, status=status)
    else:
        response = HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
    if wait:
        response.headers["Retry-After"] = str(math.ceil(wait))
    return response


def _refusal(request: HttpRequest, methods: tuple[str, ...], api: bool) -> HttpResponseBase | None:
    """Return the answer to who may not ask this, or not now."""
    if not admin.site.has_permission(request):
        if api:
            return plainly("Log in as a superuser.", 403, api)
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if not getattr(request.user, "is_superuser", False):
        if api:
            return plainly("Superusers alone may see this.", 403, api)
        raise PermissionDenied
    if request.method not in methods:
        return HttpResponseNotAllowed(methods)
    if api and (wait := requests.wait(str(request.user.pk))):
        return plainly(f"More than {A_MINUTE} requests in a minute.", 429, api, wait)
    return None


def _unavailable(error: Error, api: bool) -> HttpResponse:
    """Say that the database is of no use; what it said itself is in the log."""
    logger.warning("the health page can't be shown: %s", words(error))
    text = str(error)
    if "health_cli_" in text and any(part in text for part in MISSING):
        return plainly("The database has not all of our tables: run 'manage.py migrate'.", 503, api)
    return plainly(DOWN, 503, api, wait=10)


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if not any(hasattr(request, name) for name in ("_csp_nonce", "csp_nonce")):  # the project has a policy of its own
        response.headers["Content-Security-Policy"] = policy()
    return response


def policy() -> str:
    """Return our Content-Security-Policy: files of ours alone, wherever the project serves them from."""
    rules = dict(UNFOLD if "unfold" in settings.INSTALLED_APPS else STRICT)
    parts = urlsplit(settings.STATIC_URL or "")
    if parts.netloc:
        origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc
        rules |= {name: f"{rules[name]} {origin}" for name in OF_STATIC_FILES}
    return "; ".join(f"{name} {value}" for name, value in rules.items())
