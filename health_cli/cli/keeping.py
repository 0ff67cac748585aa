"""Keeping: what recording adds to `health run`. What it needs is imported only where a run is recorded."""

import os
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from health_cli.cli.output import write
from health_cli.cli.surroundings import Surroundings
from health_cli.core.assembly import iso_utc
from health_cli.core.guard import Crash, attempt
from health_cli.core.report import Report
from health_cli.core.result import SETUP
from health_cli.core.supervisor import DEFAULT_DEADLINE, Outcome

OPENED = 0.9  # the part of the deadline that earlier runs may be worked off in while the checks run


class Keeping:
    """One run's part in the record: none where it is not to be recorded."""

    def __init__(self, around: Surroundings, values: Mapping[str, Any]) -> None:
        """Look at what was asked for; nothing is touched yet."""
        self._around, self._values = around, values
        self._began = time.monotonic()
        self._recorder: Any = None
        self._lock: Any = None

    def begin(self) -> None:
        """Take the lock, and let what waits be worked off; click.ClickException where another run is on.

        A folder that can't be written to has no lock: the run goes on, and says so when it is recorded.
        """
        place = attempt(self._place)
        if isinstance(place, Crash):
            return
        wanted = self._wanted_at_first(place)
        if wanted or self._values["on_overlap"]:
            attempt(place.make)
            self._take_lock(place)
        if wanted:
            attempt(lambda: self._made().begin(self._deadline(None) * OPENED))

    def _wanted_at_first(self, place: Any) -> bool:
        """Tell whether the run will be recorded, as far as that is known before the settings are."""
        if self._values["record"] is not None:
            return bool(self._values["record"])
        return os.path.exists(place.state) and attempt(lambda: self._made().remembered.get("record")) is True

    def end(self, report: Report, outcome: Outcome) -> None:
        """Record the run, if it is to be, in what is left of its deadline; what goes wrong is only said."""
        crash = attempt(lambda: self._end(report, outcome))
        if isinstance(crash, Crash):
            self._say(crash.text)

    def _end(self, report: Report, outcome: Outcome) -> None:
        wanted = self._wanted(outcome)
        if isinstance(wanted, Crash):
            self._say(wanted.text)
        elif wanted and not report.interrupted:
            lines = self._made().keep(
                report,
                outcome.recording or self._made().remembered,
                complete=self._is_complete(report),
                seconds=self._deadline(outcome.timeout) - (time.monotonic() - self._began),
                secrets=outcome.secrets,
            )
            for line in lines:
                self._say(line)

    def release(self) -> None:
        """Give the lock back."""
        if self._lock:
            self._lock.release()

    def _wanted(self, outcome: Outcome) -> bool | Crash:
        """Tell whether to record: as the option says, else the settings, else what they said last.

        That a part of the checks could not be set up may be for what was asked: it is no news of the stack.
        """
        if SETUP in outcome.results and self._is_partial():
            return False
        if self._values["record"] is not None:
            return bool(self._values["record"])
        if outcome.recording or SETUP not in outcome.results:
            return bool(outcome.recording.get("record"))
        return attempt(lambda: bool(self._made().remembered.get("record")))

    def _is_complete(self, report: Report) -> bool:
        """Tell whether a check that is not in the report is gone."""
        selected = bool(self._values["patterns"] or self._values["skip"])
        return bool(import_module("health_cli.history.alerts").is_complete(report, selected=selected))

    def _is_partial(self) -> bool:
        return any(self._values[name] for name in ("patterns", "skip", "warning", "critical"))

    def _deadline(self, of_settings: float | None) -> float:
        return (self._values["timeout"] or (None,))[0] or of_settings or DEFAULT_DEADLINE

    def _place(self) -> Any:
        """The folder of this project; ConfigError where there is none to be had."""
        return import_module("health_cli.history.place").Place.of(self._project(), os.environ)

    def _project(self) -> Any:
        names = ("settings", "chdir", "pythonpath")
        return import_module("health_cli.history.place").Project(**{name: self._values[name] for name in names})

    def _made(self) -> Any:
        """The recorder, made on first use."""
        if self._recorder is None:
            recorder = import_module("health_cli.history.recorder").Recorder
            self._recorder = recorder(
                self._place(),
                self._project(),
                trigger=self._around.trigger,
                forks=self._around.forks,
                stop=lambda: self._around.interrupt.signal is not None,
            )
        return self._recorder

    def _take_lock(self, place: Any) -> None:
        """Take the lock of this host and project as --on-overlap says; a signal ends the waiting, and then the run."""
        how = self._values["on_overlap"] or "run"
        lock = import_module("health_cli.history.place").Lock(place.folder / "run.lock")
        seconds = self._deadline(None) if how == "wait" else 0
        interrupt = self._around.interrupt
        taken = attempt(lambda: lock.take(seconds, stop=lambda: interrupt.signal is not None))
        if taken is True:
            self._lock = lock
        elif taken is False and how != "run" and not interrupt.signal:
            raise click.ClickException(_overlap(lock.holder(), waited=how == "wait"))
        if how == "wait":
            self._began = time.monotonic()

    def _say(self, line: str) -> None:
        """Say it on standard error; for Nagios, which wants silence there, a line of long output, if there is room."""
        if self._values["format_name"] == "nagios" and not self._values["output"]:
            room = max(0, self._values["max_bytes"] - self._around.printed - 1)
            text = f"[RECORD] {line.replace('|', ' ')}".encode()[:room].decode(errors="ignore")
            self._around.printed += len(text.encode()) + 1
            attempt(lambda: write(self._around.out, f"{text}\n" if text else ""))
        else:
            what = "" if line.startswith(("not ", "note: ")) else "not all was recorded: "
            attempt(lambda: write(self._around.err, f"health: {what}{line}\n"))


def _overlap(holder: tuple[int, float] | None, *, waited: bool) -> str:
    who = f" (process {holder[0]}, since {iso_utc(holder[1])})" if holder else ""
    still = "is still" if waited else "is"
    return f"Another run of this project {still} under way on this host{who}: --on-overlap says to stop."
