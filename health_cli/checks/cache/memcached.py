"""cache:ALIAS on Memcached."""

from dataclasses import dataclass, field

from health_cli.checks.cache.base import ROUNDTRIP_TIME, Cache
from health_cli.checks.cache.memcached_client import Server, ask
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.units import humanize

METRICS = (
    ROUNDTRIP_TIME,
    metric("used_memory_percent", "%", help="Memory of the limit. No default threshold: a full cache is normal."),
    metric("used_memory", "B", help="Bytes of the stored items."),
    metric("keys", help="Items stored now."),
    metric("hit_ratio", "%", help="Hits of all look-ups since the server's start."),
    metric("evictions", "c", help="Items thrown out for want of room since the start."),
    metric("connections", help="Connections open now, ours among them."),
)


@dataclass(frozen=True, kw_only=True)
class Memcached(Cache):
    """A Memcached server or several: write, read and delete on each, and their counters together.

    It speaks the text protocol itself, so it does not matter which client library the project uses.
    The round trip is that of the slowest server; a single dead one is critical.
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)

    def gather(self) -> Measurement:
        """Ask every server."""
        limit = min(2.0, self.timeout * 0.4)
        return measure([ask(location, limit) for location in self.locations or ("127.0.0.1:11211",)])

    def judge(self, measurement: Measurement) -> Result:
        """Judge the round trip."""
        trip = humanize(measurement.values["roundtrip_time"], "s")
        servers = len(measurement.facts["servers"])
        name = "Memcached" if servers == 1 else f"{servers} Memcached servers"
        version = f"{name} {measurement.facts['servers'][0]['version']}"
        return self.result(measurement, summary=f"{version}, write and read {trip}")


def measure(servers: list[Server]) -> Measurement:
    """Add the servers' counters up."""

    def total(name: str) -> int:
        return sum(int(server.stats.get(name, 0)) for server in servers)

    lookups, room = total("get_hits") + total("get_misses"), total("limit_maxbytes")
    values: dict[str, float] = {
        "roundtrip_time": max(server.roundtrip for server in servers),
        "used_memory": total("bytes"),
        "keys": total("curr_items"),
        "evictions": total("evictions"),
        "connections": total("curr_connections"),
    }
    missing = {}
    if lookups:
        values["hit_ratio"] = round(100 * total("get_hits") / lookups, 2)
    else:
        missing["hit_ratio"] = "no look-ups yet"
    if room:
        values["used_memory_percent"] = round(100 * total("bytes") / room, 2)
    facts = [
        {"location": s.location, "version": s.stats.get("version", ""), "uptime": int(s.stats.get("uptime", 0))}
        for s in servers
    ]
    return Measurement(values=values, missing=missing, facts={"servers": facts, "hit_ratio_since": "server start"})
