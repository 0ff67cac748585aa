"""Survey: what one round of questions to the broker and its workers brought."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MUTE = "mute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One worker that answered. Times are in seconds; None is what it did not tell.

    `clock_offset` is its clock less ours; `oldest_active` the age of the task that runs the longest.
    `time_limit` ends a task of it. `children` are the states of its pool's processes where they run on this
    host, by pid.
    """

    name: str
    response_time: float = 0.0
    pool: str = ""
    slots: int | None = None
    autoscaled: bool = False
    processes: int | None = None
    active: int | None = None
    reserved: int | None = None
    scheduled: int | None = None
    oldest_active: float | None = None
    time_limit: float | None = None
    clock_offset: float | None = None
    queues: tuple[str, ...] | None = None
    uptime: float | None = None
    replies: int = 1
    children: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The row of the result's data."""
        given = {name: value for name, value in asdict(self).items() if value not in (None, {}, "")}
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in given.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """One queue. `waiting` are its tasks that no worker has taken, `consumers` the workers that read it.

    Where these can't be known, `why_no_consumers` says why. `oldest_waiting` is the age in seconds of the
    task that is next; `why_no_age` says why there is none.
    """

    exists: bool
    waiting: int
    consumers: int | None
    why_no_consumers: str = ""
    oldest_waiting: float | None = None
    why_no_age: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The workers that answered, those that are connected and did not, and the queues.

    `how` says how it was known when all had answered: `counted` (Redis told how many heard the question),
    `consumers` (every consumer of the known queues has answered), or `quiet` (nobody spoke for a while);
    `mute` where no worker can be asked.
    """

    how: str
    nodes: tuple[Node, ...] = ()
    silent: int = 0
    suspects: tuple[str, ...] = ()
    queues: Mapping[str, QueueState] = field(default_factory=dict)
