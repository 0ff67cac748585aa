"""Statistics: what is known of the requests in two windows, wherever it comes from. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from health_cli.checks.api.histogram import percentile

LIMITED = 429
# Answers of 4xx that tell of the client's state, and of no error of the API or its callers.
ORDINARY = frozenset({401, 403, 404, LIMITED})


@dataclass(slots=True)
class Endpoint:
    """The requests of one method and route: by status, their latencies, and how many were turned away."""

    statuses: Counter[int] = field(default_factory=Counter)
    limited: int = 0
    seconds: float | None = None
    latencies: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.statuses.total()

    def of_class(self, hundred: int) -> int:
        """How many were answered with a status of this class: 4 for 4xx."""
        return sum(count for status, count in self.statuses.items() if status // 100 == hundred)

    def add(self, other: "Endpoint") -> None:
        """Count the requests of another one too."""
        self.statuses += other.statuses
        self.latencies += other.latencies
        self.limited += other.limited
        if other.seconds is not None:
            self.seconds = (self.seconds or 0.0) + other.seconds


@dataclass(slots=True)
class Window:
    """The requests of some time, by endpoint. What the source can't tell is None.

    `near_limit` are the clients that are near their limit, `told_limit` those whose limit the answers tell at all.
    """

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    clients: int | None = None
    near_limit: int | None = None
    told_limit: int | None = None
    limited_clients: Mapping[str, int] | None = None
    has_latency: bool = True

    def at(self, name: str) -> Endpoint:
        """Return an endpoint, made where there is none yet."""
        return self.endpoints.setdefault(name, Endpoint())

    @property
    def total(self) -> Endpoint:
        """All endpoints as one."""
        whole = Endpoint()
        for endpoint in self.endpoints.values():
            whole.add(endpoint)
        return whole

    def percentile(self, share: float) -> float | None:
        """Return the latency in seconds below which that share of all requests is."""
        return percentile(self.total.latencies, share)


@dataclass(slots=True, kw_only=True)
class Statistics:
    """What a source tells of the last hour and the last day; `since` is from when on it knows, if that is later.

    `hours` has the requests of whole hours by their beginnings, since the epoch.
    """

    source: str
    hour: Window
    day: Window
    since: float | None = None
    hours: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def share(part: int, whole: int) -> float:
    """Return a share in percent; 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def worst(endpoints: Mapping[str, Endpoint], least: int) -> tuple[str, Endpoint] | None:
    """Return the endpoint with the greatest share of answers of 5xx, of those with enough requests."""
    asked = [(name, each) for name, each in endpoints.items() if each.requests >= least]
    return max(asked, key=lambda item: (share(item[1].of_class(5), item[1].requests), item[1].requests), default=None)


def by(endpoints: Mapping[str, Endpoint], hundred: int, most: int) -> Iterable[tuple[str, Endpoint, int]]:
    """Yield the endpoints with most answers of a class, each with how many those are."""
    counted = ((name, each, each.of_class(hundred)) for name, each in endpoints.items())
    return [item for item in sorted(counted, key=lambda item: -item[2]) if item[2]][:most]
