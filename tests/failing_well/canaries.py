"""Secrets that must never be seen: each unlike all others, all with one mark, and one place that finds any of them."""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import quote, quote_plus

MARK = "k7canary"
RUN = 6  # characters in a row that count as a leak; the values hold no run of them that is a word or a number
_LETTERS = str.maketrans("0123456789abcdef", "ghjkmnpqrstvwxyz")  # no text of a report can look like it by chance


def _letters(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:20].translate(_LETTERS)


def odd(name: str) -> str:
    """A secret with every character that has ever broken a URL, a quotation or a mask."""
    letters = _letters(name)
    return f"{MARK}-{letters[:6]}@/:{letters[6:12]} '\"\\%+&{letters[12:16]}é#{letters[16:]}"


def plain(name: str) -> str:
    """A secret of letters alone, for places that could not tell where an odd one ends."""
    return f"{MARK}{_letters(name)}"


DATABASE = odd("the password of the database")
CACHE = odd("the password in the URL of the cache")
CACHE_OPTION = odd("the password among the options of the cache")
SECRET_KEY = odd("SECRET_KEY")
EMAIL = odd("EMAIL_HOST_PASSWORD")
API_TOKEN = odd("API_TOKEN")
OPTION = odd("an option of a check")
WRONG = odd("a password that is not right")
ENVIRONMENT_URL = odd("the password in DATABASE_URL")
ENVIRONMENT_KEY = odd("MY_API_KEY")
BROKER = odd("the password in the URL of the broker")
RESULTS = odd("the password in the URL of the result backend")
SERVICE = odd("the password in the URL of a service that no check looks at")
TYPED = plain("in the text of an exception, and nowhere else")
TYPED_ODD = odd("quoted in the text of an exception, and nowhere else")
ALL = (
    DATABASE, CACHE, CACHE_OPTION, SECRET_KEY, EMAIL, API_TOKEN, OPTION, WRONG, ENVIRONMENT_URL, ENVIRONMENT_KEY,
    BROKER, RESULTS, SERVICE, TYPED, TYPED_ODD,
)  # fmt: skip
NUMBER = 735_192_648_117  # a token that is a number; found as a whole only

WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda secret: repr(secret.encode()),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "URL": lambda secret: quote(secret, safe=""),
    "path of a URL": quote,
    "form": quote_plus,
    "URL in small letters": lambda secret: quote(secret, safe="").replace("%C3%A9", "%c3%a9").replace("%2F", "%2f"),
    "HTML": html.escape,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "basic authentication": lambda secret: base64.b64encode(f"app:{secret}".encode()).decode(),
    "base64 further in": lambda secret: base64.b64encode(f"{{app:{secret}}}".encode()).decode(),
}


def _runs(secret: str) -> Iterator[str]:
    for name, write in WRITINGS.items():
        text = write(secret)
        if "auth" in name or "further" in name:
            text = text[8:-8]  # the ends depend on what stands around
        for form in (text, "".join(text.split())):
            yield from (form[i : i + RUN] for i in range(len(form) - RUN + 1))


@cache
def _all_runs() -> set[str]:
    """Return the runs of all secrets; not made at import, since a check of the project in every case imports this."""
    return {run for secret in ALL for run in _runs(secret)}


def leaks(text: str) -> set[str]:
    """Return the runs of any secret, in any writing, that are in a text; a line break between changes nothing."""
    found = {str(NUMBER)} if str(NUMBER) in text else set()
    for form in (text, "".join(text.split())):
        found |= _all_runs() & {form[i : i + RUN] for i in range(len(form) - RUN + 1)}
    return found
