"""celery.workers: do the workers answer, and can they work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.celery.base import CELERY, CeleryCheck
from health_cli.checks.celery.survey import MUTE, Survey
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.registry import load_client
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

METRICS = (
    metric("workers", help="Workers that answered."),
    metric("silent", help="Workers that are connected to the broker and did not answer in time."),
    metric("response_time", "s", help="Time that the slowest of those that answered took. It is that of the main "
           "process, not of a task."),
    metric("slots", help="Tasks that all workers together can run at once."),
    metric("busy_percent", "%", help="Slots with a task in them."),
    metric("active", help="Tasks that run now."),
    metric("reserved", help="Tasks that workers have taken and not begun: no queue shows them any more."),
    metric("scheduled", help="Tasks that workers hold back for their ETA."),
    metric("oldest_active", "s", help="Age of the task that runs the longest."),
    metric(
        "clock_offset", "s", warning="2", critical="30",
        hint="Run NTP on both hosts: with wrong clocks ETA, countdown and expiry go wrong.",
        help="The largest difference between a worker's clock and ours. Celery itself warns from 16 s on; an ETA is "
        "off by as much from the first second.",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Workers(CeleryCheck):
    """The workers: who answers, who is connected and silent, and who answers but can't work.

    It ends as soon as the last worker has answered. How many there are is known from the broker: Redis
    counts who hears the question, RabbitMQ counts the consumers of the queues. Where neither is known, a
    quarter of a second without a word ends it. A worker that is silent is named where the broker knows
    its name (on RabbitMQ by the management API). A solo worker is silent while it runs a task.

    An answer comes from a worker's main process, so more is looked at: a pool whose slots have all been
    taken for longer than `stuck_after` seconds and their time limit, processes of the pool that are stopped
    or dead (where they run on this host, Linux), a pool with fewer processes than it should have, a worker
    that reads no queue, two workers with one name, and the workers' clocks.

    `expected` names workers that must answer, as `celery inspect ping` prints them. A silent one is waited
    for one second. Where the pools are solo, say so with `solo`: then it is a warning, however many are silent.

    Redis needs the ACL of Celery itself: the same commands and keys, and `&*` for its channels.
    """

    name: str = "celery.workers"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    expected: tuple[str, ...] = ()
    solo: bool = False
    stuck_after: float = 900.0

    def gather(self) -> Measurement:
        """Ask all workers, or take what another check of this run was told."""
        survey = survey_of(self)
        if survey.how == MUTE:
            raise Failure(
                Kind.MISCONFIGURED,
                "The workers can't be asked: worker_enable_remote_control is off, or the broker can't broadcast.",
                summary="remote control is off", hint="Turn it on, or leave celery.workers out with SKIP.",
                status=Status.UNKNOWN,
            )  # fmt: skip
        values, missing = measure(survey)
        facts = {
            "workers": [node.to_json() for node in survey.nodes],
            "suspects": list(survey.suspects),
            "all_known_by": survey.how,
        }
        return Measurement(values=values, missing=missing, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Say who is missing, and who can't work."""
        facts, values = measurement.facts, measurement.values
        findings = [
            *_silence(int(values["workers"]), int(values["silent"]), facts["suspects"], solo=self.solo),
            *_absent(
                self.expected, [row["name"] for row in facts["workers"]], _certain(facts["suspects"], values["silent"])
            ),
            *(finding for row in facts["workers"] for finding in trouble(row, self.stuck_after)),
        ]
        return self.result(measurement, summary=_summary(values), findings=findings)


def survey_of(check: CeleryCheck) -> Survey:
    """Return what the workers and queues of a check's project said in this run."""
    app = check.project.app
    client = load_client("health_cli.checks.celery.survey_client", CELERY)
    project = check.project
    survey: Survey = project.survey(
        lambda: client.survey(app, project.queues, limit=check.timeout, management=project.management)
    )
    return survey


def measure(survey: Survey) -> tuple[dict[str, float], dict[str, str]]:
    """Return the sums over all workers that answered; what none of them told is missing."""
    nodes = survey.nodes
    values: dict[str, float] = {"workers": len(nodes), "silent": survey.silent}
    missing: dict[str, str] = {}
    for name, fold in _FOLDS.items():
        known = [abs(number) for node in nodes if (number := getattr(node, name)) is not None]
        if known:
            values[name] = fold(known)
        else:
            missing[name] = _WHY.get(name, "no worker told") if nodes else "no worker answered"
    if values.get("slots") and "active" in values:
        values["busy_percent"] = round(100 * values["active"] / values["slots"], 1)
    else:
        missing["busy_percent"] = missing.get("slots", "no worker told")
    return values, missing


_FOLDS: Mapping[str, Callable[[list[float]], float]] = {
    "response_time": max,
    "oldest_active": max,
    "clock_offset": max,
    "slots": sum,
    "active": sum,
    "reserved": sum,
    "scheduled": sum,
}
_WHY = {
    "oldest_active": "no task runs",
    "clock_offset": "no worker sent a heartbeat event (--without-heartbeat)",
}


def _summary(values: Mapping[str, float]) -> str:
    count = int(values["workers"])
    parts = [f"{count} worker{'s' if count != 1 else ''}"]
    if "response_time" in values:
        parts.append(f"slowest answer {humanize(values['response_time'], 's')}")
    if "active" in values and "slots" in values:
        parts.append(f"{values['active']:.0f} of {values['slots']:.0f} slots busy")
    return ", ".join(parts)


