"""Log handler: `health_cli.log_handler.CountingHandler` counts what is logged, for the checks `logs:NAME`.

For processes whose logs are in no file that a check could read, as in containers. A record is counted in the process
that logs it, and written to a Redis of CACHES by a thread: logging neither waits nor fails.
"""

import logging
from typing import Any

from health_cli.checks.logs.records import LEVELS, Record
from health_cli.core.guard import Crash, attempt
from health_cli.core.redaction import Redactor, collect_secrets
from health_cli.core.registry import load_client

OURS = ("health_cli", "redis")  # loggers of which nothing is counted: writing it could log again


class CountingHandler(logging.Handler):
    """Counts records of WARNING and worse, and keeps what they say without their arguments' secrets.

    `cache` is the alias of a Redis in CACHES, else the first one there is; `name` the name of the log. Nothing is
    counted where there is none: the check says so.
    """

    def __init__(self, level: int | str = logging.WARNING, *, cache: str = "", log: str = "counted") -> None:
        """Prepare; settings are read when the first record comes, since logging is set up before all else."""
        super().__init__(level)
        self.setLevel(max(self.level, logging.WARNING))
        self._cache, self._log = cache, log
        self._noting: Any = None
        self._redactor: Redactor | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        if record.name.partition(".")[0] in OURS:
            return
        crash = attempt(lambda: self._count(record))
        if isinstance(crash, Crash):
            self.handleError(record)

    def _count(self, record: logging.LogRecord) -> None:
        if self._noting is None:
            self._noting = self._prepared() or False
        if not self._noting:
            return
        text = record.getMessage().partition("\n")[0]
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}\n{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        level = LEVELS.get(record.levelname.lower(), "error" if record.levelno >= logging.ERROR else "warning")
        self._noting.add(Record(record.created, level, record.name, text))

    def _mask(self, text: str) -> str:
        """Return a text without the settings' secrets; which these are is found out by the thread that writes."""
        if self._redactor is None:
            self._redactor = _redactor()
        return self._redactor.text(text)

    def _prepared(self) -> Any:
        """Return what counts, None where there is nothing to count in."""
        from django.conf import settings

        from health_cli.checks.api.counted import REDIS
        from health_cli.config.api import redis_settings

        cache = redis_settings(settings.CACHES, self._cache)
        if cache is None:
            return None
        link = load_client("health_cli.checks.api.link", REDIS)
        noting = load_client("health_cli.checks.logs.noting", REDIS)
        return noting.Noting(
            lambda limit: link.connected(cache, limit, limit), str(settings.SECRET_KEY), self._log, self._mask
        )


def _redactor() -> Redactor:
    from django.conf import settings

    return Redactor(collect_secrets({name: getattr(settings, name, None) for name in dir(settings) if name.isupper()}))
