"""Agreement: brings what people did in the record, silences and alerts that they ended, into the state on this host.

There it is known while the database is down.
"""

import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.utils import timezone

from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.alerts import forgotten, turn_of
from health_cli.history.channels.message import Notice, to_json
from health_cli.history.database import seconds_of
from health_cli.history.loading import ended_by_hand, fitting
from health_cli.history.place import Place
from health_cli.models import CHECK, HOST, Silence, SystemAlert


def take_silences(place: Place, alias: str) -> None:
    """Take the silences over; OSError where the state can't be written."""
    wanted = silences(alias)
    with place.locked("state", states.LOCK) as ours:
        state = states.load(place)
        if ours and state.silences != wanted:
            states.save(place, replace(state, silences=wanted))


def forget_ended(place: Place, alias: str) -> None:
    """Forget the alerts that somebody has ended in the record, and have that told; OSError where that can't be written.

    A run that waits, or came meanwhile, knows of alerts that the record can't have yet: then none is forgotten.
    """
    before = states.load(place).serial
    ended = _ended_here(place, alias)
    with place.locked("state", states.LOCK) as ours:
        state = states.load(place)
        ended = {name: why for name, why in ended.items() if state.memories[name].alert}
        if ours and ended and state.serial == before and not spool.pending(place):
            notices = (*state.notices, *_told_later(state, ended, place.project))
            states.save(place, replace(state, checks=_without_ended(state, ended), notices=notices))


def silences(alias: str) -> tuple[Mapping[str, Any], ...]:
    """Return what somebody wants to hear nothing of now, as the state has it."""
    rows = Silence.objects.using(alias).filter(until__gt=timezone.now())
    return tuple({"pattern": s.pattern, "host": s.host, "until": seconds_of(s.until)} for s in rows)


def _told_later(state: states.State, ended: Mapping[str, str], project: str) -> Iterator[Mapping[str, Any]]:
    """Yield the notice of these ends, where there is anybody to tell."""
    if state.setting.get("tells"):
        now, alerts = time.time(), {name: state.memories[name].alert for name in ended}
        turns = (turn_of("resolved", name, alert, state.host, now) for name, alert in alerts.items() if alert)
        whole = tuple(turn._replace(why=ended[turn.check]) for turn in turns)
        yield {**to_json(Notice(str(uuid.uuid4()), state.host, project, now, whole)), "told": []}


def _ended_here(place: Place, alias: str) -> dict[str, str]:
    state = states.load(place)
    host = fitting(state.host, HOST)
    alerts = {name: memory.alert for name, memory in state.memories.items() if memory.alert}
    there = set(SystemAlert.objects.using(alias).filter(host=host, resolved=False).values_list("alert_type", flat=True))
    return ended_by_hand({n: a for n, a in alerts.items() if fitting(n, CHECK) not in there}, host, alias)


def _without_ended(state: states.State, ended: Collection[str]) -> dict[str, Any]:
    return {
        name: forgotten(memory).to_json() if name in ended else memory.to_json()
        for name, memory in state.memories.items()
    }