def _silence(answered: int, silent: int, suspects: Sequence[str], *, solo: bool = False) -> Iterator[Finding]:
    """Nobody there at all, or some who are connected and do not answer."""
    if not answered and not silent:
        gone = f" (it knew {_some(suspects)})" if suspects else ""
        yield Finding(
            status=Status.CRITICAL,
            kind=Kind.MISSING,
            summary="no worker online",
            message=f"No worker is connected to the broker{gone}: tasks are queued and none is run",
            hint="Start one: celery -A PROJECT worker. If it runs, does it use the same broker and database number?",
        )
    elif silent:
        few = answered < silent and not solo
        among = "one of " if len(suspects) > silent else ""
        named = f": {among}{_some(suspects)}" if suspects else ""
        yield Finding(
            status=Status.CRITICAL if few else Status.WARNING,
            kind=Kind.TIMEOUT,
            summary=f"{silent} of {answered + silent} workers silent{named}",
            message=f"{silent} of {answered + silent} workers are connected to the broker and do not answer{named}",
            hint="Its main process hangs or is stopped (see its log, py-spy dump); a solo worker is silent while it "
            "runs a task. On RabbitMQ, RABBITMQ_MANAGEMENT tells its name.",
        )


def _some(names: Sequence[str]) -> str:
    """Return the names, no more than three: those that Redis knows of workers that were killed add up."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _certain(suspects: Sequence[str], silent: float) -> Sequence[str]:
    """Return the suspects where each of them must be one of the silent: that has been said then."""
    return suspects if len(suspects) <= silent else ()


def _absent(expected: Sequence[str], names: Sequence[str], silent: Sequence[str]) -> Iterator[Finding]:
    """Those of the option `expected` that have not answered and are not known to be silent."""
    absent = [name for name in expected if name not in names and name not in silent]
    if absent:
        yield Finding(
            status=Status.WARNING if set(expected) & set(names) else Status.CRITICAL,
            kind=Kind.MISSING,
            summary=f"{', '.join(absent)} missing",
            message=f"Of the workers expected, {', '.join(absent)} did not answer; {_some(names) or 'nobody'} did",
            hint="Start it, or correct `expected` in OPTIONS: the names are those that 'celery inspect ping' prints.",
        )


def trouble(row: Mapping[str, Any], stuck_after: float) -> Iterator[Finding]:
    """Yield what keeps a worker that answers from working."""
    yield from _children(row)
    yield from _stuck(row, stuck_after)
    if row.get("queues") == ():
        yield Finding(
            status=Status.WARNING,
            kind=Kind.MISCONFIGURED,
            summary=f"{row['name']} reads no queue",
            message=f"Worker {row['name']} answers and reads no queue: its consumers have been cancelled",
            hint=f"celery -A PROJECT control add_consumer QUEUE -d {row['name']}, or start it again.",
        )
    if row.get("replies", 1) > 1:
        yield Finding(
            status=Status.WARNING,
            kind=Kind.MISCONFIGURED,
            summary=f"{row['replies']} workers named {row['name']}",
            message=f"{row['replies']} workers have the same name, {row['name']}: what is said of it is of any of them",
            hint="Give each a name of its own: celery worker -n NAME@%h.",
        )


def _stuck(row: Mapping[str, Any], stuck_after: float) -> Iterator[Finding]:
    """All slots taken, the oldest task for too long, and nothing can begin meanwhile."""
    slots, active, oldest = row.get("slots"), row.get("active"), row.get("oldest_active")
    limit = max(stuck_after, row.get("time_limit") or 0)
    if slots and active is not None and active >= slots and oldest is not None and oldest > limit:
        reserved = row.get("reserved") or 0
        behind = f", and {reserved} more wait in it" if reserved else ""
        yield Finding(
            status=Status.WARNING,
            kind=Kind.FULL,
            summary=f"{row['name']} stuck for {humanize(oldest, 's')}",
            message=f"All {slots} slots of worker {row['name']} are taken, one for {humanize(oldest, 's')}{behind}",
            hint="See what its tasks wait for (celery inspect active, py-spy dump); give tasks a time limit.",
        )


def _children(row: Mapping[str, Any]) -> Iterator[Finding]:
    """Processes of the pool that are stopped or dead, and fewer than there should be."""
    bad = row.get("children") or {}
    if bad:
        states = ", ".join(f"{pid} {state}" for pid, state in sorted(bad.items()))
        yield Finding(
            status=Status.CRITICAL if len(bad) >= (row.get("processes") or 0) else Status.WARNING,
            kind=Kind.MISSING,
            summary=f"{len(bad)} of {row['processes']} pool processes of {row['name']} not working",
            message=f"Worker {row['name']} answers, but of its pool's {row['processes']} processes {states}",
            hint="Start the worker again; its log and dmesg (out of memory?) say what ended them.",
        )
    elif (
        row.get("pool") == "prefork"
        and not row.get("autoscaled")
        and row.get("processes")
        and row["processes"] < (row.get("slots") or 0)
    ):
        yield Finding(
            status=Status.WARNING,
            kind=Kind.MISSING,
            summary=f"{row['name']} has {row['processes']} of {row['slots']} processes",
            message=f"The pool of worker {row['name']} has {row['processes']} processes instead of {row['slots']}",
            hint="Unless pool_shrink took them: it can't start new ones. Are memory or processes (ulimit -u) used up?",
        )
