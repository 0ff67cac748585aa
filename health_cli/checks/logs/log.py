"""logs:NAME: the recent errors of log files: how many, of what level, and what they say."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from health_cli.checks.logs import files
from health_cli.checks.logs.records import Found, read
from health_cli.checks.logs.tail import MOST, NoFile, Piece, Position, first_look, follow, has_rotated, new_lines
from health_cli.checks.logs.tally import MINUTE, Group, Tally
from health_cli.checks.logs.zones import zone_of
from health_cli.core.assembly import iso_utc
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.memory import Remembering
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result, fill
from health_cli.core.status import Status
from health_cli.core.units import humanize

SHOWN = 5  # messages
FIRST = 120  # characters of the first one in a sentence
FEW = 20  # lines of which it may be that none begins a record

METRICS = (
    metric("critical", help="Records of level CRITICAL (FATAL, ALERT, EMERG) in the window."),
    metric("errors", help="Records of level ERROR; a traceback is part of the record before it."),
    metric("warnings", help="Records of level WARNING."),
    metric("errors_per_minute", help="Records of level ERROR and worse a minute, over what is known of the window."),
)


class State:
    """What is kept of a log: since when it is known, up to where each file was read, and the tally.

    Until `short_until` the counts are "at least": something was not read. `understood` says that a line was, `times`
    that this run has found a time, `untimed` that it has read lines which tell none.
    """

    def __init__(self, now: float) -> None:
        """Begin now."""
        self.since, self.short_until = now, 0.0
        self.understood = self.times = self.untimed = False
        self.paths: list[str] = []
        self.files: dict[str, Position] = {}
        self.tally = Tally()

    def to_json(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """The state as it is kept, what the messages say masked."""
        places = {path: position.to_json() for path, position in self.files.items()}
        return {
            "since": self.since, "short_until": self.short_until, "understood": self.understood, "paths": self.paths,
            "files": places, "tally": self.tally.to_json(mask),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        """Read back what `to_json` wrote; KeyError, TypeError or ValueError where it is not that."""
        state = cls(float(data["since"]))
        state.short_until, state.understood = float(data["short_until"]), bool(data["understood"])
        state.paths = list(data["paths"])
        state.files = {path: Position.from_json(position) for path, position in data["files"].items()}
        state.tally = Tally.from_json(data["tally"])
        return state


@dataclass(frozen=True, kw_only=True)
class Log(Remembering):
    """Records that tell of something bad in log files, within the last `window` seconds.

    `paths` are files or globs; of all globs the 50 files written last. The handlers of Django's LOGGING are found by
    themselves, each with its formatter; the setting LOGS names others. Formats are told apart by themselves: Django's,
    Python's, Celery's, gunicorn's, nginx's, syslog's, and lines of JSON. `pattern` is for all others: a regular
    expression with the group `level` and, where there are any, `time`, `logger` and `message`. `floor` is the level of
    records that tell none.

    What is new since the last run is read, also what was rotated away meanwhile (renamed, copied, compressed by gzip),
    8 MiB of it at the most, however large the file is; where more has come, the counts are "at least". Without a state
    folder to remember in, the end of the file is read each time. A record without a time is of when it was found.
    Messages that differ by numbers and ids alone are told as one.

    There are no default thresholds: how many errors are normal differs from project to project.
    """

    name: str = "logs:app"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    paths: tuple[str, ...] = ()
    pattern: str = ""
    floor: str = ""
    encoding: str = "utf-8"
    window: float = 3600.0
    expected: bool = True

    def gather(self) -> Measurement:
        """Read what is new, and count it beside what is known of the window."""
        now = time.time()
        try:
            paths, others = files.found(self.paths)
        except PermissionError as error:
            raise files.refused(error.filename) from error
        if not paths:
            return self._nothing()
        kept = attempt(lambda: State.from_json(self.memory.load()))
        state = State(now) if isinstance(kept, Crash) else kept  # the first run, or what was kept is damaged
        if state.paths != list(self.paths):  # the setting names others now
            state = State(now)
            state.paths = list(self.paths)
        notes: list[str] = []
        left = follow(paths, state.files, now - self.window)
        denied = [path for path in (*left, *paths) if not self._looked(path, state, now, notes)]
        if set(denied) >= set(paths):
            raise files.refused(denied[0])
        if others:
            notes.append(f"{others} more files, which were written to longer ago, were not read")
            state.short_until = now + self.window
        state.tally.forget(now - self.window)
        if why := self.memory.save(state.to_json(self.memory.mask)):
            notes.append(f"nothing is remembered: {why}")
            self._refuse_untimed(state, why)
        facts = {"files": paths, "unreadable": denied, "notes": notes, "at_least": state.short_until > now}
        return values_of(state.tally, now, self.window, state.since, facts)

    def _refuse_untimed(self, state: State, why: str) -> None:
        """Raise Failure where nothing would ever be counted: what tells no time is new only beside what is known."""
        if state.untimed and not state.times:
            raise Failure(
                Kind.MISCONFIGURED, f"The records tell no time, and nothing can be remembered: {why}.",
                summary="nothing remembered", status=Status.UNKNOWN,
                hint="Write the time into the log, or give this user a state folder in HEALTH_STATE_DIR.",
            )  # fmt: skip

    def _nothing(self) -> Measurement:
        """Tell of files that are not there: a handler of Django's may have had nothing to write yet."""
        text = f"There is no file {', '.join(self.paths)}."
        if self.expected:
            raise Failure(
                Kind.MISSING, text, summary="no file", status=Status.WARNING,
                hint="Is it written to another place, or not yet? Correct HEALTH_CLI['LOGS'], or let it be made.",
            )  # fmt: skip
        return Measurement(missing={item.name: text for item in self.metrics}, facts={"missing": text})

    def _looked(self, path: str, state: State, now: float, notes: list[str]) -> bool:
        """Look at one file; False where this user may not."""
        known = state.files.get(path)
        try:
            if known is None:
                self._first_look(path, state, now)
                return True
            piece = new_lines(path, known)
        except PermissionError:
            return False
        except NoFile as error:
            raise Failure(
                Kind.MISCONFIGURED, f"{path} can't be read: {error}.", status=Status.UNKNOWN,
                hint="Name a file that is written to, not a folder, pipe or device.",
            ) from error  # fmt: skip
        state.files[path] = piece.position
        state.tally.add(self._understood(piece, path, state).records, now)
        if piece.skipped or piece.note:
            state.short_until = now + self.window
            notes.append(piece.note or f"{humanize(piece.skipped, 'B')} of {path} were not read")
        return True

    def _first_look(self, path: str, state: State, now: float) -> None:
        """Read the end of a file, more of it where that does not fill the window."""
        begin, is_new = now - self.window, bool(state.files)
        piece = first_look(path)
        found = self._understood(piece, path, state)
        if piece.skipped and found.times and found.times[0] > begin:
            piece = first_look(path, MOST)
            found = self._understood(piece, path, state)
        state.files[path] = piece.position
        if is_new and not piece.skipped:  # a file that has come since the last run
            state.tally.add(found.records, now)
            return
        timed = [record for record in found.records if record.at is not None]
        state.tally.add(timed, now)
        whole = not piece.skipped and (bool(found.times) or not found.lines)
        if whole and found.times and found.times[0] > begin and has_rotated(path):
            whole = False  # what there was before is in another file
        if not whole:
            state.since = max(state.since if is_new else begin, found.times[0] if found.times else now)
        elif not is_new:
            state.since = begin

    def _understood(self, piece: Piece, path: str, state: State) -> Found:
        pattern = re.compile(self.pattern, re.MULTILINE) if self.pattern else None
        text = files.decoded(piece.data, self.encoding, path)
        found = read(text, pattern, self.floor, zone_of(text, piece.written, pattern, self.floor))
        state.times = state.times or bool(found.times)
        state.untimed = state.untimed or (found.lines > 0 and not found.times)
        state.understood = state.understood or found.strange < found.lines
        if found.lines > FEW and not state.understood:
            raise Failure(
                Kind.MISCONFIGURED, f"None of the last {found.lines} lines of {path} tells a level that is known.",
                summary="no level in its lines", status=Status.UNKNOWN,
                hint="Give a pattern with the group 'level', or a floor, in HEALTH_CLI['LOGS'].",
            )  # fmt: skip
        return found

    def judge(self, measurement: Measurement) -> Result:
        """Say how many, in what time, and what leads them."""
        facts = measurement.facts
        if text := facts.get("missing"):
            metrics = fill(self.metrics, measurement)
            return Result(name=self.name, status=Status.SKIPPED, summary="no file yet", message=text, metrics=metrics)
        findings = [_unread(path) for path in facts.get("unreadable", ())]
        return with_first(self.result(measurement, summary=spoken(measurement), findings=findings), measurement)


