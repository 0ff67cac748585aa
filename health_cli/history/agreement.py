"""Agreement: brings what people did in the record, silences and alerts that they ended, into the state on this host.

There it is known while the database is down.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils import timezone

from health_cli.history import spool
from health_cli.history import state as states
from health_cli.history.alerts import forgotten
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
    """Forget the alerts that somebody has ended in the record; OSError where the state can't be written.

    A run that waits, or came meanwhile, knows of alerts that the record can't have yet: then none is forgotten.
    """
    before = states.load(place).serial
    ended = _ended_here(place, alias)
    with place.locked("state", states.LOCK) as ours:
        state = states.load(place)
        checks = _without_ended(state, ended)
        if ours and state.serial == before and not spool.pending(place) and checks != state.checks:
            states.save(place, replace(state, checks=checks))


def silences(alias: str) -> tuple[Mapping[str, Any], ...]:
    """Return what somebody wants to hear nothing of now, as the state has it."""
    rows = Silence.objects.using(alias).filter(until__gt=timezone.now())
    return tuple({"pattern": s.pattern, "host": s.host, "until": seconds_of(s.until)} for s in rows)


def _ended_here(place: Place, alias: str) -> set[str]:
    state = states.load(place)
    host = fitting(state.host, HOST)
    alerts = {name: memory.alert for name, memory in state.memories.items() if memory.alert}
    there = set(SystemAlert.objects.using(alias).filter(host=host, resolved=False).values_list("alert_type", flat=True))
    return ended_by_hand({n: a for n, a in alerts.items() if fitting(n, CHECK) not in there}, host, alias)


def _without_ended(state: states.State, ended: set[str]) -> dict[str, Any]:
    return {
        name: forgotten(memory).to_json() if name in ended else memory.to_json()
        for name, memory in state.memories.items()
    }
