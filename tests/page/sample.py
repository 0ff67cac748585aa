"""A record to look at: two hosts of a shop, a month of hours and a day of runs, of which one host is not well."""

import math
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from health_cli.core.assembly import iso_utc
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric, metric
from health_cli.core.report import Report
from health_cli.core.result import Result, blocked, judged
from health_cli.core.status import Status

EVERY, HOUR, DAY = 600, 3_600, 86_400
GIB = 2**30
RUNS = DAY // EVERY  # of the last day, each with its rows; hours before
BAD_SINCE = 25 * 60

Value = Callable[[float], float]  # of the seconds before the newest run


def wave(ago: float, low: float, high: float) -> float:
    """Return a value that comes and goes with the hours of the day, with some noise."""
    day = (1 - math.cos(2 * math.pi * ((ago / DAY + 0.1) % 1))) / 2
    return low + (high - low) * (0.85 * day + 0.15 * (math.sin(ago * 12.9898) * 43758.5453 % 1))


def filling(ago: float, now: float, a_day: float) -> float:
    """Return a value that grows by so much a day up to what it is now."""
    return now - a_day * ago / DAY + 0.2 * math.sin(ago / 1234)


def of_web(ago: float, ill: bool) -> Iterator[Result]:
    """Yield the results of a web server, so long before the newest run."""
    down = ill and ago < BAD_SINCE
    connect = metric("connect_time", "s", warning="1", critical="3")
    query = metric("query_time", "s", warning="100ms", critical="1")
    used = metric("connections_used_percent", "%", warning="80", critical="95")
    if down:
        yield Result(
            name="database:default",
            status=Status.CRITICAL,
            summary="refused at db1:3306",
            message="The server at db1:3306 refused the connection.",
            hint="Is it running? systemctl status mariadb",
            kind=Kind.REFUSED,
            metrics=tuple(each.measured(None, "refused") for each in (connect, query, used)),
            duration=0.004,
        )
    else:
        values = wave(ago, 0.0008, 0.003), wave(ago + HOUR, 0.0002, 0.004), wave(ago, 12, 58)
        metrics = [each.measured(value) for each, value in zip((connect, query, used), values, strict=True)]
        yield judged("database:default", metrics, summary="MariaDB 11.4.3, query 1.2 ms, 38 % of 151 connections")
    ratio = metric("hit_ratio", "%", min=0, max=100).measured(wave(ago, 91, 99))
    memory = metric("used_memory_percent", "%", warning="80", critical="90").measured(filling(ago, 61, 0.4))
    keys = metric("keys").measured(int(wave(ago, 80_000, 120_000)))
    yield judged("cache:default", [memory, ratio, keys], summary="Redis 7.2.4, 612 MiB of 1 GiB, 97.9 % hits")
    silent = 1 if ill and ago < 4 * HOUR else 0
    workers = metric("workers").measured(4 - silent)
    missing = metric("silent", warning="0", hint="Look at w3: journalctl -u celery@w3").measured(silent)
    yield judged("celery.workers", [workers, missing], summary=f"{4 - silent} workers, 32 processes")
    length = metric("length", "tasks", warning="1000", critical="5000").measured(int(wave(ago, 0, 260)))
    age = metric("oldest", "s", warning="5min", critical="1h").measured(wave(ago, 0.1, 20))
    yield judged("celery.queue:emails", [length, age], summary="118 tasks, the oldest 9.2 s")
    full = metric("used_percent", "%", warning="85", critical="95", min=0, max=100, hint="Delete old backups in /var.")
    disk = full.measured(filling(ago, 88.4 if ill else 52, 1.1))
    left = Metric(name="available", unit="B", value=(100 - (disk.value or 0)) * 2.5 * GIB)
    yield judged("host.disk:/var", [disk, left], summary="120 GiB of 250 GiB available")
    yield judged(
        "host.memory",
        [metric("used_percent", "%", warning="90", critical="95").measured(wave(ago, 42, 66))],
        summary="14.1 GiB of 31.3 GiB available",
        data={"scope": "host", "host_total": 33608867840},
    )
    yield judged(
        "host.load",
        [
            metric("load1").measured(wave(ago, 0.4, 5)),
            metric("load15_per_cpu", warning="4", critical="8").measured(0.4),
        ],
        summary="2.31 1.98 1.77 on 8 CPUs",
    )
    if down:
        yield blocked("shop.backlog", "database:default")
    else:
        orders = metric("orders", "orders", warning="100", critical="500").measured(int(wave(ago, 3, 40)))
        yield judged("shop.backlog", [orders], summary="17 orders wait for payment")


def report(host: str, ago: float, newest: float, ill: bool) -> Report:
    """Return the report of a run."""
    return Report(
        run=str(uuid.uuid4()), host=host, version="0.1.0", started_at=iso_utc(newest - ago), duration=0.631,
        checks=tuple(of_web(ago, ill)),
    )  # fmt: skip


HOSTS = (("web1", True, 30), ("web2", False, 2))  # name, whether it is ill, and the days of hours that it has


def fill(newest: float) -> None:
    """Write the record of the hosts up to the newest run's time."""
    from django.db import transaction

    from health_cli.history.kept import Kept
    from health_cli.history.loading import load
    from health_cli.history.place import Path, Place
    from health_cli.models import SystemAlert

    place = Place(Path("/nowhere/shop.settings-00000000"))
    for host, ill, days in HOSTS:
        memories: Any = {}
        with transaction.atomic():
            write_hours(host, newest, ill, days)
            for number in reversed(range(RUNS)):
                kept = Kept(report(host, number * EVERY, newest, ill), {}, True, "command", place)
                run = kept.decided(memories)
                memories = {name: memory_of(data) for name, data in run.state["checks"].items()}
                load(run, "default")
    SystemAlert.objects.filter(alert_type="host.disk:/var").update(
        by="ann", why="a larger disk comes on Thursday", acknowledged_at=SystemAlert.objects.last().created_at
    )


def memory_of(data: Any) -> Any:
    from health_cli.history.alerts import Memory

    return Memory.from_json(data)


def write_hours(host: str, newest: float, ill: bool, days: int) -> None:
    """Write the hours that end before the last hour of runs."""
    from health_cli.history.database import moment
    from health_cli.models import HealthHour

    rows, last = [], int(newest // HOUR) - 1
    for hour in range(last - days * 24, last):
        for at in [newest - (hour * HOUR + HOUR / 2)]:
            for result in of_web(at, ill):
                measured = [(each.name, each.unit, each.value, each.status.word) for each in result.metrics]
                for name, unit, value, status in [*measured, ("duration", "s", 0.004 + at % 7 / 5000, "healthy")]:
                    known = value is not None
                    rows.append(
                        HealthHour(
                            host=host, check_name=result.name, metric_name=name, unit=unit, status=status,
                            hour=moment(hour * HOUR), count=12 * known, mean=value,
                            minimum=value * 0.99 if known else None, maximum=value * 1.01 if known else None,
                        )
                    )  # fmt: skip
    HealthHour.objects.bulk_create(rows, batch_size=900)
