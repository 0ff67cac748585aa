"""Assembly: puts a report together from results, and is the one place where text is made safe.

Secrets are masked and control characters dropped here, before anything sees the report.
"""

import os
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from health_cli.core.excerpt import cut
from health_cli.core.redaction import Redactor
from health_cli.core.report import FailOn, Report
from health_cli.core.result import Result

# ANSI escapes; C0 but newline and tab, DEL, C1; what has no width or turns the direction of writing;
# lone surrogates; the two non-characters.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Drop what no terminal, file or parser should be given."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n")))


class Stamp:
    """When and where a run began. Take it first; `finish()` makes the report."""

    def __init__(self, version: str) -> None:
        """Start the clocks: the wall's for the record, the monotonic one for durations."""
        self._version = version
        self._wall, self._began = time.time(), time.monotonic()

    def finish(
        self,
        results: Sequence[Result],
        *,
        secrets: Iterable[str] = (),
        fail_on: FailOn = FailOn.WARNING,
        isolation: str = "process",
        interrupted: int | None = None,
        noise: str = "",
        host: str = "",
    ) -> Report:
        """Return the report of these results, with every text in it safe to show; `host` is this machine else."""
        redactor = Redactor(secrets)
        return Report(
            run=str(uuid.uuid4()),
            host=host or machine(),
            version=self._version,
            started_at=iso_utc(self._wall),
            duration=time.monotonic() - self._began,
            checks=tuple(safe(result, redactor) for result in results),
            fail_on=fail_on,
            isolation=isolation,
            interrupted=interrupted,
            noise=safe_text(noise, redactor),
        )


def machine() -> str:
    """Return what this machine calls itself."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def safe(result: Result, redactor: Redactor) -> Result:
    """Return the result with its texts redacted and cleaned; names stay, they are keys."""

    def text(value: str) -> str:
        return safe_text(value, redactor)

    return replace(
        result,
        summary=text(result.summary),
        message=cut(text(result.message)),
        hint=text(result.hint),
        detail=text(result.detail),
        metrics=tuple(replace(metric, reason=text(metric.reason)) for metric in result.metrics),
        data=_clean_data(redactor.data(result.data), redactor),
    )


def safe_text(text: str, redactor: Redactor) -> str:
    """Mask, clean, and mask again: a secret may have been cut in two by what was dropped."""
    return redactor.text(clean(redactor.text(text)))


def _clean_data(value: Any, redactor: Redactor) -> Any:
    """Return JSON-like data with every text in it made safe, keys too."""
    if isinstance(value, str):
        return safe_text(value, redactor)
    if isinstance(value, dict):
        return {_clean_data(key, redactor): _clean_data(item, redactor) for key, item in value.items()}
    return [_clean_data(item, redactor) for item in value] if isinstance(value, list) else value


def iso_utc(seconds: float) -> str:
    """Write a point in time as ISO 8601 in UTC, to the millisecond."""
    whole, part = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:03d}Z"