def values_of(tally: Tally, now: float, window: float, since: float | None, facts: Mapping[str, Any]) -> Measurement:
    """Return what a tally says of a window, of which what came after `since` is known."""
    counts = tally.counts()
    covered = min(window, max(now - since, MINUTE)) if since is not None else window
    bad = counts["critical"] + counts["error"]
    values = {
        "critical": counts["critical"], "errors": counts["error"], "warnings": counts["warning"],
        "errors_per_minute": bad / (covered / MINUTE),
    }  # fmt: skip
    told = [_told(group) for group in tally.groups(SHOWN)]
    known = {**facts, "covered": round(covered), "messages": told}
    return Measurement(values=values, facts={name: fact for name, fact in known.items() if fact not in ([], "")})


def spoken(measurement: Measurement) -> str:
    """Return how many there were, in what time."""
    values, facts = measurement.values, measurement.facts
    counts = [
        f"{humanize(values[name])} {word}{'s' if word == 'error' and values[name] != 1 else ''}"
        for name, word in (("critical", "critical"), ("errors", "error"))
        if values[name]
    ]
    least = "at least " if facts.get("at_least") else ""
    return f"{least}{', '.join(counts) or 'no errors'} in {humanize(facts['covered'], 's')}"


def with_first(result: Result, measurement: Measurement) -> Result:
    """Return a result that says what the worst and most frequent record is."""
    told = measurement.facts.get("messages")
    if not told:
        return result
    text = " ".join(told[0]["message"].split())
    said = f"{result.message}; {told[0]['count']} x {text[:FIRST]}{' ...' if len(text) > FIRST else ''}"
    return replace(result, message=said)


def _told(group: Group) -> dict[str, Any]:
    told = {"count": group.minutes.total(), "level": group.level, "logger": group.logger, "message": group.text}
    return {name: value for name, value in {**told, "last": iso_utc(group.last)}.items() if value}


def _unread(path: str) -> Finding:
    return Finding(
        status=Status.UNKNOWN, kind=Kind.AUTH, summary="permission denied",
        message=f"{path} can't be read by this user", hint=files.GRANT,
    )  # fmt: skip
