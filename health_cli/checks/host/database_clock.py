"""Asks a database server for the time, through Django's backend. Loaded only when that is asked."""

import time

from django.db import Error, connections

from health_cli.checks.answering import words
from health_cli.checks.bounded import bounded
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

NOW = {
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))", "postgresql": "SELECT extract(epoch FROM clock_timestamp())"
}  # fmt: skip


def offset(alias: str, limit: float) -> tuple[float, float]:
    """Return how many seconds we are ahead of a server, and those that this may be wrong by; Failure."""
    if alias not in connections.settings:
        raise Failure(
            Kind.MISCONFIGURED, f"There is no database '{alias}': DATABASES has {', '.join(connections.settings)}.",
            summary="no such database", hint="Correct 'database' in the OPTIONS of host.time.", status=Status.UNKNOWN,
        )  # fmt: skip
    try:
        with bounded(alias, limit) as connection:
            if connection.vendor not in NOW:
                raise _unusable(alias, f"is {connection.display_name}: only MySQL, MariaDB and PostgreSQL are asked")
            with connection.cursor() as cursor:
                began = time.time()
                cursor.execute(NOW[connection.vendor])
                (theirs,) = cursor.fetchone()
                ended = time.time()
    except (Error, ConfigError) as error:
        raise _unusable(alias, f"can't be asked: {words(error)}") from error
    return (began + ended) / 2 - float(theirs), (ended - began) / 2


def _unusable(alias: str, text: str) -> Failure:
    return Failure(
        Kind.REFUSED, f"The database '{alias}' {text}.", summary="can't be asked", status=Status.UNKNOWN,
        hint=f"See more: health run database:{alias}",
    )  # fmt: skip
