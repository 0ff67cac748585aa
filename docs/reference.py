"""Writes docs/reference, one page a built-in check, from the checks' own docstrings, metrics and options.

`python docs/reference.py` writes the pages; with `--check` it names those that are stale and exits with 1.
A new check is a row in PAGES.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from health_cli.checks.api.clients import Clients
from health_cli.checks.api.errors import Errors
from health_cli.checks.api.latency import Latency
from health_cli.checks.api.limits import Limits
from health_cli.checks.api.traffic import Traffic
from health_cli.checks.cache.django_cache import DjangoCache
from health_cli.checks.cache.local import LocalCache
from health_cli.checks.cache.memcached import Memcached
from health_cli.checks.cache.redis import Redis
from health_cli.checks.cache_key import CacheKey
from health_cli.checks.celery.beat import Beat
from health_cli.checks.celery.broker import Broker, LocalBroker
from health_cli.checks.celery.canary import Canary
from health_cli.checks.celery.failures import Failures
from health_cli.checks.celery.queue import QueueCheck
from health_cli.checks.celery.results import Results
from health_cli.checks.celery.workers import Workers
from health_cli.checks.database.mysql import MySQL
from health_cli.checks.database.other import NoEngine, OtherDatabase
from health_cli.checks.database.postgresql import PostgreSQL
from health_cli.checks.database.sqlite import SQLite
from health_cli.checks.deploy.migrations import Migrations
from health_cli.checks.deploy.settings import Settings
from health_cli.checks.deploy.static import Static
from health_cli.checks.deploy.system_checks import SystemChecks
from health_cli.checks.deploy.version import Version
from health_cli.checks.email import Email
from health_cli.checks.file import File
from health_cli.checks.foreign import Foreign
from health_cli.checks.heartbeat import Heartbeat
from health_cli.checks.host.cpu import Cpu
from health_cli.checks.host.disk import Disk
from health_cli.checks.host.load import Load
from health_cli.checks.host.memory import Memory
from health_cli.checks.host.process import Process
from health_cli.checks.host.processes import Processes
from health_cli.checks.host.swap import Swap
from health_cli.checks.host.time import Time
from health_cli.checks.logs.counted import CountedLog
from health_cli.checks.logs.journal import JournalLog
from health_cli.checks.logs.log import Log
from health_cli.checks.network.dns import Dns
from health_cli.checks.network.http import Http
from health_cli.checks.network.tcp import Tcp
from health_cli.checks.network.tls import Tls
from health_cli.checks.plugin import Plugin
from health_cli.checks.security.packages import Packages
from health_cli.checks.sql import Sql
from health_cli.checks.storage import Storage
from health_cli.config.options import options_of
from health_cli.core.check import Check
from health_cli.core.metric import Metric
from health_cli.core.registry import origin
from health_cli.core.threshold import Threshold

FOLDER = Path(__file__).resolve().parent / "reference"
PAGES: Mapping[str, Check] = {
    "database-mysql": MySQL(name="database:default"),
    "database-postgresql": PostgreSQL(name="database:default"),
    "database-sqlite": SQLite(name="database:default"),
    "database-no-engine": NoEngine(name="database:default"),
    "database-other": OtherDatabase(name="database:default"),
    "cache-redis": Redis(name="cache:default"),
    "cache-memcached": Memcached(name="cache:default"),
    "cache-local": LocalCache(name="cache:default"),
    "cache-django": DjangoCache(name="cache:default"),
    "celery-broker": Broker(),
    "celery-local": LocalBroker(),
    "celery-workers": Workers(),
    "celery-queue": QueueCheck(name="celery.queue:orders"),
    "celery-failures": Failures(),
    "celery-results": Results(),
    "celery-beat": Beat(),
    "celery-canary": Canary(name="celery.canary:orders"),
    "host-memory": Memory(),
    "host-swap": Swap(),
    "host-load": Load(),
    "host-cpu": Cpu(),
    "host-processes": Processes(),
    "host-disk": Disk(),
    "host-time": Time(),
    "logs": Log(name="logs:app"),
    "logs-counted": CountedLog(),
    "logs-journal": JournalLog(),
    "api-traffic": Traffic(),
    "api-errors": Errors(),
    "api-latency": Latency(),
    "api-clients": Clients(),
    "api-limits": Limits(),
    "deploy-settings": Settings(),
    "deploy-version": Version(),
    "deploy-static": Static(),
    "deploy-migrations": Migrations(),
    "deploy-checks": SystemChecks(),
    "email": Email(),
    "storage": Storage(),
    "security-packages": Packages(),
    "network-http": Http(name="network.http:shop"),
    "network-tcp": Tcp(name="network.tcp:mail"),
    "network-dns": Dns(name="network.dns:shop"),
    "network-tls": Tls(name="network.tls:shop"),
    "file": File(name="file:backup"),
    "host-process": Process(name="host.process:web"),
    "sql": Sql(name="shop.unpaid"),
    "plugin": Plugin(name="other.disk"),
    "django-health-check": Foreign(name="old.mail"),
    "cache-key": CacheKey(name="shop.backlog"),
    "heartbeat": Heartbeat(),
}


def page(check: Check) -> str:
    """Return the page of a check."""
    return "\n".join(_lines(check)) + "\n"


def _lines(check: Check) -> Iterator[str]:
    yield f"# {_title(check)}"
    yield from ("", f"<!-- Written by docs/reference.py from {origin(check)}: change it there, then `make docs`. -->")
    for paragraph in check.manual.split("\n\n"):
        yield from ("", plain(" ".join(paragraph.split())))
    yield from ("", f"Limit: {check.timeout:g} s.{_extra(check)} `health explain {check.name}` shows this page.")
    yield from _metrics(check.metrics)
    yield from _options(check)
    yield from ("", "[All checks](../checks.md)")


def _title(check: Check) -> str:
    """Return the first line of the check's module, its name as code."""
    line = (inspect.getdoc(sys.modules[type(check).__module__]) or "").partition("\n")[0].rstrip(".")
    name, others = re.match(r"(\S+?)(:?\s.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]  # all have one
    return f"`{name}`{plain(others)}"


def _extra(check: Check) -> str:
    return "".join(f" Needs the extra `health-cli[{needed.extra}]`." for needed in check.requires)


def _metrics(metrics: Sequence[Metric]) -> Iterator[str]:
    if not metrics:
        return
    yield from ("", "## Metrics", "")
    yield from ("| metric | unit | warning | critical | what it is |", "|---|---|---|---|---|")
    for item in metrics:
        ranges = [_range(threshold, item.unit) for threshold in (item.warning, item.critical)]
        yield f"| `{item.name}` | {item.unit} | {' | '.join(ranges)} | {plain(item.help)} |"
    hinted = [item for item in metrics if item.hint]
    if hinted:
        yield from ("", "## What to do", "")
    for item in hinted:
        yield f"- `{item.name}`: {plain(item.hint.replace('{mount}', 'MOUNT'))}"


def _range(threshold: Threshold | None, unit: str) -> str:
    """Write a range as it may be set, and what it says where the number alone is hard to read."""
    if threshold is None:
        return ""
    words = f" ({threshold.describe(unit)})" if unit == "B" or ":" in str(threshold) else ""
    return f"`{threshold}`{words}"


def _options(check: Check) -> Iterator[str]:
    options = options_of(check)
    if not options:
        return
    yield from ("", "## Options", "", 'Set in [`HEALTH_CLI["OPTIONS"]`](../settings.md#options).', "")
    yield from ("| option | default |", "|---|---|")
    for name, value in options.items():
        yield f"| `{name}` | `{value!r}` |"


def plain(text: str) -> str:
    """Return text whose signs Markdown would take for its own are escaped, outside of `code`."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*|<>~])", r"\\\1", part) for part in parts)


def stale() -> list[str]:
    """Return the names of the pages that are missing, out of date, or of no check."""
    pages = {f"{name}.md": page(check) for name, check in PAGES.items()}
    found = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    return sorted(name for name in pages.keys() | found.keys() if pages.get(name) != found.get(name))


def write() -> None:
    """Write every page, and remove what is the page of no check."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.stem not in PAGES:
            path.unlink()
    for name, check in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(check))


def main(words: Sequence[str]) -> int:
    """Write the pages, or compare them; return the exit code."""
    if list(words) not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/reference.py [--check]\n")
        return 3
    if not words:
        write()
        return 0
    found = stale()
    for name in found:
        sys.stderr.write(f"docs/reference/{name} is stale: run 'make docs'.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
