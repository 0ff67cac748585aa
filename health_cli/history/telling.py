"""Telling: hands what a run has to tell to the channels, each notice to each of them once.

A channel that fails is tried again by the next recorded run. What has been told is written down after it was, so that
nothing is lost: who is killed in between tells it twice, under the same id.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from health_cli.core.registry import matches
from health_cli.history import state as states
from health_cli.history.channels import ChannelError, label, send
from health_cli.history.channels.message import Notice, Turn, from_json
from health_cli.history.child import Say
from health_cli.history.place import Place

MOST = 50  # notices that wait; with more than that the oldest are given up
LOCK = 1.0  # seconds to wait for another process that writes the state


def tell(place: Place, channels: Sequence[Mapping[str, Any]], until: float, say: Say) -> None:
    """Tell what waits, oldest first, until a moment of the monotonic clock; what a channel refuses is said."""
    failed: set[str] = set()
    for waiting in states.load(place).notices:
        notice = from_json(waiting)
        for channel in channels:
            name, left = label(channel), until - time.monotonic()
            if name in failed or name in waiting["told"] or left <= 0:
                continue
            try:
                send(_heard(notice, states.load(place).silences), channel, timeout=left)
            except ChannelError as error:
                failed.add(name)
                say(f"not told, and tried again at the next recorded run: {error}")
            else:
                _told(place, notice.id, name)
    _drop(place, [label(channel) for channel in channels], say)


def _heard(notice: Notice, silences: Sequence[Mapping[str, Any]]) -> Notice:
    """Return the notice without what somebody has silenced."""
    return notice._replace(turns=tuple(turn for turn in notice.turns if not silenced(turn, silences, time.time())))


def silenced(turn: Turn, silences: Sequence[Mapping[str, Any]], now: float) -> bool:
    """Tell whether somebody wants to hear nothing of a check now."""
    return any(
        now < silence["until"] and silence["host"] in {"", turn.host} and matches(turn.check, silence["pattern"])
        for silence in silences
    )


def _told(place: Place, notice: str, channel: str) -> None:
    """Write down that a channel was told."""
    _change(place, lambda row: {**row, "told": [*row["told"], channel]} if row["id"] == notice else row)


def _drop(place: Place, channels: Sequence[str], say: Say) -> None:
    """Forget what all channels were told, and the oldest of too many."""
    _change(place, lambda row: None if set(channels) <= set(row["told"]) else row)
    waiting = states.load(place).notices
    for row in waiting[: max(0, len(waiting) - MOST)]:
        say(f"what happened at {time.strftime('%Y-%m-%d %H:%M', time.gmtime(row['at']))} UTC was told in part or not")
        _change(place, lambda other, lost=row["id"]: None if other["id"] == lost else other)


def _change(place: Place, each: Any) -> None:
    """Write the notices anew, under the lock of the state; OSError."""
    with place.locked("state", LOCK):
        state = states.load(place)
        rows = [each(dict(row)) for row in state.notices]
        changed = tuple(row for row in rows if row is not None)
        if changed != state.notices:
            states.save(place, replace(state, notices=changed))
