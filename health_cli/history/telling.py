"""Telling: hands what a run has to tell to the channels, each notice to each of them once.

The channels are told side by side, so that one that is frozen takes nobody's time but its own. One that fails is tried
again by the next recorded run. What has been told is written down after it was, so that nothing is lost: who is killed
in between tells it twice, under the same id. It is written down too which channel knows of which alert, and how bad
it is: what opened or grew worse in silence is told when the silence is over, and the end of an alert, even in silence,
to those that heard of it.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from health_cli.core.guard import Crash, attempt
from health_cli.core.names import matches
from health_cli.history import state as states
from health_cli.history.alerts import turn_of
from health_cli.history.channels import label, send, wanted
from health_cli.history.channels.error import ChannelError
from health_cli.history.channels.message import Notice, Turn, from_json
from health_cli.history.child import Say
from health_cli.history.place import Place
from health_cli.history.state import State

MOST = 50  # notices that wait; with more than that the oldest are given up
Channel = Mapping[str, Any]
FLAPPING = "flapping"
Heard = dict[str, str]  # check -> severity, or that it flaps: the alerts that a channel knows of
Told = Callable[[str, str, Heard], None]  # takes down a notice's id, a channel's label, and what that knows of now


class News(NamedTuple):
    """What there is to tell until a moment of the monotonic clock.

    `late` has all open alerts, for channels that do not know of them; it is None where nobody knows what they know.
    """

    state: State
    late: Notice | None
    until: float


def tell(place: Place, channels: Sequence[Channel], until: float, say: Say) -> None:
    """Tell what waits, oldest first, until a moment of the monotonic clock; what a channel refuses is said.

    Without channels nothing is told later either. OSError where it can't be written down that it was told.
    """
    state, names = states.load(place), [label(channel) for channel in channels]
    if not any(_waits(state, channel) for channel in channels):
        if any(_is_told(row, names) for row in state.notices):  # without channels too, or by who was killed after it
            _drop(place, names, say)
        return
    with place.locked("tell", until - time.monotonic()) as ours:
        if ours:
            state = states.load(place)
            news = News(state, _late(state, place.project), until)
            _tell_all(news, channels, say, lambda *what: _told(place, *what))
            _drop(place, names, say)


def tell_once(state: State, channels: Sequence[Channel], until: float, say: Say) -> None:
    """Tell the notices of a state that could be written nowhere: what a channel refuses is lost, and said."""
    _tell_all(News(state, None, until), channels, say, lambda *what: None)


def tell_a_test(channel: Channel, *, host: str, project: str, by: str, timeout: float) -> None:
    """Tell a channel that this is a test, whatever it wants to hear of otherwise; ChannelError where it refuses."""
    now = time.time()
    text = f"{by} asked for it: whoever reads this hears of alerts too."
    turn = Turn("test", "alerts", host, "warning", "healthy", "", text, "", since=now, at=now)
    everything = {key: value for key, value in channel.items() if key not in {"severity", "checks"}}
    send(Notice(str(uuid.uuid4()), host, project, now, (turn,)), everything, timeout=timeout)


def _waits(state: State, channel: Channel) -> bool:
    """Tell whether there may be something to tell a channel, or to forget of it."""
    name, alerts = label(channel), {check: memory.alert for check, memory in state.memories.items()}
    opened = {check: FLAPPING if alert.flapping else alert.worst for check, alert in alerts.items() if alert}
    return opened != _heard(state, name) or any(name not in row["told"] for row in state.notices)


def _is_told(row: Mapping[str, Any], channels: Sequence[str]) -> bool:
    """Tell whether all channels, by their labels, have got a notice, or want nothing of it."""
    return set(channels) <= set(row["told"])


def _late(state: State, project: str) -> Notice:
    """Return all alerts that are open: what of them a channel does not know was silenced, or before its time."""
    host, now = state.host, time.time()
    alerts = [(check, memory.alert) for check, memory in sorted(state.memories.items()) if memory.alert]
    turns = (turn_of(FLAPPING if a.flapping else "opened", check, a, host, now) for check, a in alerts)
    return Notice("", host, project, now, tuple(turns))


def _tell_all(news: News, channels: Sequence[Channel], say: Say, told: Told) -> None:
    """Tell all channels at the same time."""
    threads = [
        threading.Thread(target=_tell_safely, args=(news, channel, say, told), daemon=True) for channel in channels
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, news.until - time.monotonic()))


def _tell_safely(news: News, channel: Channel, say: Say, told: Told) -> None:
    outcome = attempt(lambda: _tell(news, channel, told))
    if isinstance(outcome, Crash):
        where = "" if isinstance(outcome.error, ChannelError) else f"{label(channel).partition('#')[0]}: "
        again = "tried again at the next recorded run" if news.late else "lost"
        say(f"not told, and {again}: {where}{outcome.text}")


def _tell(news: News, channel: Channel, told: Told) -> None:
    """Tell one channel all that waits for it, and then what is late; ChannelError at the first that it refuses.

    It hears nothing of what is silenced but the end of what it has heard of, and of no other end.
    """
    name, late = label(channel), news.late
    heard = _heard(news.state, name)
    for row in news.state.notices:
        if name in row["told"] or time.monotonic() >= news.until:
            continue
        notice = from_json(row)
        turns = [turn for turn in notice.turns if late is None or turn.what != "resolved" or turn.check in heard]
        sent = _send(notice._replace(turns=tuple(turns)), channel, news)
        over = {turn.check for turn in notice.turns if turn.what == "resolved"}
        heard = {check: how for check, how in heard.items() if check not in over} | _severities(sent)
        told(notice.id, name, heard)
    unheard = tuple(_unheard(late.turns, heard)) if late else ()
    if late and unheard and time.monotonic() < news.until:
        known = f"{name} {[(turn.check, turn.since, turn.severity) for turn in unheard]}"
        named = late._replace(id=str(uuid.uuid5(uuid.NAMESPACE_URL, known)), turns=unheard)
        if sent := _send(named, channel, news):
            told(named.id, name, heard | _severities(sent))


def _severities(turns: Sequence[Turn]) -> Heard:
    said = (
        (turn.check, FLAPPING if turn.what == FLAPPING else turn.severity) for turn in turns if turn.what != "resolved"
    )
    return dict(said)


def _unheard(turns: Sequence[Turn], heard: Heard) -> Iterator[Turn]:
    """Yield what of the open alerts a channel does not know: that they are there, flap or not, or grew worse."""
    for turn in turns:
        known = heard.get(turn.check)
        if known is None or (turn.what == FLAPPING) != (known == FLAPPING):
            yield turn
        elif turn.what == "opened" and known != turn.severity == "critical":
            yield turn._replace(what="escalated")


def _send(notice: Notice, channel: Channel, news: News) -> tuple[Turn, ...]:
    """Send what of a notice a channel wants and nobody has silenced; return that."""
    ends = {turn for turn in notice.turns if turn.what == "resolved" and news.late}
    loud = tuple(t for t in notice.turns if t in ends or not silenced(t, news.state.silences, time.time()))
    said = wanted(notice._replace(turns=loud), channel)
    send(said, channel, timeout=news.until - time.monotonic())
    return said.turns


def _heard(state: State, name: str) -> Heard:
    """Return the checks of whose alerts a channel knows, each with the severity that it was told."""
    return {check: names[name] for check, names in state.heard.items() if name in names}


def silenced(turn: Turn, silences: Sequence[Mapping[str, Any]], now: float) -> bool:
    """Tell whether somebody wants to hear nothing of a check now."""
    return any(
        now < silence["until"] and silence["host"] in {"", turn.host} and matches(turn.check, silence["pattern"])
        for silence in silences
    )


def _told(place: Place, notice: str, channel: str, heard: Heard) -> None:
    """Write down that a channel was told, and of which alerts it knows."""

    def change(state: State) -> State:
        rows = tuple({**r, "told": [*r["told"], channel]} if r["id"] == notice else r for r in state.notices)
        every = {c: {n: how for n, how in names.items() if n != channel} for c, names in state.heard.items()}
        for check, how in heard.items():
            every[check] = {**every.get(check, {}), channel: how}
        return replace(state, notices=rows, heard={check: names for check, names in every.items() if names})

    _change(place, change)


def _drop(place: Place, channels: Sequence[str], say: Say) -> None:
    """Forget what all channels were told, who knows of alerts that are over, and the oldest of too many notices."""

    def change(state: State) -> State:
        waiting = [row for row in state.notices if not _is_told(row, channels)]
        for row in waiting[:-MOST]:
            at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(row["at"]))
            say(f"what happened at {at} UTC was told in part or not")
        ending = {turn["check"] for row in waiting for turn in row["turns"]}
        known = {check for check, memory in state.memories.items() if memory.alert} | ending
        heard = {check: names for check, names in state.heard.items() if check in known}
        return replace(state, notices=tuple(waiting[-MOST:]), heard=heard)

    _change(place, change)


def _change(place: Place, change: Callable[[State], State]) -> None:
    """Write the state anew under its lock; OSError where that can't be done."""
    with place.locked("state", states.LOCK) as ours:
        if not ours:
            raise TimeoutError("another process holds the lock of the state")
        before = states.load(place)
        after = change(before)
        if after != before:
            states.save(place, after)
