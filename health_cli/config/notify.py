"""Notify: what a channel of the setting NOTIFY may show of itself, and what of it is secret."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from health_cli.core.redaction import collect_secrets


def place_of(channel: Mapping[str, Any]) -> str:
    """Return where a channel leads, as far as it is no secret: addresses, a host, or the kind of service."""
    if "mail" in channel:
        return ",".join(sorted(channel["mail"]))
    if "webhook" in channel:
        parts = urlsplit(channel["webhook"])
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return str(channel["apprise"]).partition("://")[0]


def channel_secrets(channel: Mapping[str, Any]) -> set[str]:
    """Return every value of a channel to mask: its secret, passwords, and whatever in its URL looks like a token."""
    secrets = collect_secrets(channel)
    if isinstance(secret := channel.get("secret"), str) and secret:
        secrets |= {secret, secret.removeprefix("whsec_")}
    for kind in ("webhook", "apprise"):
        if isinstance(url := channel.get(kind), str):
            secrets |= set(_tokens(url, host_is_public=kind == "webhook"))
    return secrets - {""}


def _tokens(url: str, *, host_is_public: bool) -> Iterator[str]:
    """Yield the parts of a URL that look like tokens, of an Apprise URL the host too, which often is one."""
    authority, _, rest = url.partition("://")[2].partition("/")
    authority, _, query = authority.partition("?")
    user, _, host = authority.rpartition("@")
    yield from (part for part in re.split(r"[/?&=#:;,@]+", f"{user}/{rest}/{query}") if _looks_random(part))
    if not host_is_public:
        yield from (part for part in host.split(":") if "." not in part and _is_no_host(part))


def _looks_random(text: str) -> bool:
    """Tell a token from a word such as `notifications`: it is long, or it has digits or capitals."""
    return len(text) > 20 or (len(text) >= 8 and not re.fullmatch(r"[a-z._-]+", text))


def _is_no_host(text: str) -> bool:
    """Tell a token from the name of a host, which is short and small: to mask that one would blind the report."""
    return len(text) >= 16 or (len(text) >= 8 and text != text.lower())
