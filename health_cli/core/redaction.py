"""Redaction: keeps secrets out of everything that leaves the run.

Three nets, one after the other: the very values that the settings or the environment mark as secret,
the credentials of any URL, and `password=...` as drivers and tracebacks write it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "***"

# The names that mark a value as secret, in settings, options and environment variables. Those of
# Django's own debug page (django.views.debug) and the ones that services use.
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|passw|secret|token|api_?key|auth_?key|private|credential|signature"
    r"|(^|_)key$|(^|_)pwd$|dsn$",
    re.IGNORECASE,
)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/@:'\"]*):((?:(?!://)[^\s'\"])*)@")
_PAIR = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|secret(?:_?key)?|(?:auth_?|access_?)?token|api_?key)['\"]?\s*(?:=>?|:)\s*)"
    r"(?!(?-i:YES|NO)(?:[\s,;)}\]]|$))(\"[^\"]*\"|'[^']*'|[^\s,;)}\]'\"]+)",  # MySQL says whether one was given
    re.IGNORECASE,
)
# The names under which even a number is one: PASSWORD_RESET_TIMEOUT is none.
_NUMBER_NAME = re.compile(r"(pass(word|wd|phrase)?|secret|token|(^|_)(pin|pwd|key))$", re.IGNORECASE)
# What stands under such names without being a secret: switches and small numbers.
_NO_SECRETS = {"", "true", "false", "yes", "no", "on", "off", "none", "null", *map(str, range(100))}
_LONG = 6


class Redactor:
    """Masks a set of secret values in text and in JSON-like data."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Prepare for these values, in every form in which a driver may print them."""
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        patterns = [_pattern(form) for form in sorted(forms, key=len, reverse=True)]
        self._values = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        if self._values:
            text = self._values.sub(MASK, text)
        if "://" in text:
            text = _URL.sub(rf"\1\2:{MASK}@", text)
        return _PAIR.sub(rf"\g<1>{MASK}", text)

    def data(self, value: Any, *, secret: bool = False) -> Any:
        """Return JSON-like data with every text in it masked, and whatever stands under a secret name."""
        if isinstance(value, str):
            return MASK if secret and value else self.text(value)
        if secret and isinstance(value, int) and value > 999:
            return MASK
        if isinstance(value, Mapping):
            return {
                self.data(key): self.data(item, secret=secret or bool(SECRET_NAME.search(str(key))))
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.data(item, secret=secret) for item in value]
        return value


def _pattern(form: str) -> str:
    """A short value is a word or a number too, so it is masked only where it stands alone."""
    text = re.escape(form)
    return text if len(form) >= _LONG else rf"(?<![A-Za-z0-9_]){text}(?![A-Za-z0-9_])"


def _forms(secret: str) -> set[str]:
    """A secret as it is, quoted for a URL, decoded from one, and as repr() writes it."""
    return {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret), repr(secret)[1:-1]}


def collect_secrets(value: Any, name: str = "", depth: int = 0) -> set[str]:
    """Return every text under a secret-sounding name, and every URL password, in nested settings."""
    kind = type(value)  # never isinstance: Django's lazy objects would be loaded by it
    if depth > 8:  # settings may hold cycles
        return set()
    if issubclass(kind, bytes):
        value = value.decode(errors="replace")
    if issubclass(kind, int):
        return {str(value)} if _NUMBER_NAME.search(name) and value > 999 else set()
    if issubclass(kind, bytes | str):
        marked = {value} if SECRET_NAME.search(name) and value.lower() not in _NO_SECRETS else set()
        return marked | url_passwords(value)
    if issubclass(kind, Mapping):
        above = name if SECRET_NAME.search(name) else ""
        nested = [collect_secrets(item, above or str(key), depth + 1) for key, item in dict(value).items()]
    elif issubclass(kind, list | tuple | set | frozenset):
        nested = [collect_secrets(item, name, depth + 1) for item in value]
    else:
        return set()
    return set().union(*nested)


def url_passwords(text: str) -> set[str]:
    """Return the passwords of the URLs in a text (several may be joined by `,` or `;`)."""
    if "://" not in text:
        return set()
    found = {_url_password(url) for url in re.split(r"[;,\s]", text)} | {match[3] for match in _URL.finditer(text)}
    return found - {""}


def _url_password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:  # an unquoted `/` or `[` in it: the pattern above finds those
        return ""
