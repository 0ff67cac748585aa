"""State: what alerting remembers between two runs, in one small file beside the spool.

The file is written after the run is in the spool. Where a writer was killed in between, the newest run in the spool
knows better, since it carries the state that follows from it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from health_cli.history import spool
from health_cli.history.alerts import Memory
from health_cli.history.place import Place, read_json, write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is remembered after the run that began at `at`.

    `checks` has a Memory a check, `notices` what is still to be told and to whom not any more, `silences` those of the
    record when it was last reached, and `setting` what the settings said about recording when they could be read.
    """

    at: float = 0.0
    checks: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Mapping[str, Any], ...] = ()
    silences: tuple[Mapping[str, Any], ...] = ()
    setting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def memories(self) -> dict[str, Memory]:
        """The memories of the checks."""
        return {name: Memory.from_json(data) for name, data in self.checks.items()}

    def to_json(self) -> dict[str, Any]:
        """Write it for the file."""
        return {name: getattr(self, name) for name in self.__slots__}


def load(place: Place) -> State:
    """Return the state; an empty one where there is none yet, or none that can be read."""
    data = read_json(place.state)
    try:
        state = State(**data) if isinstance(data, dict) else State()
        state = replace(state, notices=tuple(state.notices), silences=tuple(state.silences))
        state.memories  # noqa: B018  # a file of another version is no state
    except TypeError:
        state = State()
    newest = spool.newest(place)
    if newest is None or newest.at <= state.at:
        return state
    return replace(
        state, at=newest.at, checks=newest.state["checks"], notices=(*state.notices, *newest.state["notices"])
    )


def save(place: Place, state: State) -> None:
    """Write the state; OSError."""
    write_whole(place.state, json.dumps(state.to_json(), allow_nan=False))
