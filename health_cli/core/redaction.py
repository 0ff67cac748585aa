"""Redaction: keeps secrets out of everything that leaves the run.

Three nets, one after the other: the very values that the settings or the environment mark as secret,
the credentials of any URL, and `password=...` as drivers and tracebacks write it.
"""

import json
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASK = "***"

# The names that mark a value as secret, in settings, options and environment variables. Those of
# Django's own debug page (django.views.debug) and the ones that services use.
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|passw|secret|token|api_?key|auth_?key|private|credential|signature"
    r"|(^|_)key$|(^|_)pwd$|dsn$",
    re.IGNORECASE,
)
# Every repetition is bounded, so that no text takes long to be searched.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}://)([^\s/@:'\"]{0,256}):((?:(?!://)[^\s'\"]){0,1024})@")
_PAIR = re.compile(
    r"((?:pass(?:wor[dt]|wd|phrase)?|pwd|(?:secret|token|passw(?:or)?d|credentials?|signature|private_?key|dsn"
    r"|(?:api|auth|access|session)[_-]?key|session_?id)[\w-]{0,24})['\"]?\s{0,8}(?:=>?|:)\s{0,8})"
    r"(?!(?-i:YES|NO)(?:[\s,;)}\]]|$))"  # MySQL says whether one was given
    r"(\"(?:\\.|[^\"\\]){0,1024}\"|'(?:\\.|[^'\\]){0,1024}'|[^\s,;)}\]'\"]+)",
    re.IGNORECASE,
)
# Headers of HTTP that say who asks, and JSON Web Tokens wherever they stand.
_HEADER = re.compile(
    r"((?:(?:proxy-)?authorization['\"]?\s{0,8}[:=]\s{0,8}['\"]?(?:(?:bearer|basic|digest|token)\s)?\s{0,8})"
    r"|(?:\b(?:bearer|basic)\s(?=[\w.~+/=-]{16}))|(?:\b(?:set-)?cookie['\"]?\s{0,8}:\s{0,8}))([^\s'\"][^\n'\"]{0,1024}|$)",
    re.IGNORECASE,
)
_JWT = re.compile(r"\beyJ[\w-]{8,1024}\.[\w-]{8,4096}(?:\.[\w-]{0,1024})?")
# The names under which even a number is one: PASSWORD_RESET_TIMEOUT is none.
_NUMBER_NAME = re.compile(r"(pass(word|wd|phrase)?|secret|token|(^|_)(pin|pwd|key))$", re.IGNORECASE)
# What stands under such names without being a secret: switches and small numbers.
_NO_SECRETS = {"", "true", "false", "yes", "no", "on", "off", "none", "null", *map(str, range(100))}
_LONG = 6
_VERY_LONG = 256  # such as a private key
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}  # the module html would cost 3 ms


class Redactor:
    """Masks a set of secret values in text and in JSON-like data."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Prepare for these values, in every form in which a driver may print them."""
        values = {form for secret in secrets for form in (secret, unquote(secret)) if form}
        plain = {text for value in values if len(value) > _VERY_LONG for text in _plain_forms(value)}
        self._very_long = sorted(plain, key=len, reverse=True)
        longest_first = sorted((value for value in values if len(value) <= _VERY_LONG), key=len, reverse=True)
        patterns = [*map(_pattern, longest_first), *(text for value in longest_first for text in _base64(value))]
        self._values = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        for form in self._very_long:
            text = text.replace(form, MASK)
        if self._values:
            text = self._values.sub(MASK, text)
        if "://" in text:
            text = _URL.sub(rf"\1\2:{MASK}@", text)
        if "eyJ" in text:
            text = _JWT.sub(MASK, text)
        return _PAIR.sub(rf"\g<1>{MASK}", _HEADER.sub(rf"\g<1>{MASK}", text))

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


def _plain_forms(secret: str) -> Iterator[str]:
    """Yield the usual writings of a key of many lines, and its lines: a pattern of all writings would be too large."""
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret))
    yield from (line for line in secret.splitlines() if len(line) > _LONG * 3)


def _pattern(secret: str) -> str:
    """Match a secret in every writing: quoted for a URL or HTML, escaped by repr() or JSON, once or several times.

    A short one is a word or a number too, so it is masked only where it stands alone.
    """
    text = "".join(_writings(part) for part in re.findall(r"\\+|[^\\]", secret, re.DOTALL))
    return text if len(secret) >= _LONG else rf"(?<![A-Za-z0-9_]){text}(?![A-Za-z0-9_])"


def _writings(part: str) -> str:
    """Match one character, or several backslashes, in every writing.

    Backslashes before it are bounded and never given back, so that no text takes long to be searched.
    """
    if part.isascii() and part.isalnum():
        return part
    if part[0] == "\\":
        return rf"(?:\\{{{len(part)},{8 * len(part)}}}+|(?i:{_percent(part)}))"
    units = part.encode("utf-16-be", "surrogatepass").hex()
    escapes = {
        part,
        repr(part)[1:-1],
        ascii(part)[1:-1],
        repr(part.encode(errors="replace"))[2:-1],
        "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)),
    }
    escaped = {r"\\{0,8}+".join(["", *map(re.escape, re.split(r"\\", text.lstrip("\\")))]) for text in escapes}
    entities = {_ENTITIES.get(part, ""), f"&#{ord(part)};", f"&#x{ord(part):x};"} - {""}
    blanks = {r"\+"} if part == " " else set()
    return f"(?:(?i:{'|'.join(sorted({*escaped, *entities, *blanks, _percent(part)}))}))"


def _percent(part: str) -> str:
    return "".join(f"%(?:25)?{byte:02X}" for byte in part.encode(errors="replace"))


def _base64(secret: str) -> Iterator[str]:
    """Yield what of a long secret is the same in base64 wherever it stands, as in `Authorization: Basic`."""
    raw = secret.encode(errors="replace")
    for ahead in range(3 if len(raw) > _LONG else 0):
        text = b2a_base64(b"\0" * ahead + raw, newline=False).decode()[-(-ahead * 4 // 3) : (ahead + len(raw)) * 4 // 3]
        yield re.escape(text).replace(r"\+", "[+-]").replace("/", "[/_]")


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
