"""One report with every trouble in it, and a healthy one; both frozen, so that outputs can be compared."""

from health_cli.core.kind import Kind
from health_cli.core.metric import Metric, metric
from health_cli.core.report import Report
from health_cli.core.result import Result
from health_cli.core.status import Status

LONG_MOUNT = "/srv/tenants/acme-corporation/production/uploads/2026/november/originals"

DATABASE = Result(
    name="database:default",
    status=Status.CRITICAL,
    summary="refused at 127.0.0.1:3306",
    message="Can't connect to MySQL server on '127.0.0.1:3306' (111 | \"Connection refused\"); tried as 'shop'@'%'",
    hint="Is it running? systemctl status mariadb | head; ss -ltn 'sport = :3306'",
    kind=Kind.REFUSED,
    metrics=(
        metric("connect_time", "s", warning="500ms", critical="2").measured(None, "refused at 127.0.0.1:3306"),
        metric("query_time", "s", warning="500ms").measured(None, "refused; see 'connect_time' | above"),
    ),
    data={"engine": "mysql", "tried": ["127.0.0.1", "::1"], "options": {"connect_timeout": 2, "ssl": None}},
    duration=0.004213,
)
CACHE = Result(
    name="cache:default",
    status=Status.HEALTHY,
    summary="PONG in 412 us",
    message="PONG in 412 us",
    metrics=(
        metric("ping_time", "s", warning="100ms", critical="1").measured(0.000412),
        metric("used_memory", "B", max=4294967296).measured(1073741824),
        metric("hits", "c", min=0).measured(9007199254740993),
        metric("evicted_keys", "c").measured(None, "needs two samples"),
    ),
    data={"redis": {"version": "7.0.15", "replicas": [{"host": "10.0.0.7", "lag": 0.25}], "cluster": False}},
    duration=0.0021,
)
BROKER = Result(
    name="celery.broker",
    status=Status.CRITICAL,
    summary="no answer in 5 s",
    message="The check did not end within its limit of 5 s.",
    hint="See what it waits for: a hung server, a full disk, a lock; or raise its limit in TIMEOUTS.",
    kind=Kind.TIMEOUT,
    duration=5.0,
)
QUEUE = Result(
    name="celery.queue:emails",
    status=Status.SKIPPED,
    summary="blocked by celery.broker",
    message="Not run: it needs celery.broker, which is not well.",
    hint="Put celery.broker right first.",
    blocked_by="celery.broker",
)
MEMORY = Result(
    name="host.memory",
    status=Status.WARNING,
    summary="used percent 92.4 %",
    message="used_percent is 92.4 % (warning above 90 %); swapping is on",
    hint="See what uses it: ps aux --sort=-rss | head. Restart what leaks, or give the machine more.",
    kind=Kind.THRESHOLD,
    metrics=(
        metric("used_percent", "%", warning="90", critical="95", min=0, max=100).measured(92.42),
        metric("available", "B").measured(1283457024),
    ),
    data={"scope": "host"},
    duration=0.0108,
)
DISK = Result(
    name=f"host.disk:{LONG_MOUNT}",
    status=Status.CRITICAL,
    summary="inodes used percent 99.9 %, and there is little room: 12.4 GiB of 4.0 TiB " + "left " * 40,
    message="inodes_used_percent is 99.9 % (critical above 95 %); "
    + "a message that goes on and on; " * 12
    + "withaverylongwordthatnolinecanholdandthatmustbebrokensomewhereinthemiddleofitself" * 2,
    hint=f"Many small files use them up: find {LONG_MOUNT} -xdev -type d -size +1M shows large folders.",
    kind=Kind.THRESHOLD,
    metrics=(
        metric("used_percent", "%", warning="85", critical="95").measured(99.69),
        metric("available", "B", critical="500MiB:").measured(13314398617),
        metric("inodes_used_percent", "%", warning="90", critical="95").measured(99.9),
        metric("inodes_in_a_metric_whose_name_is_far_longer_than_nineteen_characters").measured(12),
    ),
    duration=0.00678,
)
LOGS = Result(
    name="logs:app",
    status=Status.UNKNOWN,
    summary="permission denied\nfor user 'nagios'",
    message="/var/log/app/django.log can't be read:\n\tPermission denied\n\tuser=nagios | group=nagios; mode=0640",
    hint="Add the user to the group:\n\tusermod -aG adm nagios",
    kind=Kind.AUTH,
    metrics=(metric("errors", "errors", warning="10", critical="100").measured(None, "permission\ndenied"),),
    duration=0.00031,
)
UMLAUTS = Result(
    name="shop.orders:zürich",
    status=Status.WARNING,
    summary="Bestellungen älter als 1 h · naïve café Ωμέγα Жук",
    message="„Zürich“ hat 123 offene Bestellungen ≥ 100 · cafe\u0301, Ωμέγα, Жук, ½ ±3 µs",
    hint="Öffnen Sie die Warteschlange → prüfen.",
    kind=Kind.THRESHOLD,
    metrics=(metric("open", "Bestellungen", warning="100", critical="500").measured(123),),
    duration=0.0456,
)
RANGES = Result(
    name="shop.ranges",
    status=Status.HEALTHY,
    summary="every shape of threshold",
    message="every shape of threshold",
    metrics=(
        metric("end", warning="80", critical="90").measured(5),
        metric("start", warning="10:", critical="5:").measured(12.5),
        metric("below", warning="~:5", critical="~:10").measured(-3),
        metric("both", warning="10:20", critical="5:25").measured(15),
        metric("negative", warning="-20:-10", critical="-30:-5").measured(-12.25),
        metric("inside", warning="@10:20", critical="@15:16").measured(25),
        metric("at_most", warning="@~:1", critical="@0").measured(2),
        metric("at_least", critical="@90:").measured(3),
        metric("never", warning="~:", critical="~:").measured(7),
        metric("not_negative", critical="0:").measured(0),
        metric("exactly", critical="1:1").measured(1),
    ),
    duration=0.00002,
)
NUMBERS = Result(
    name="shop.numbers",
    status=Status.HEALTHY,
    summary="huge and tiny numbers",
    message="huge and tiny numbers",
    metrics=(
        metric("huge").measured(1.5e21),
        metric("big_integer", "B").measured(2**63),
        metric("tiny").measured(1.5e-9),
        metric("short", "s").measured(0.000001),
        metric("tiny_share", "%").measured(0.0000123),
        metric("minus_zero").measured(-0.0),
        metric("third").measured(1 / 3),
        metric("orders", "orders", min=-5, max=1_000_000).measured(1234567),
        Metric(name="unmeasured", unit="%", reason="not a finite number: nan"),
    ),
    duration=119.94,
)
ERRORS = Result(
    name="api.errors",
    status=Status.UNKNOWN,
    summary="crashed: ZeroDivisionError",
    message="The check crashed with ZeroDivisionError: division by zero (in rate, shop/health.py:12)",
    hint="This is a fault of the check, not of what it looks at; -vv shows the traceback.",
    kind=Kind.CRASHED,
    detail='Traceback (most recent call last):\n  File "shop/health.py", line 12, in rate\n    return errors | 0 / 0\n'
    "ZeroDivisionError: division by zero\n",
    duration=0.0007,
)
MIGRATIONS = Result(
    name="deploy.migrations",
    status=Status.UNKNOWN,
    summary="unfinished",
    message="The run ended after 10.0 s, before this check did.",
    hint="Give the run more time with --timeout, or see why this check is slow.",
    kind=Kind.UNFINISHED,
    duration=10.0,
)

RICH = Report(
    run="0f0e0d0c-0b0a-4908-8706-050403020100",
    host="web-1.example.org",
    version="0.1.0",
    started_at="2026-11-23T15:04:05.678Z",
    duration=10.012345678,
    checks=(CACHE, DATABASE, QUEUE, MEMORY, DISK, LOGS, UMLAUTS, RANGES, NUMBERS, ERRORS, MIGRATIONS, BROKER),
    isolation="threads",
    noise="a check printed | a pipe\n\n\ta tab, and 'quotes'; then nothing\n",
)
HEALTHY = Report(
    run="00010203-0405-4607-8809-0a0b0c0d0e0f",
    host="web-2",
    version="0.1.0",
    started_at="2026-11-23T15:04:05.000Z",
    duration=0.1784,
    checks=(CACHE, RANGES, NUMBERS),
)
