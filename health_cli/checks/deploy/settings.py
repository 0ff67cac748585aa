"""deploy.settings: what is dangerous in production, out of the settings alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status

# As Django's own check security.W009 has it.
INSECURE, SHORTEST, FEWEST = "django-insecure-", 50, 5
NOWHERE = ("console", "dummy", "filebased", "locmem")  # backends of Django's that send no mail
LOCAL = ("locmem.LocMemCache", "dummy.DummyCache")  # caches of which each process has its own, or none
IN_CACHE = "django.contrib.sessions.backends.cache"
KEYS = (
    "ALLOWED_HOSTS", "CACHES", "CELERY_TASK_ALWAYS_EAGER", "CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL", "DEBUG",
    "EMAIL_BACKEND", "INSTALLED_APPS", "MAILERS", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SESSION_CACHE_ALIAS",
    "SESSION_ENGINE",
)  # fmt: skip

METRICS = (metric("problems", help="Settings that something is wrong with, less those of the option `ignore`."),)


@dataclass(frozen=True, kw_only=True)
class Settings(Check):
    """Settings that must not reach production, each named, with what to do about it.

    Critical are DEBUG, a SECRET_KEY that is empty or that `startproject` has made, and no ALLOWED_HOSTS, with which
    every request is refused. Warnings are a SECRET_KEY that is short (Django's security.W009, and W025 for
    SECRET_KEY_FALLBACKS), `*` in ALLOWED_HOSTS, mail that goes nowhere, Celery's tasks within requests, sessions in a
    cache that each process has of its own, every origin allowed by django-cors-headers, and the debug toolbar. All
    others that Django knows are for `deploy.checks`.

    Nothing of the project is loaded but its settings. `ignore` names settings that are meant as they are. On request.
    """

    name: str = "deploy.settings"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ignore: tuple[str, ...] = ()
    on_request: ClassVar[bool] = True

    def gather(self) -> Mapping[str, Any]:
        """Return the settings that matter."""
        return {key: self.settings[key] for key in KEYS if key in self.settings}

    def judge(self, measurement: Mapping[str, Any]) -> Result:
        """Tell each problem, the worst first."""
        all_found = list(_problems(measurement))
        found = [each for each in all_found if each[0] not in self.ignore]
        findings = [
            Finding(status=status, kind=Kind.MISCONFIGURED, summary=setting, message=message, hint=hint)
            for setting, status, message, hint in found
        ]
        facts = {"problems": [{"setting": name, "status": s.word, "message": text} for name, s, text, _ in found]}
        counted = Measurement(values={"problems": len(found)}, facts=facts)
        ignored = len(all_found) - len(found)
        summary = "fit for production" + (f", but for {ignored} ignored" if ignored else "")
        return self.result(counted, summary=summary, findings=findings)


def _problems(settings: Mapping[str, Any]) -> Iterator[tuple[str, Status, str, str]]:
    if settings.get("DEBUG"):
        yield (
            "DEBUG", Status.CRITICAL, "DEBUG is on: errors show code, settings and queries to everybody",
            "Set DEBUG = False.",
        )  # fmt: skip
    yield from _keys(settings)
    yield from _hosts(settings)
    yield from _mail(settings)
    if settings.get("CELERY_TASK_ALWAYS_EAGER"):
        yield (
            "CELERY_TASK_ALWAYS_EAGER", Status.WARNING, "Celery's tasks run within the requests that send them",
            "Take CELERY_TASK_ALWAYS_EAGER out: it is for tests.",
        )  # fmt: skip
    yield from _sessions(settings)
    for name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"):
        if settings.get(name):
            yield (
                name, Status.WARNING, f"{name} lets scripts of every site ask this one",
                "Name the sites in CORS_ALLOWED_ORIGINS.",
            )  # fmt: skip
    if "debug_toolbar" in (settings.get("INSTALLED_APPS") or ()):
        yield (
            "INSTALLED_APPS", Status.WARNING, "INSTALLED_APPS has debug_toolbar, which is for development",
            "Add it only where DEBUG is on.",
        )  # fmt: skip


def _keys(settings: Mapping[str, Any]) -> Iterator[tuple[str, Status, str, str]]:
    key = str(settings.get("SECRET_KEY") or "")
    make = "Make one: python -c 'from django.core.management.utils import *; print(get_random_secret_key())'"
    if not key:
        yield "SECRET_KEY", Status.CRITICAL, "SECRET_KEY is empty", make
    elif key.startswith(INSECURE):
        yield "SECRET_KEY", Status.CRITICAL, f"SECRET_KEY is one that startproject has made ({INSECURE}...)", make
    elif _is_weak(key):
        yield "SECRET_KEY", Status.WARNING, f"SECRET_KEY has fewer than {SHORTEST} characters, or few different", make
    weak = [k for k in settings.get("SECRET_KEY_FALLBACKS") or () if str(k).startswith(INSECURE) or _is_weak(str(k))]
    if weak:
        yield (
            "SECRET_KEY_FALLBACKS", Status.WARNING, f"{len(weak)} of SECRET_KEY_FALLBACKS can be guessed",
            "Take them out once no session is signed with them any more.",
        )  # fmt: skip


def _is_weak(key: str) -> bool:
    return len(key) < SHORTEST or len(set(key)) < FEWEST


def _hosts(settings: Mapping[str, Any]) -> Iterator[tuple[str, Status, str, str]]:
    hosts = settings.get("ALLOWED_HOSTS") or ()
    if not hosts and not settings.get("DEBUG"):
        yield (
            "ALLOWED_HOSTS", Status.CRITICAL, "ALLOWED_HOSTS is empty: every request is answered with 400",
            "Name the hosts of the site.",
        )  # fmt: skip
    elif "*" in hosts:
        yield (
            "ALLOWED_HOSTS", Status.WARNING, "ALLOWED_HOSTS takes any host, also one that an attacker has written",
            "Name the hosts of the site, unless a proxy before it lets no others through.",
        )  # fmt: skip


def _mail(settings: Mapping[str, Any]) -> Iterator[tuple[str, Status, str, str]]:
    mailers = settings.get("MAILERS") or {"": {"BACKEND": settings.get("EMAIL_BACKEND")}}
    for alias, mailer in mailers.items() if isinstance(mailers, Mapping) else ():
        backend = str(mailer.get("BACKEND") or "") if isinstance(mailer, Mapping) else ""
        if backend.startswith("django.core.mail.backends.") and backend.split(".")[4] in NOWHERE:
            where = f"MAILERS['{alias}']" if alias else "EMAIL_BACKEND"
            yield (
                where.partition("[")[0], Status.WARNING, f"{where} is {backend}, which sends nothing",
                "Use the backend for SMTP, or one of your provider's.",
            )  # fmt: skip


def _sessions(settings: Mapping[str, Any]) -> Iterator[tuple[str, Status, str, str]]:
    alias = settings.get("SESSION_CACHE_ALIAS") or "default"
    backend = str(((settings.get("CACHES") or {}).get(alias) or {}).get("BACKEND") or "")
    if settings.get("SESSION_ENGINE") == IN_CACHE and backend.endswith(LOCAL):
        yield (
            "SESSION_ENGINE", Status.WARNING,
            f"sessions are kept in the cache '{alias}' ({backend.rpartition('.')[2]}), which no two processes share",
            "Use a cache that all processes share, or sessions in the database.",
        )  # fmt: skip
