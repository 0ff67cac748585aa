"""State: what alerting remembers between two runs, in one small file beside the spool.

The file is written after the run is in the spool. Where a writer was killed in between, the spool knows better: each
run carries the state that follows from it, and its number tells whether the file has that. Before such a run leaves
the spool, the file is written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from health_cli.history import spool
from health_cli.history.alerts import Memory
from health_cli.history.last import has_last, settle_last
from health_cli.history.place import Place, read_json, write_whole

LOCK = 1.0  # seconds to wait for another process that writes the state


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is remembered after the run of this number, which was recorded under this name of the host.

    `checks` has a Memory a check, `notices` what is still to be told and to whom not any more, `heard` the channels
    that know of each alert that is open with the severity that they know, `silences` those of the record when it was
    last reached, and `setting` what the settings said about recording when they could be read.
    """

    serial: int = 0
    host: str = ""
    checks: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Mapping[str, Any], ...] = ()
    heard: Mapping[str, Any] = field(default_factory=dict)
    silences: tuple[Mapping[str, Any], ...] = ()
    setting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def memories(self) -> dict[str, Memory]:
        """The memories of the checks."""
        return {name: Memory.from_json(data) for name, data in self.checks.items()}

    def to_json(self) -> dict[str, Any]:
        """Write it for the file."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        """Read what `to_json` wrote; ValueError where it is not that."""
        try:
            state = cls(**{**data, "notices": tuple(data["notices"]), "silences": tuple(data["silences"])})
            rows = (*state.notices, *state.silences, state.setting, state.heard, *state.heard.values())
            if all(isinstance(row, Mapping) for row in rows) and state.serial >= 0:
                state.memories  # noqa: B018  # what can't be read is no state
                return state
        except (TypeError, KeyError, AttributeError):
            pass
        raise ValueError("another version of health-cli wrote it")


def load(place: Place) -> State:
    """Return the state: an empty one where there is none yet, or a damaged one. OSError where it can't be read."""
    state = _written(place)
    newer = spool.newer(place, state.serial)
    if not newer:
        return state
    notices = (*state.notices, *(notice for run in newer for notice in run.state["notices"]))
    last = newer[-1]
    known, heard = last.state["checks"], last.state.get("heard", state.heard)
    return replace(state, serial=last.serial, host=last.report["host"], checks=known, notices=notices, heard=heard)


def save(place: Place, state: State) -> None:
    """Write the state, for who has its lock; OSError."""
    write_whole(place.state, json.dumps(state.to_json(), allow_nan=False))


def settle(place: Place, run: spool.SpooledRun) -> bool:
    """Write what follows from a run that waits, if its writer was killed before; False where another has the lock."""
    if run.serial <= _written(place).serial and has_last(place, run):
        return True
    with place.locked("state", LOCK) as ours:
        if ours:
            state = load(place)
            save(place, state)
            settle_last(place, run, state.setting)
        return ours


def damaged(place: Place) -> Path | None:
    """Move a file that can't be understood aside, and return its new place; for who has the lock."""
    try:
        _read(place)
    except ValueError:
        return spool.set_aside(place, place.state)
    return None


def _written(place: Place) -> State:
    try:
        return _read(place)
    except ValueError:
        return State()


def _read(place: Place) -> State:
    """Return what the file holds; ValueError, OSError."""
    data = read_json(place.state)
    return State() if data is None else State.from_json(data)
