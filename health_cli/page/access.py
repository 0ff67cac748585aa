"""Access: who may ask, how often, and what every answer of ours has in its headers."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import wraps
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import (
    DEFAULT_DB_ALIAS,
    Error,
    InterfaceError,
    OperationalError,
    connections,
    router,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse

from health_cli.checks.answering import words
from health_cli.checks.bounded import ANSWER, NoFile, bounded
from health_cli.config.django_source import health_setting
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
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
OWN_POLICIES = ("SECURE_CSP", "CONTENT_SECURITY_POLICY")  # of Django 6, and of django-csp since 4
OF_STATIC_FILES = ("script-src", "style-src", "img-src", "font-src")


def for_superusers(*methods: str, api: bool = False, reads: bool = True) -> Callable[[View], View]:
    """Let active superusers alone call a view, by these methods; `reads` says that it reads the record.

    Others get what the admin gives, the login page or 403; of the API 403, and 429 after too many requests. Where a
    database is down, that of users and sessions or the record's, there is 503 within its limits. Nothing is stored by
    browsers and proxies.
    """

    def decorate(view: View) -> View:
        @login_not_required
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponseBase:
            try:
                response = _answered(request, view, methods, api, reads)
            except Error as error:
                response = _unavailable(error, api)
            except ConfigError as error:
                response = plainly(error.message, 503, api)
            return _with_headers(request, response)

        for alias in connections:  # ATOMIC_REQUESTS would ask a database before we can, and lock out a run
            transaction.non_atomic_requests(using=alias)(answer)
        return answer

    return decorate


def _answered(request: HttpRequest, view: View, methods: tuple[str, ...], api: bool, reads: bool) -> HttpResponseBase:
    """Ask the databases by connections of our own, with limits in time; the record's once somebody may see it."""
    with ExitStack() as limits:
        of_users = {DEFAULT_DB_ALIAS, router.db_for_read(get_user_model()), *_of_sessions()}
        for alias in of_users:
            limits.enter_context(within_limits(alias, of_users=True))
        if refusal := _refusal(request, api) or _rejection(request, methods, api):
            return refusal
        if reads and (alias := health_setting().RECORD_DATABASE) not in of_users:
            limits.enter_context(within_limits(alias))
        return view(request)


def within_limits(alias: str, *, of_users: bool = False) -> AbstractContextManager[object]:
    """Have a database answer in time; in a transaction, as tests of a project are, on the connection that has it.

    Of the users' databases nothing is asked that the project itself does not, such as a limit of the server's own,
    which PgBouncer may refuse; and a backend that is not Django's may keep there what a new connection has not.
    """
    own = attempt(lambda: connections[alias])
    if not isinstance(own, Crash) and (own.in_atomic_block or (of_users and not _is_djangos(own))):
        return nullcontext()
    return bounded(alias, ANSWER, server_too=not of_users or alias == health_setting().RECORD_DATABASE)


def _is_djangos(connection: BaseDatabaseWrapper) -> bool:
    return str(connection.settings_dict["ENGINE"]).startswith("django.db.backends.")


def _of_sessions() -> Iterator[str]:
    """Yield the alias of the database that sessions are in."""
    if settings.SESSION_ENGINE.endswith((".db", ".cached_db")) and apps.is_installed("django.contrib.sessions"):
        yield router.db_for_read(apps.get_model("sessions", "Session"))


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


def _refusal(request: HttpRequest, api: bool) -> HttpResponseBase | None:
    """Return the answer to who may not ask this."""
    if not admin.site.has_permission(request):
        if api:
            return plainly("Log in as a superuser.", 403, api)
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if not getattr(request.user, "is_superuser", False):
        if api:
            return plainly("Superusers alone may see this.", 403, api)
        raise PermissionDenied
    return None


def _rejection(request: HttpRequest, methods: tuple[str, ...], api: bool) -> HttpResponseBase | None:
    """Return the answer to what can't be asked, or too often."""
    if request.method not in methods:
        return HttpResponseNotAllowed(methods)
    if any("\0" in text for text in request.GET.values()):
        return plainly("There is a NUL in the query: no name has one.", 400, api)
    if api and (wait := requests.wait(str(request.user.pk))):
        return plainly(f"More than {A_MINUTE} requests in a minute.", 429, api, wait)
    return None


def _unavailable(error: Error, api: bool) -> HttpResponse:
    """Say that the database is of no use; what it said itself is in the log."""
    logger.warning("the health page can't be shown: %s", words(error))
    text, alias = str(error), health_setting().RECORD_DATABASE
    if "health_cli_" in text and any(part in text for part in MISSING):
        where = "" if alias == DEFAULT_DB_ALIAS else f" health_cli --database {alias}"
        return plainly(f"The database has not all of our tables: run 'manage.py migrate{where}'.", 503, api)
    if isinstance(error, NoFile):
        return plainly("The database has no file yet: 'manage.py migrate' makes it.", 503, api)
    if isinstance(error, OperationalError | InterfaceError):
        return plainly(DOWN, 503, api, wait=10)
    return plainly("The database refuses to tell: the log says why.", 503, api)


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if not _has_policy(request):
        response.headers["Content-Security-Policy"] = policy()
    return response


def _has_policy(request: HttpRequest) -> bool:
    """Tell whether a middleware of Django's or django-csp's sets a policy of the project's, not just one to report."""
    if not any(hasattr(request, name) for name in ("_csp_nonce", "csp_nonce")):
        return False
    given = getattr(settings, "CONTENT_SECURITY_POLICY", None)
    excluded = given.get("EXCLUDE_URL_PREFIXES", ()) if isinstance(given, dict) else ()
    if excluded and request.path_info.startswith(tuple(excluded)):
        return False
    of_version_3 = getattr(settings, "CSP_DEFAULT_SRC", None) and not getattr(settings, "CSP_REPORT_ONLY", False)
    return bool(of_version_3 or any(getattr(settings, name, None) for name in OWN_POLICIES))


def policy() -> str:
    """Return our Content-Security-Policy: files of ours alone, wherever the project serves them from."""
    rules = dict(UNFOLD if "unfold" in settings.INSTALLED_APPS else STRICT)
    parts = urlsplit(settings.STATIC_URL or "")
    if parts.netloc:
        origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc
        rules |= {name: f"{rules[name]} {origin}" for name in OF_STATIC_FILES}
    return "; ".join(f"{name} {value}" for name, value in rules.items())
