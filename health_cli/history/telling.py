"""Telling: hands what a run has to tell to the channels, each notice to each of them once.

The channels are told side by side, so that one that is frozen takes nobody's time but its own. One that fails is tried
again by the next recorded run. What has been told is written down after it was, so that nothing is lost: who is killed
in between tells it twice, under the same id.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches
from health_cli.history import state as states
from health_cli.history.channels import label, send
from health_cli.history.channels.error import ChannelError
from health_cli.history.channels.message import Notice, Turn, from_json
from health_cli.history.child import Say
from health_cli.history.place import Place
from health_cli.history.state import State

MOST = 50  # notices that wait; with more than that the oldest are given up
Channel = Mapping[str, Any]
Told = Callable[[str, str], None]  # takes down that the notice of this id was told to the channel of this label


def tell(place: Place, channels: Sequence[Channel], until: float, say: Say) -> None:
    """Tell what waits, oldest first, until a moment of the monotonic clock; what a channel refuses is said.

    OSError where it can't be written down that it was told.
    """
    if not states.load(place).notices:
        return
    with place.locked("tell", until - time.monotonic()) as ours:
        if ours:
            _tell_all(states.load(place), channels, until, say, lambda notice, name: _told(place, notice, name))
            _drop(place, [label(channel) for channel in channels], say)


def tell_once(state: State, channels: Sequence[Channel], until: float, say: Say) -> None:
    """Tell the notices of a state that could be written nowhere: what a channel refuses is lost, and said."""
    _tell_all(state, channels, until, say, lambda notice, name: None)


def _tell_all(state: State, channels: Sequence[Channel], until: float, say: Say, told: Told) -> None:
    """Tell all channels at the same time."""
    threads = [
        threading.Thread(target=_tell_safely, args=(state, channel, until, say, told), daemon=True)
        for channel in channels
        if any(label(channel) not in row["told"] for row in state.notices)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _tell_safely(state: State, channel: Channel, until: float, say: Say, told: Told) -> None:
    outcome = attempt(lambda: _tell(state, channel, until, told))
    if isinstance(outcome, Crash):
        reason = outcome.text if isinstance(outcome.error, ChannelError) else f"{label(channel)}: {outcome.text}"
        say(f"not told, and tried again at the next recorded run: {reason}")


def _tell(state: State, channel: Channel, until: float, told: Told) -> None:
    """Tell one channel all that waits for it; ChannelError at the first that it refuses."""
    name = label(channel)
    for row in state.notices:
        left = until - time.monotonic()
        if name not in row["told"] and left > 0:
            send(_heard(from_json(row), state.silences), channel, timeout=left)
            told(row["id"], name)


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
    """Write the notices anew under the lock of the state; OSError where that can't be done."""
    with place.locked("state", states.LOCK) as ours:
        if not ours:
            raise TimeoutError("another process holds the lock of the state")
        state = states.load(place)
        rows = [each(dict(row)) for row in state.notices]
        changed = tuple(row for row in rows if row is not None)
        if changed != state.notices:
            states.save(place, replace(state, notices=changed))
