"""Recorder: what `health run --record` does beside running.

The order is what makes a run outlive anything: it is decided what changes, the run becomes a file in the spool, then
the state and the last run are written, and only then a process of its own loads the spool and tells the channels.
Whoever is killed in between loses nothing: the next run goes on where the files are.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from health_cli.core.assembly import safe_text
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
        """Work off what earlier runs have left, while the checks of this one run."""
        if spool.pending(self._place) or states.load(self._place).notices:
            self._early = Child(lambda say: self._work(say, seconds, None), seconds, forks=self._forks)

    def keep(
        self, report: Report, setting: Mapping[str, Any], *, complete: bool, seconds: float, secrets: frozenset[str]
    ) -> list[str]:
        """Record a run in that many seconds at the most; return what there is to say about that, a line each.

        What fails changes nothing about the run.
        """
        until = time.monotonic() + seconds
        lines = self._early.finish(until, self._stop)[0] if self._early else []
        report = replace(report, host=setting.get("host") or report.host)
        kept = Kept(report, setting, complete, self._trigger, self._place)
        written = attempt(lambda: self._spool(kept, until, lines.append))
        if isinstance(written, Crash):
            lines.append(f"the folder {self._place.folder} can't be written to: {written.text}")
        fresh = kept if isinstance(written, Crash) else None
        loaded = self._load(fresh, until)
        lines += loaded
        if fresh and LOADED in loaded:
            attempt(lambda: self._place.last.unlink(missing_ok=True))  # a full disk allows it: the record knows better
        elif fresh:
            lines.append("this run could not be kept anywhere")
        elif isinstance(written, Path) and written.exists():
            waiting = len(spool.pending(self._place))
            lines.append(f"{waiting} run{'s' * (waiting != 1)} in {self._place.spool} wait to be loaded by a later one")
        redactor = Redactor(secrets)
        return [safe_text(line, redactor) for line in dict.fromkeys(lines) if line != LOADED]

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
            before = states.load(place)
            last = last_here(place)
            serial = max(before.serial, last.serial if last else 0) + 1  # one of the two files may be new
            run = kept.decided(before.memories, serial, later(last, kept.at, time.time()))
            run = run._replace(renamed=before.host if before.host != kept.report.host else "")
            file = spool.put(place, run)
            followed = attempt(lambda: self._follow(before, run, kept, say))
            if isinstance(followed, Crash):  # the file in the spool has all that is needed to do it later
                say(f"the folder {place.folder} can't be written to: {followed.text}")
            return file

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

    def _work(self, say: Say, seconds: float, fresh: Kept | None) -> None:
        """Load and tell, in a process or a thread of its own."""
        until = time.monotonic() + seconds
        record = import_module("health_cli.history.opening").open_record(self._project, self._place, create=True)
        redactor = Redactor(record.source.secrets)
        work = import_module("health_cli.history.working").Work
        work(self._place, record, until, lambda line: say(safe_text(line, redactor)), fresh).do()
