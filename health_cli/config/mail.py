"""The checks of the mail servers: of MAILERS, or of EMAIL_HOST."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from health_cli.checks.email import Email, UnnamedEmail
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.check import Check

MAILERS_SINCE = (6, 1)  # an older Django passes them over
BACKENDS = "django.core.mail.backends"
SERVERLESS = {f"{BACKENDS}.{name}.EmailBackend" for name in ("console", "dummy", "filebased", "locmem")}


def email(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield a check for each mailer; one that names no server is on request."""
    if source.name == EMBEDDED:
        return
    everything = source.everything
    mailers = everything.get("MAILERS")
    if mailers and isinstance(mailers, Mapping) and import_module("django").VERSION >= MAILERS_SINCE:
        for alias, about in mailers.items():
            backend = about.get("BACKEND") if isinstance(about, Mapping) else ""
            yield _check(alias, str(backend or ""), named=True)
    else:
        yield _check("default", str(everything.get("EMAIL_BACKEND") or ""), named=_names_server(everything))


def _check(alias: str, backend: str, *, named: bool) -> Check:
    return (Email if named and backend not in SERVERLESS else UnnamedEmail)(name=f"email:{alias}")


def _names_server(everything: Mapping[str, Any]) -> bool:
    """Tell whether the project says where its mail server is: Django's own default is one on this host."""
    return (everything.get("EMAIL_HOST") or "localhost") != "localhost" or bool(everything.get("EMAIL_HOST_USER"))
