"""cache:ALIAS on Redis, Valkey and their relatives."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from health_cli.checks.cache.base import ROUNDTRIP_TIME, Cache
from health_cli.core.check import Requirement
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

_MEMORY_HINT = "Raise maxmemory, choose an eviction policy if it is a pure cache, or find keys that never expire."

METRICS = (
    metric(
        "ping_time", "s", warning="0.05", critical="0.5",
        hint="A blocking command, a fork or swapping: see SLOWLOG GET and latest_fork_usec in INFO.",
        help="Time of one PING on an open connection. A LAN takes 0.1 to 1 ms.",
    ),
    ROUNDTRIP_TIME,
    metric("connect_time", "s", help="Time to connect and log in, the first PING included."),
    metric("used_memory", "B", help="Memory that the data and its structures take."),
    metric("maxmemory", "B", help="The limit; null where there is none."),
    metric(
        "used_memory_percent", "%", warning="80", critical="95", hint=_MEMORY_HINT,
        help="Memory of maxmemory. The defaults (80: Percona's panels) count only under the policy "
        "noeviction, where writes fail at 100 %; a cache that evicts is full as a rule.",
    ),
    metric(
        "system_memory_percent", "%", warning="75", critical="90",
        hint="Without maxmemory the kernel kills it in the end: set maxmemory.",
        help="Resident memory of the machine's. The defaults count only without maxmemory.",
    ),
    metric("fragmentation_ratio", help="Resident memory over used memory; says little below 100 MB."),
    metric("hit_ratio", "%", help="Hits of all look-ups; server-wide, over all its databases and clients."),
    metric("keys", help="Keys in the alias' database."),
    metric("keys_with_expiry", help="Those of them that will expire."),
    metric("evicted_keys", "c", help="Keys thrown out for want of memory since the server's start."),
    metric("expired_keys", "c", help="Keys that expired since the server's start."),
    metric("rejected_connections", "c", help="Connections refused at maxclients since the server's start."),
    metric(
        "clients_percent", "%", warning="80", critical="95",
        hint="CLIENT LIST shows who holds them; close what leaks, or raise maxclients.",
        help="Connections of maxclients.",
    ),
    metric("clients", help="Connections open now, ours among them."),
    metric("blocked_clients", help="Clients that wait in a blocking command, such as Celery's workers."),
    metric("slow_log", help="Entries in the slow log now."),
    metric("replicas", help="Replicas that are connected."),
    metric("uptime", "s", help="Time since the server's start."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Redis(Cache):
    """A Redis server: does it answer, take writes and keep them, how full is it, who waits.

    A random key is written with an expiry, read back and deleted: PING and reads still work on a server
    that is out of memory, read-only or can't save. With several servers in LOCATION the first is written
    to, as Django does, and each of the others must answer too.

    The hit ratio is that since the server's start; `hit_ratio_since` in the data says so.

    An ACL needs: +ping +select +info +slowlog|len +set +get +del ~health-cli:*
    """

    metrics: tuple[Metric, ...] = field(default=METRICS)

    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("redis", "redis"),)

    def gather(self) -> Measurement:
        """Connect, make the round trip, and read INFO."""
        client = load_client("health_cli.checks.cache.redis_client", self.requires[0])
        measurement: Measurement = client.gather(self)
        return measurement

    def judge(self, measurement: Measurement) -> Result:
        """Judge by thresholds that fit the server's policy, and by what it says of itself."""
        facts, values = measurement.facts, measurement.values
        fitted = replace(self, metrics=tuple(_fit(m, facts) for m in self.metrics))
        findings = [*trouble(facts), *persistence(facts), *_replication(facts)]
        summary = f"{facts['flavour']} {facts['version']}".strip()
        if "ping_time" in values:
            summary += f", ping {humanize(values['ping_time'], 's')}"
        if "used_memory" in values:
            summary += f", {humanize(values['used_memory'], 'B')} used"
        return fitted.result(measurement, summary=summary, findings=findings)


def _fit(item: Metric, facts: Mapping[str, Any]) -> Metric:
    """Drop a default threshold where the server's settings make it meaningless."""
    evicts = facts.get("maxmemory_policy", "noeviction") != "noeviction"
    limited = facts.get("maxmemory", 0) > 0
    senseless = {"used_memory_percent": evicts, "system_memory_percent": limited}
    default = _DEFAULTS.get(item.name)
    untouched = default and item.warning is default.warning and item.critical is default.critical
    if untouched and senseless.get(item.name):
        return replace(item, warning=None, critical=None)
    return item


_DEFAULTS = {m.name: m for m in METRICS}


def trouble(facts: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each thing that failed while the server still answered."""
    return [
        Finding(
            status=Status.CRITICAL,
            kind=Kind(item["kind"]),
            summary=item["summary"],
            message=item["message"],
            hint=item["hint"],
        )
        for item in facts.get("failed", ())
    ]


def persistence(facts: Mapping[str, Any]) -> list[Finding]:
    """Return a finding where the last attempt to save failed."""
    failed = [
        name
        for name, key in (("RDB snapshot", "rdb_last_bgsave_status"), ("append-only file", "aof_last_write_status"))
        if facts.get(key, "ok") != "ok"
    ]
    return [
        Finding(
            status=Status.CRITICAL,
            kind=Kind.FULL,
            summary=f"{name} failed",
            message=f"The last write of the {name} failed; the next step is that Redis refuses writes",
            hint="Is the disk full, or its folder not writable for Redis? Its log says why.",
        )
        for name in failed
    ]


def _replication(facts: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for a replica that has lost its master."""
    if facts.get("master_link_status", "up") == "up":
        return []
    return [
        Finding(
            status=Status.CRITICAL,
            kind=Kind.LAGGING,
            summary="link to the master is down",
            message="This server is a replica and its link to the master is down: what it gives is old",
            hint="Is the master running, and may the replica log in there (masterauth)?",
        )
    ]
