"""Working: what is done in the back once a run is kept: load the spool, prune, tell the channels."""

import threading
import time
from typing import Any

from django.db import DatabaseError

from health_cli.core.errors import ConfigError
from health_cli.core.guard import Crash, attempt
from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.agreement import forget_ended, silences, take_silences
from health_cli.history.alerts import Memories, Memory
from health_cli.history.channels import label
from health_cli.history.child import Say
from health_cli.history.database import seconds_of
from health_cli.history.forecasting import forecast
from health_cli.history.kept import Kept
from health_cli.history.last import last_here
from health_cli.history.loading import explain, fitting, load, load_all
from health_cli.history.opening import Record
from health_cli.history.place import Place
from health_cli.history.recorder import LOADED
from health_cli.history.retention import prune
from health_cli.history.state import State
from health_cli.history.telling import tell, tell_once
from health_cli.models import HOST, PROJECT, HealthRun

A_PART = 1.0  # seconds of each run for retention: a day's worth of runs takes less than that
FOR_THE_DATABASE = 0.6  # the part of the time after which the channels are told, whatever the database does


class Work:
    """One process' or thread's work. `fresh` is a run that no file could be made of."""

    def __init__(
        self, place: Place, record: Record, until: float, say: Say, fresh: Kept | None, *, tells: bool = True
    ) -> None:
        """Do nothing yet; `until` is a moment of the monotonic clock. Unless it `tells`, no channel hears of it."""
        self._tells = tells
        self._place, self._record, self._until, self._say, self._fresh = place, record, until, say, fresh
        self._unkept, self._answered = State(), False
        if fresh:  # where the record is of no help either, that is all that is known
            known = states.load(place)
            notices = fresh.decided(known.memories).state["notices"]
            self._unkept = State(notices=notices, silences=known.silences)

    def do(self) -> None:
        """Load all there is, and tell. The database is asked in a thread: one that hangs leaves time to tell."""
        channels = self._record.setting.NOTIFY if self._tells else ()
        left = self._until - time.monotonic()
        share = left * FOR_THE_DATABASE if channels else left
        thread = threading.Thread(target=lambda: self._load(time.monotonic() + share), daemon=True)
        thread.start()
        thread.join(share)
        if thread.is_alive():
            late = "loading had not ended after" if self._answered else "did not answer in"
            who = "" if self._answered else f"the database '{self._record.alias}' "
            self._say(f"{who}{late} {share:.1f} s")
        if not self._tells:
            return
        if self._fresh:
            tell_once(self._unkept, channels, self._until, self._say)
        elif isinstance(told := attempt(lambda: tell(self._place, channels, self._until, self._say)), Crash):
            self._say(f"not all was told: {told.text}")

    def _load(self, until: float) -> None:
        """Load the runs; say what the database refuses."""
        outcome = attempt(lambda: self._loaded(until))
        if not isinstance(outcome, Crash):
            if outcome:
                self._say(LOADED)
        elif isinstance(outcome.error, DatabaseError):
            self._say(explain(outcome.error, self._record.alias))
        elif isinstance(outcome.error, ConfigError):
            self._say(f"{outcome.error.message} {outcome.error.hint}")
        else:
            self._say(f"loading failed: {outcome.name}: {outcome.text} (in {outcome.place})")

    def _loaded(self, until: float) -> bool:
        """Load, and return whether the record has all there is."""
        with self._record.connected(until - time.monotonic()) as connection:
            connection.ensure_connection()
            self._answered = True
            if self._fresh:
                self._load_straight(self._fresh)
                return True
            with self._place.locked("load", until - time.monotonic()) as ours:
                if ours:
                    take_silences(self._place, self._record.alias)
                    load_all(self._place, self._record.alias, until, self._say)
                    self._look_for_others()
                    forget_ended(self._place, self._record.alias)
                    self._prune(until)
                    forecast(self._place, self._record, until)
            return ours and not spool.pending(self._place)

    def _look_for_others(self) -> None:
        """Say that another project records under this host's name: each would decide about the alerts of both."""
        host, alias = states.load(self._place).host, self._record.alias
        runs = HealthRun.objects.using(alias).filter(host=fitting(host, HOST)).order_by("-started_at")
        newest = set(runs.exclude(project="").values_list("project", flat=True)[:2])
        for other in newest - {fitting(self._place.folder.name, PROJECT)}:
            self._say(
                f"note: another project ({other}) records under the name '{host}' in the database '{alias}' too, and "
                "each decides about the alerts of both: give one of them a name of its own with HEALTH_CLI['HOST']"
            )

    def _load_straight(self, kept: Kept) -> None:
        """Load a run that is in no file."""
        alias = self._record.alias
        run = kept.decided(memories(self._place, kept.report.host, alias))
        load(run, alias)
        self._unkept = State(notices=run.state["notices"], silences=silences(alias))

    def _prune(self, until: float) -> None:
        """Do a part of what retention asks for, in the time that is left and in a second at the most."""
        prune(
            self._record.alias,
            now=time.time(),
            keep_days=self._record.setting.KEEP_DAYS,
            keep_hourly_days=self._record.setting.KEEP_HOURLY_DAYS,
            until=min(until, time.monotonic() + A_PART),
        )


def recorded(place: Place, record: Record) -> dict[str, Any]:
    """Return the checks and who has heard of their alerts, for a state that has missed runs which went straight here.

    Those runs have told what they found themselves.
    """
    state, found = states.load(place), memories(place, record.host, record.alias)
    names = [label(channel) for channel in record.setting.NOTIFY]
    new = {name: memory.alert for name, memory in found.items() if memory.alert and name not in state.heard}
    heard = {name: dict.fromkeys(names, alert.worst) for name, alert in new.items()}
    return {"checks": {name: memory.to_json() for name, memory in found.items()}, "heard": {**state.heard, **heard}}


def memories(place: Place, host: str, alias: str) -> Memories:
    """Return what alerting remembers after the last run: as the record has it, or the state, which one is newer."""
    last = last_here(place)
    runs = HealthRun.objects.using(alias).filter(host=fitting(host, HOST)).order_by("-id")
    newest = runs.values_list("started_at", "state").first()
    if newest is None or (last and max(last.times.values()) >= seconds_of(newest[0])):
        return states.load(place).memories
    return {name: Memory.from_json(data) for name, data in newest[1].get("checks", {}).items()}
