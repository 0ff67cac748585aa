"""Asks a database a query that may not write, through Django's backend. Loaded only when that is asked."""

import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from health_cli.checks.answering import NoAnswer, words
from health_cli.checks.bounded import bounded
from health_cli.core.errors import ConfigError, Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import as_finite
from health_cli.core.status import Status

# Of the transaction alone where that will do: behind PgBouncer a session goes on to somebody else. MySQL commits before
# a statement like CREATE, so that there the whole session may only read.
READ_ONLY = {
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "BEGIN"), "postgresql": ("BEGIN READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON", "BEGIN"),
}  # fmt: skip
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
PART = 0.8  # of the time after which the server ends it: before we do
STOPPED = ("interrupted", "canceling statement due to statement timeout")  # what SQLite and PostgreSQL say then
WRITES = ("readonly database", "read-only transaction", "read only transaction")  # of the three, to who writes
OVER = (1317, 1969, 3024)  # MySQL's and MariaDB's errors for a statement that was ended


def gather(alias: str, query: str, limit: float) -> Measurement:
    """Return the number that a query gives within so many seconds; Failure where it can't be asked."""
    if ";" in QUOTED.sub("", query).rstrip("; \t\n"):  # the first could end the transaction that may only read
        raise Failure(
            Kind.MISCONFIGURED, "The query has several statements.", summary="query refused", status=Status.UNKNOWN,
            hint="Let it be one SELECT that gives a number.",
        )  # fmt: skip
    connected = False
    try:
        with bounded(alias, limit) as connection:
            connection.ensure_connection()
            connected = True
            return _asked(connection, query, limit)
    except ConfigError as error:
        raise Failure(
            Kind.MISCONFIGURED, error.message, hint=error.hint, summary="can't be asked", status=Status.UNKNOWN
        ) from error
    except Error as error:
        raise _failure(alias, error, limit, connected=connected) from error


def _asked(connection: BaseDatabaseWrapper, query: str, limit: float) -> Measurement:
    with connection.cursor() as cursor:
        _limit(connection, cursor, limit * PART)
        for statement in READ_ONLY.get(connection.vendor, ("SET TRANSACTION READ ONLY",)):
            cursor.execute(statement)  # what is not committed is rolled back by the end of the connection
        began = time.monotonic()
        with _interrupted(connection, limit * PART):
            cursor.execute(query)  # without parameters, so that a % in it stays one
            rows = cursor.fetchmany(2) if cursor.description else []
        return _measured(rows, time.monotonic() - began)


@contextmanager
def _interrupted(connection: BaseDatabaseWrapper, limit: float) -> Iterator[None]:
    """Interrupt SQLite, which has no limit of its own, after so many seconds."""
    if connection.vendor != "sqlite":
        yield
        return
    timer = threading.Timer(limit, connection.connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _limit(connection: BaseDatabaseWrapper, cursor: Any, limit: float) -> None:
    """Have the server end what takes too long; PostgreSQL and SQLite are told with the connection."""
    if connection.vendor == "mysql" and getattr(connection, "mysql_is_mariadb", False):
        cursor.execute(f"SET SESSION max_statement_time = {limit:.3f}")
    elif connection.vendor == "mysql":
        cursor.execute(f"SET SESSION MAX_EXECUTION_TIME = {math.ceil(limit * 1000)}")


def _measured(rows: Any, took: float) -> Measurement:
    values: dict[str, float] = {"query_time": took}
    if len(rows) != 1 or len(rows[0]) != 1:
        found = f"gives {len(rows[0])} columns" if rows and len(rows[0]) != 1 else "gives several rows"
        return Measurement(values=values, missing={"value": found if rows else "gives no row"})
    value = rows[0][0]
    if value is None:
        return Measurement(values=values, missing={"value": "gives NULL"})
    try:
        number = as_finite(float(value) if isinstance(value, Decimal) else value)
    except TypeError as error:
        return Measurement(values=values, missing={"value": f"gives no number: {error}"})
    return Measurement(values={**values, "value": number})


def _failure(alias: str, error: Error, limit: float, *, connected: bool) -> Failure:
    text, see = words(error), f"See more: health run database:{alias}"
    if isinstance(error, NoAnswer) or error.args[:1] in {(code,) for code in OVER} or text.startswith(STOPPED):
        return Failure(
            Kind.TIMEOUT, f"The query did not end within {limit:g} s: {text}", summary=f"no answer in {limit:g} s",
            hint="Look at it with EXPLAIN: it may lack an index.",
        )  # fmt: skip
    if connected and any(word in text.lower() for word in WRITES):
        return Failure(
            Kind.READ_ONLY, f"The query would write, and may only read: {text}", summary="query writes",
            hint="Let it SELECT a number.", status=Status.UNKNOWN,
        )  # fmt: skip
    return Failure(
        Kind.MISCONFIGURED, f"The query can't be asked in the database '{alias}': {text}", summary="query refused",
        hint="Try it by hand: manage.py dbshell. It may only read." if connected else see, status=Status.UNKNOWN,
    )  # fmt: skip
