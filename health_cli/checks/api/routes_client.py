"""Routes: to which route of the project a path leads, as the counting middleware names it. Needs the project's apps."""

import re
from urllib.parse import unquote

from django.conf import settings
from django.urls import Resolver404, get_resolver
from django.utils import translation
from django.utils.translation import get_language_from_path

from health_cli.checks.project import set_up

KEPT = 20_000  # paths that are remembered
_DIGIT = re.compile(r"\d")


class Routes:
    """The routes of ROOT_URLCONF."""

    def __init__(self) -> None:
        """Load the project's apps and URLs; raises whatever they raise."""
        set_up()
        self._resolver = get_resolver()
        self._resolver.url_patterns  # noqa: B018  # an URLconf that is broken says so now
        self._prefix = str(settings.FORCE_SCRIPT_NAME or "").rstrip("/")
        self._known: dict[str, str] = {}

    def route_of(self, path: str) -> str:
        """Return the route that the path of a request leads to, with a slash before it; nothing where there is none.

        Paths that differ in their digits alone lead to the same one.
        """
        plain = unquote(path.partition("?")[0].partition("#")[0]).removeprefix(self._prefix)
        key = _DIGIT.sub("0", plain)
        if key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = self._resolved(plain) or self._translated(plain)
        return self._known[key]

    def _resolved(self, path: str) -> str:
        try:
            return f"/{self._resolver.resolve(path).route}"
        except Resolver404:
            return ""

    def _translated(self, path: str) -> str:
        """Resolve a path that begins with a language, as those of `i18n_patterns` do, in that language."""
        language = get_language_from_path(path) if settings.USE_I18N else None
        if not language:
            return ""
        with translation.override(language):
            return self._resolved(path)
