"""logs:NAME, of a unit in systemd's journal."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from health_cli.checks.logs.log import METRICS, spoken, values_of, with_first
from health_cli.checks.logs.records import BAD, TEXT, Record, read
from health_cli.checks.logs.tally import Tally
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric
from health_cli.core.result import Result
from health_cli.core.status import Status

ENTRIES = 20_000  # of one run, the newest
A_PART = 0.8  # of the check's limit that journalctl may take
# Syslog's priorities; what a service writes to its output has 6, and the level in its text.
PRIORITIES = {"0": "critical", "1": "critical", "2": "critical", "3": "error", "4": "warning"}
COLUMNS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER"
_GRANT = "Let the user who runs this read the journal: usermod -aG systemd-journal USER."


@dataclass(frozen=True, kw_only=True)
class JournalLog(Remembering):
    """Records that tell of something bad in systemd's journal of a unit, within the last `window` seconds.

    `unit` is a service such as `gunicorn.service`; without one the whole journal is read. An entry has the level that
    its text tells, as Python's loggers write it, else that of its priority. What is new since the last run is read, of
    which at most the newest 20,000 entries. `directory` is where the journal is, if not where systemd has it, as for a
    host's journal inside a container.

    The user who runs this has to be in the group systemd-journal or adm. There are no default thresholds.
    """

    name: str = "logs:journal"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    unit: str = ""
    directory: str = ""
    window: float = 3600.0

    def gather(self) -> Measurement:
        """Have journalctl tell what is new, and count it beside what is known of the window."""
        now = time.time()
        kept = attempt(lambda: _kept(self.memory.load()))
        known = _Kept("", now - self.window, Tally(), now - self.window) if isinstance(kept, Crash) else kept
        tally, begin = known.tally, max(known.at, now - self.window)
        told = list(_entries(self._ask(begin)))
        if not told and not known.cursor and not list(_entries(self._ask(0, 1))):
            what = f"an entry of {self.unit}" if self.unit else "an entry"
            raise _failure(
                Kind.MISSING, f"The journal never had {what}.", "Is that the name of the unit? systemctl list-units"
            )
        entries = _newer(told, known)
        tally.add((record for entry in entries if (record := _record(entry))), now)
        tally.forget(now - self.window)
        cursor, at = (told[0]["__CURSOR"], _at(told[0])) if told else (known.cursor, known.at)
        facts: dict[str, Any] = {"unit": self.unit, "at_least": len(entries) >= ENTRIES}
        kept_now = {"cursor": cursor, "at": at, "since": known.since, "tally": tally.to_json(self.memory.mask)}
        if why := self.memory.save(kept_now):
            facts["notes"] = [f"nothing is remembered: {why}"]
        since = known.since
        return values_of(tally, now, self.window, since, facts)

    def _ask(self, begin: float, most: int = ENTRIES) -> str:
        """Return the newest entries since a time, the newest first, one JSON a line; Failure."""
        program = shutil.which("journalctl", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
        if program is None:
            raise _failure(Kind.MISSING, "There is no journalctl here.", "Name the files of the log instead, in LOGS.")
        words = [program, "--no-pager", "--quiet", "--output=json", f"--output-fields={COLUMNS}", "--all", "--reverse"]
        words += [f"--lines={most}", f"--since=@{int(begin)}"]
        words += [f"--unit={self.unit}"] if self.unit else []
        words += [f"--directory={self.directory}"] if self.directory else []
        try:
            done = subprocess.run(  # noqa: S603  # a program of the system's, with words and no shell
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.timeout * A_PART, check=False
            )
        except subprocess.TimeoutExpired:
            raise _failure(
                Kind.TIMEOUT, f"journalctl did not end within {self.timeout * A_PART:g} s.",
                "Raise its limit in TIMEOUTS, or make the journal smaller: journalctl --vacuum-size=1G",
            ) from None  # fmt: skip
        said = done.stderr.decode(errors="replace").strip()
        if "permission" in said.lower():
            raise _failure(Kind.AUTH, f"The journal can't be read by this user: {said}", _GRANT)
        if done.returncode or (said and not done.stdout):
            raise _failure(
                Kind.MISSING, f"journalctl says: {said or done.returncode}", "Is there a journal, kept on disk?"
            )
        return done.stdout.decode(errors="replace")

    def judge(self, measurement: Measurement) -> Result:
        """Say how many, in what time."""
        return with_first(self.result(measurement, summary=spoken(measurement)), measurement)


def _failure(kind: Kind, text: str, hint: str) -> Failure:
    return Failure(kind, text, summary="journal not readable", hint=hint, status=Status.UNKNOWN)


class _Kept(NamedTuple):
    """What is kept: the newest entry that was read, when it was written, and what was counted since when."""

    cursor: str
    at: float
    tally: Tally
    since: float


def _kept(data: Mapping[str, Any]) -> _Kept:
    return _Kept(str(data["cursor"]), float(data["at"]), Tally.from_json(data["tally"]), float(data["since"]))


def _newer(told: Sequence[dict[str, Any]], known: _Kept) -> list[dict[str, Any]]:
    """Return the entries above the one that was the newest; where that is gone, those that were written later."""
    place = next((number for number, entry in enumerate(told) if entry["__CURSOR"] == known.cursor), None)
    return [entry for entry in told if _at(entry) > known.at] if place is None else list(told[:place])


def _at(entry: Mapping[str, Any]) -> float:
    return int(entry["__REALTIME_TIMESTAMP"]) / 1e6


def _entries(text: str) -> Iterator[dict[str, Any]]:
    for line in text.split("\n"):  # alone: others stand in messages
        entry = attempt(lambda line=line: json.loads(line))  # type: ignore[misc]  # binds the line
        if isinstance(entry, dict):
            yield entry


def _record(entry: Mapping[str, Any]) -> Record | None:
    """Return what an entry says that is bad, None for any other."""
    message = entry.get("MESSAGE")
    if isinstance(message, list):  # bytes that are no UTF-8
        message = bytes(message).decode(errors="replace")
    text = str(message or "")
    at = _at(entry)
    found = read(f"{text}\n")
    if found.lines and not found.strange:  # the text itself tells a level, good or bad
        level, text = (found.records[0].level, found.records[0].text) if found.records else ("", text)
    else:
        level = PRIORITIES.get(str(entry.get("PRIORITY")), "")
    return Record(at, level, str(entry.get("SYSLOG_IDENTIFIER") or ""), text[:TEXT]) if level in BAD else None
