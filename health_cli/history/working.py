"""Working: what is done in the back once a run is kept: load the spool, prune, tell the channels."""

import threading
import time
from dataclasses import replace
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from health_cli.core.guard import Crash, attempt
from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.alerts import Memories, Memory
from health_cli.history.child import Say
from health_cli.history.database import seconds_of
from health_cli.history.kept import Kept
from health_cli.history.loading import explain, fitting, load, load_all
from health_cli.history.opening import Record
from health_cli.history.place import Place
from health_cli.history.recorder import LOADED, LOCK
from health_cli.history.retention import prune
from health_cli.history.telling import tell
from health_cli.models import HOST, HealthRun, Silence

A_PART = 1.0  # seconds of each run for retention: a day's worth of runs takes less than that
FOR_THE_DATABASE = 0.6  # the part of the time after which the channels are told, whatever the database does


def work(place: Place, record: Record, until: float, say: Say, fresh: Kept | None) -> None:
    """Load all there is, and tell; the database is asked in a thread, so that one that hangs leaves time to tell."""
    left = until - time.monotonic()
    share = left * FOR_THE_DATABASE if record.setting.NOTIFY else left
    thread = threading.Thread(target=lambda: _load(place, record, time.monotonic() + share, say, fresh), daemon=True)
    thread.start()
    thread.join(share)
    if thread.is_alive():
        say(f"the database '{record.alias}' did not answer in {share:.1f} s")
    tell(place, record.setting.NOTIFY, until, say)


def _load(place: Place, record: Record, until: float, say: Say, fresh: Kept | None) -> None:
    """Load the runs; say what the database refuses."""
    outcome = attempt(lambda: _loaded(place, record, until, say, fresh))
    if not isinstance(outcome, Crash):
        if outcome:
            say(LOADED)
    elif isinstance(outcome.error, DatabaseError):
        say(explain(outcome.error, record.alias))
    else:
        say(f"loading failed: {outcome.name}: {outcome.text} (in {outcome.place})")


def _loaded(place: Place, record: Record, until: float, say: Say, fresh: Kept | None) -> bool:
    """Load, and return whether the record has all there is."""
    with record.connected(until - time.monotonic()):
        if fresh:
            load(fresh.decided(_memories(fresh.report.host, record.alias)), record.alias)
            return True
        with place.locked("load", until - time.monotonic()) as ours:
            if not ours:
                return False
            load_all(place, record.alias, until, say)
            _refresh_silences(place, record.alias)
            _prune(record, until)
        return not spool.pending(place)


def _prune(record: Record, until: float) -> None:
    """Do a part of what retention asks for, in the time that is left and in a second at the most."""
    prune(
        record.alias,
        now=time.time(),
        keep_days=record.setting.KEEP_DAYS,
        keep_hourly_days=record.setting.KEEP_HOURLY_DAYS,
        until=min(until, time.monotonic() + A_PART),
    )


def _memories(host: str, alias: str) -> Memories:
    """Return what alerting remembered after the newest run in the record."""
    runs = HealthRun.objects.using(alias).filter(host=fitting(host, HOST)).order_by("-started_at")
    newest: Any = runs.values_list("state", flat=True).first()
    return {name: Memory.from_json(data) for name, data in (newest or {}).get("checks", {}).items()}


def _refresh_silences(place: Place, alias: str) -> None:
    """Take the silences over into the state, from where they are known while the database is down."""
    rows = Silence.objects.using(alias).filter(until__gt=timezone.now())
    silences = tuple({"pattern": s.pattern, "host": s.host, "until": seconds_of(s.until)} for s in rows)
    with place.locked("state", LOCK) as ours:
        state = states.load(place)
        if ours and silences != state.silences:
            states.save(place, replace(state, silences=silences))
