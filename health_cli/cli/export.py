"""Export: a series as CSV, as one JSON document, or as JSON a line. Pieces of text, never the whole."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from health_cli.history.reading import Row, Series

SCHEMA = "health-cli-history/1"
ROWS = 500  # of a piece
COLUMNS = ("time", "host", "check", "metric", "value", "unit", "status", "minimum", "maximum", "count")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Head(NamedTuple):
    """What all rows have in common; times are seconds since the epoch."""

    series: Series
    unit: str
    since: float
    until: float
    trends: dict[str, Any]


def iso(seconds: float) -> str:
    """Write a time as the JSON report does: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def point(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it; what was not measured is null."""
    return {
        "time": iso(row.seconds),
        "value": row.value,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "count": row.values,
        "status": row.status,
    }


def as_csv(head: Head, rows: Iterable[Row]) -> Iterator[str]:
    """Yield RFC 4180: a header, always, and lines that end with CR LF; a text is never a formula."""
    series, unit = [_text(word) for word in head.series], _text(head.unit)
    yield _lines([COLUMNS])
    for some in _batches(rows):
        yield _lines(
            (iso(row.seconds), *series, row.value, unit, _text(row.status), row.minimum, row.maximum, row.values)
            for row in some
        )


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _text(word: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{word}" if word.startswith(FORMULA) else word


def as_ndjson(head: Head, rows: Iterable[Row]) -> Iterator[str]:
    """Yield an object a line, each with all there is to know."""
    host, check, metric = head.series
    common = {"host": host, "check": check, "metric": metric, "unit": head.unit}
    for some in _batches(rows):
        yield "".join(json.dumps({**common, **point(row)}, allow_nan=False) + "\n" for row in some)


def as_json(head: Head, rows: Iterable[Row]) -> Iterator[str]:
    """Yield one document: what the rows have in common, the trends, and the points, one a line."""
    host, check, metric = head.series
    common = {
        "schema": SCHEMA,
        "host": host,
        "check": check,
        "metric": metric,
        "unit": head.unit,
        "since": iso(head.since),
        "until": iso(head.until),
        "trends": head.trends,
    }
    yield json.dumps(common, indent=1, allow_nan=False)[: -len("\n}")] + ',\n "points": ['
    before = "\n"
    for some in _batches(rows):
        yield before + ",\n".join(f"  {json.dumps(point(row), allow_nan=False)}" for row in some)
        before = ",\n"
    yield "\n ]\n}\n"


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, ROWS)):
        yield some


EXPORTS: dict[str, Callable[[Head, Iterable[Row]], Iterator[str]]] = {
    "csv": as_csv,
    "json": as_json,
    "ndjson": as_ndjson,
}
