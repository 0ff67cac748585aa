"""Recorder: what `health run --record` does beside running.

The order is what makes a run outlive anything: it is decided what changes, the run becomes a file in the spool, then
the state and the last run are written, and only then a process of its own loads the spool and tells the channels.
Whoever is killed in between loses nothing: the next run goes on where the files are.
"""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from health_cli.core.assembly import safe_text
from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.core.redaction import Redactor
from health_cli.core.report import Report
from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.child import Child, Say
from health_cli.history.kept import Kept
from health_cli.history.last import last_here, later, write_last
from health_cli.history.place import Place, Project

SHORTEST_WAIT = 0.1  # seconds to wait for the lock of the state where the deadline is over: it is held for less
DAY = 86_400
IN_THE_RECORD = 2.0  # seconds that the record may take to tell what it remembers
LEAST = 0.3  # seconds that loading the record's models takes at least: with less it is not begun
LOADED = "loaded"  # what the process in the back says when the record has all there is


class Recorder:
    """Keeps the record of one project on this host."""

    def __init__(
        self,
        place: Place,
        project: Project,
        *,
        trigger: str = "command",
        forks: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """`trigger` says who asks for the run; without `forks` the work is done in threads.

        `stop` tells that a signal asks for the end: what is not loaded or told by then is left to the next run.
        """
        self._stop = stop
        self._place, self._project, self._trigger, self._forks = place, project, trigger, forks
        self._early: Child | None = None

    @property
    def remembered(self) -> Mapping[str, Any]:
        """What the settings said about recording when they could last be read."""
        return states.load(self._place).setting

    def begin(self, seconds: float) -> None:
        """Load what earlier runs have left, while the checks of this one run; channels are tried once, at the end."""
        if spool.pending(self._place):
            self._early = Child(lambda say: self._work(say, seconds, None, tells=False), seconds, forks=self._forks)

    def keep(
        self, report: Report, setting: Mapping[str, Any], *, complete: bool, seconds: float, secrets: frozenset[str]
    ) -> list[str]:
        """Record a run in that many seconds at the most; return what there is to say about that, a line each.

        What fails changes nothing about the run.
        """
        until = time.monotonic() + seconds
        lines: list[str] = []
        report = replace(report, host=setting.get("host") or report.host)
        kept = Kept(report, setting, complete, self._trigger, self._place)
        written = attempt(lambda: self._spool(kept, until, lines.append))
        lines += self._early.finish(until, self._stop)[0] if self._early else []  # what is kept already can wait
        fresh = kept if isinstance(written, Crash) else None
        loaded = self._load(fresh, until)
        lines += loaded
        if isinstance(written, Crash):
            lines += self._straight(written, LOADED in loaded)
        elif written.exists():
            waiting = len(spool.pending(self._place))
            runs, wait = ("1 run", "waits") if waiting == 1 else (f"{waiting} runs", "wait")
            lines.append(f"{runs} in {self._place.spool} {wait} to be loaded by a later one")
        redactor = Redactor(secrets)
        return [safe_text(line, redactor) for line in dict.fromkeys(lines) if line != LOADED]

    def _straight(self, crash: Crash, loaded: bool) -> list[str]:
        """Say what became of a run that no file could be made of."""
        closed = f"the folder {self._place.folder} can't be written to: {_reason(crash)}"
        if not loaded:
            return [closed, "this run could not be kept anywhere"]
        attempt(lambda: self._place.last.unlink(missing_ok=True))  # a full disk allows it: the record knows better
        return [f"note: this run went straight into the record, since {closed}"]

    def _load(self, fresh: Kept | None, until: float) -> list[str]:
        """Load and tell in the back; return what that has to say."""
        left = until - time.monotonic()
        if left < LEAST:
            return []
        lines, ended = Child(lambda say: self._work(say, left, fresh), left, forks=self._forks).finish(stop=self._stop)
        if not ended and self._stop():
            return [*lines, "not all may be loaded and told, since a signal came: the next recorded run goes on"]
        return lines if ended or LOADED in lines else [*lines, f"loading had not ended after {left:.1f} s"]

    def _spool(self, kept: Kept, until: float, say: Say) -> Path:
        """Make the run a file, write what follows from it, and return the file.

        OSError where the folder can't be written to.
        """
        place = self._place
        place.make()
        with place.locked("state", min(states.LOCK, max(SHORTEST_WAIT, until - time.monotonic()))) as ours:
            if not ours:
                raise OSError("another process holds its lock")
            spool.adopt(place)
            if damaged := states.damaged(place):
                say(f"what is known of open alerts was damaged, and begins anew: {damaged}")
            before, last = states.load(place), last_here(place)
            if before.serial and not last:  # the last run went straight into the record
                before = self._recorded(before, until)
            serial = max(before.serial, last.serial if last else 0) + 1  # one of the two files may be new
            run = kept.decided(before.memories, serial, later(last, kept.at, time.time()))
            run = run._replace(
                renamed=before.host if before.host != kept.report.host else "",
                state={**run.state, "heard": before.heard},
            )
            file = spool.put(place, run)
            followed = attempt(lambda: self._follow(before, run, kept, say))
            if isinstance(followed, Crash):  # the file in the spool has all that is needed to do it later
                say(f"the folder {place.folder} can't be written to: {_reason(followed)}")
            return file

    def _recorded(self, before: states.State, until: float) -> states.State:
        """Return a state with what alerting remembers as the record has it, where that can be had."""
        seconds = min(IN_THE_RECORD, until - time.monotonic())
        child = Child(lambda say: self._say_recorded(say, seconds), seconds, forks=self._forks)
        found = attempt(lambda: json.loads(b64decode(child.finish()[0][0])))
        return before if isinstance(found, Crash) else replace(before, **found)

    def _say_recorded(self, say: Say, seconds: float) -> None:
        """Say that, in base64: what is said is one line of plain words."""
        record = import_module("health_cli.history.opening").open_record(self._project, self._place)
        with record.connected(seconds):
            found = import_module("health_cli.history.working").recorded(self._place, record)
        say(b64encode(json.dumps(found).encode()).decode())

    def _follow(self, before: states.State, run: spool.SpooledRun, kept: Kept, say: Say) -> None:
        """Write what follows from a run; for who has the lock. OSError."""
        setting = dict(kept.setting)
        notices = (*before.notices, *run.state["notices"])
        after = replace(
            before,
            serial=run.serial,
            host=kept.report.host,
            checks=run.state["checks"],
            notices=notices,
            setting=setting,
        )
        states.save(self._place, after)
        write_last(self._place, run, setting)
        if setting.get("keep_days") and (lost := spool.expire(self._place, setting["keep_days"] * DAY)):
            say(f"{lost} runs in {self._place.spool} were removed: they had waited longer than KEEP_DAYS")

    def _work(self, say: Say, seconds: float, fresh: Kept | None, *, tells: bool = True) -> None:
        """Load and tell, in a process or a thread of its own; a record that can't be used is said."""
        until = time.monotonic() + seconds
        record = attempt(
            lambda: import_module("health_cli.history.opening").open_record(self._project, self._place, create=True)
        )
        if isinstance(record, Crash):
            error = record.error
            say(f"{error.message} {error.hint}" if isinstance(error, ConfigError) else f"{record.name}: {record.text}")
            return
        redactor = Redactor(record.source.secrets)
        work = import_module("health_cli.history.working").Work
        work(self._place, record, until, lambda line: say(safe_text(line, redactor)), fresh, tells=tells).do()


def _reason(crash: Crash) -> str:
    """Return why, without the path, which is said already."""
    return str(getattr(crash.error, "strerror", None) or crash.text)
