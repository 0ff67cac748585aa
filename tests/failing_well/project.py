"""A small project with a canary in every setting, and a check that prints and logs all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.conftest import Run, forked, health
from tests.failing_well import canaries
from tests.failing_well.stack import Stack

# The load of whatever else runs here is no trouble of ours, nor is what else is mounted.
EVER = {"warning": "1000", "critical": "2000"}
LOAD = {"host.load/load15_per_cpu": EVER}
CELERY = {"celery.broker/roundtrip_time": EVER, "celery.results/roundtrip_time": EVER}
DATABASE = {"database:default/query_time": EVER, "database:default/connect_time": EVER}
HOST = {"THRESHOLDS": LOAD, "MOUNTS": ["/"]}
CHECK_LIMIT = 3.0
SETTINGS = f"""\
SECRET_KEY = {canaries.SECRET_KEY!r}
EMAIL_HOST_PASSWORD = {canaries.EMAIL!r}
API_TOKEN = {canaries.API_TOKEN!r}
NUMBER_TOKEN = {canaries.NUMBER!r}
SEARCH_URL = "https://shop:{quote(canaries.SERVICE, safe="")}@127.0.0.1:9200/"
ALLOWED_HOSTS = []
USE_TZ = True
"""
OWN = '''\
"""Checks that give away what they can."""

import logging
import os
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import conf
from health_cli import Check, Measurement, Result, Status, check, register
from tests.failing_well.canaries import NUMBER, WRITINGS

CELERY = [getattr(conf, name, "") for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")]
SECRETS = {
    "key": conf.SECRET_KEY,
    "mail": conf.EMAIL_HOST_PASSWORD,
    "api": conf.API_TOKEN,
    "database": next((entry["PASSWORD"] for entry in conf.DATABASES.values()), ""),
    "environment": os.environ["MY_API_KEY"],
    "broker": unquote(urlsplit(CELERY[0]).password or ""),
    "results": unquote(urlsplit(CELERY[1]).password or ""),
}


@check("own.talks")
def talks():
    """Print and log every secret in every writing."""
    for name, secret in SECRETS.items():
        for write in WRITINGS.values():
            print(name, "is", write(secret), flush=True)
            logging.getLogger("own").warning("%s is %s", name, write(secret))
    print(conf.DATABASES, conf.CACHES, conf.SEARCH_URL, os.environ["DATABASE_URL"], NUMBER, dict(os.environ), CELERY)
    logging.getLogger("own").error("cannot use %r", {"password": conf.API_TOKEN, "number": NUMBER})


@check("own.tells")
def tells():
    """Give the secrets away in every field of a result."""
    said = " ".join(write(secret) for secret in SECRETS.values() for write in WRITINGS.values())
    data = {"list": list(SECRETS.values()), "inner": {"said": said}, conf.API_TOKEN: 1, "token": NUMBER}
    return Result(name="x", status=Status.HEALTHY, summary=said, message=said, hint=said, data=data)


@dataclass(frozen=True, kw_only=True)
class Opens(Check):
    """A check with an option that is a secret, and prints it."""

    token: str = ""

    def gather(self):
        print("logging in with", self.token, "at", f"https://bot:{quote(self.token, safe='')}@127.0.0.1/")
        return Measurement()


register(Opens(name="own.opens"))
'''


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project on disk, and how `health` is called for it."""

    folder: Path
    databases: Mapping[str, Any] = field(default_factory=dict)
    caches: Mapping[str, Any] = field(default_factory=dict)
    setting: Mapping[str, Any] = field(default_factory=dict)
    celery: Mapping[str, Any] = field(default_factory=dict)  # settings that begin with CELERY_
    settings: str = "conf"
    end: str = ""  # further lines of the settings
    modules: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    deadline: str = "10"

    def database(self, **changes: Any) -> "Project":
        """Change the settings of the database."""
        return replace(self, databases={**self.databases, "default": {**self.databases["default"], **changes}})

    def cache(self, **changes: Any) -> "Project":
        """Change the settings of the cache."""
        return replace(self, caches={**self.caches, "default": {**self.caches["default"], **changes}})

    def add(self, **changes: Mapping[str, Any]) -> "Project":
        """Add to mappings of the project: `modules`, `env`, `setting`, `databases`, `caches`, `celery`."""
        return replace(self, **{name: {**getattr(self, name), **more} for name, more in changes.items()})

    def write(self) -> None:
        """Write the files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        setting = {
            **HOST,
            "PLUGINS": ["own", *self.modules],
            "CHECK_TIMEOUT": CHECK_LIMIT,
            "OPTIONS": {"own.opens": {"token": canaries.OPTION}},
            **self.setting,
        }
        texts = [
            f"DATABASES = {dict(self.databases)!r}",
            f"CACHES = {dict(self.caches)!r}",
            f"HEALTH_CLI = {setting!r}",
            *(f"{name} = {value!r}" for name, value in self.celery.items()),
        ]
        (self.folder / "conf.py").write_text("\n".join([SETTINGS, *texts, self.end, ""]))
        for name, text in {"own": OWN, **self.modules}.items():
            (self.folder / f"{name}.py").write_text(text)

    def environment(self) -> dict[str, str]:
        """Every variable that a secret may come in by."""
        root = str(Path(__file__).resolve().parents[2])  # own.py imports the canaries
        env = {
            "DATABASE_URL": f"mysql://app:{quote(canaries.ENVIRONMENT_URL, safe='')}@127.0.0.1/shop",
            "MY_API_KEY": canaries.ENVIRONMENT_KEY,
            "LANG": "C",
            **self.env,
        }
        return {**env, "PYTHONPATH": ":".join(filter(None, [env.get("PYTHONPATH"), root]))}

    def health(self, *words: str, fresh: bool = True) -> Run:
        """Call `health` for this project, from elsewhere."""
        where = ("--settings", self.settings, "--chdir", str(self.folder))
        call = health if fresh else forked
        return call(*words, *where, env=self.environment(), limit=20)

    def run(self, form: str, *verbose: str) -> Run:
        """Run all checks: in a fresh process for a machine, and where packages are hidden from Python as it starts."""
        fresh = form == "json" or "PYTHONPATH" in self.env
        return self.health("run", "-f", form, "-t", self.deadline, *self.options, *verbose, fresh=fresh)


def on_stack(folder: Path, stack: Stack, needs: Sequence[str]) -> Project:
    """Return the project on the servers that are named."""
    databases = {"default": stack.mariadb.settings()} if "mariadb" in needs else {}
    caches = {"default": stack.redis.settings()} if "redis" in needs else {}
    brokers = [name for name in ("broker", "rabbitmq", "results") if name in needs]
    celery = {name: value for server in brokers for name, value in stack[server].celery().items()}
    slow = {**LOAD, **(CELERY if "results" in needs else {}), **(DATABASE if databases else {})}
    setting = {"THRESHOLDS": slow} if len(slow) > len(LOAD) else {}
    return Project(folder=folder, databases=databases, caches=caches, celery=celery, setting=setting)
