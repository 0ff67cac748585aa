"""The table: what is done to the stack, and which check must say what. A new way to fail is a row here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from tests.failing_well import canaries, troubles
from tests.failing_well.project import LOAD, Project
from tests.failing_well.stack import SHOP, Stack

DATABASE, CACHE = "database:default", "cache:default"
Change = Callable[[Project, Stack], Project]
CODES = {"healthy": 0, "warning": 1, "critical": 2, "unknown": 3}


def as_it_is(project: Project, stack: Stack) -> Project:
    """Return the project: the servers are what is wrong."""
    return project


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row.

    `needs` names servers of the stack, `trouble` is done to them, `change` to the project. `check` must have
    this status and kind, and words of the hint; `also` are the statuses of other checks that are affected.
    A check that is `skipped` must be so because of `check`. `within` is how long the check may take in seconds.
    """

    check: str
    kind: str | None
    hint: Sequence[str] = ()
    says: str = ""  # words of the message
    status: str = "critical"
    needs: Sequence[str] = ("mariadb", "redis")
    trouble: Callable[[Stack], AbstractContextManager[None]] = troubles.untouched
    change: Callable[[Project, Stack], Project] = as_it_is
    also: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)  # values of the check's metrics
    alone: bool = False  # the run could not be set up, so that there is no other check
    within: float = 1.5

    @property
    def worst(self) -> str:
        """The status of the run: critical before unknown."""
        order = ("critical", "unknown", "warning", "healthy", "skipped")
        return min((self.status, *self.also.values()), key=order.index)


def database(**settings: Any) -> Callable[[Project, Stack], Project]:
    """Change the settings of the database."""
    return lambda project, stack: project.database(**settings)


def cache(**settings: Any) -> Callable[[Project, Stack], Project]:
    """Change the settings of the cache."""
    return lambda project, stack: project.cache(**settings)


def options(*words: str) -> Callable[[Project, Stack], Project]:
    """Call `health run` with further options."""
    return lambda project, stack: replace(project, options=words)


def waiting(deadline: str) -> Callable[[Project, Stack], Project]:
    """Give the run less time than a check of the project's own takes, which waits for a port that never answers."""

    def change(project: Project, stack: Stack) -> Project:
        address = ("127.0.0.1", stack["silent"].port)
        wait = raising("own.waits", "import socket", f"socket.create_connection({address!r}).recv(1)")
        return replace(wait(project.add(setting={"TIMEOUTS": {"own.waits": 30}}), stack), deadline=deadline)

    return change


def thresholds(metric: str, **ranges: str) -> Callable[[Project, Stack], Project]:
    """Set thresholds in the project's settings, beside those that it has."""

    def change(project: Project, stack: Stack) -> Project:
        return project.add(setting={"THRESHOLDS": {**LOAD, metric: ranges}})

    return change


def wrong_url(project: Project, stack: Stack) -> Project:
    """Log in to the cache with another password, given in the URL."""
    wrong = quote(canaries.WRONG, safe="")
    return project.cache(LOCATION=f"redis://app:{wrong}@127.0.0.1:{stack.redis.port}/1")


def on_silent(project: Project, stack: Stack) -> Project:
    """Both services are said to be at a port that never answers."""
    location = f"redis://app:{quote(canaries.CACHE, safe='')}@127.0.0.1:{stack['silent'].port}/1"
    return project.database(PORT=str(stack["silent"].port)).cache(LOCATION=location)


def on_loading(project: Project, stack: Stack) -> Project:
    """The cache is on the server that is loading."""
    return replace(project, caches={"default": stack["loading"].settings()})


def without_driver(*modules: str, **databases: Any) -> Callable[[Project, Stack], Project]:
    """Hide packages from Python, as if they had never been installed: the path finder does not find them."""
    text = f"""
import sys
from importlib.machinery import PathFinder

class Hiding:
    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in {modules!r}
        return None if hidden else PathFinder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(PathFinder, name)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding()
"""

    def change(project: Project, stack: Stack) -> Project:
        folder = project.folder / "hidden"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(text)
        return project.add(env={"PYTHONPATH": str(folder)}, databases=databases)

    return change


def settings_of(name: str) -> Callable[[Project, Stack], Project]:
    """Use another settings module."""
    return lambda project, stack: replace(project, settings=name)


def settings_end(*lines: str) -> Callable[[Project, Stack], Project]:
    """Add lines to the end of the settings."""
    return lambda project, stack: replace(project, end="\n".join(lines))


# Where the texts of exceptions hold secrets: some that the settings name, some that only a URL or a word tells.
ODD_TEXT = (
    f'"no login at https://bot:{quote(canaries.TYPED_ODD, safe="")}@127.0.0.1/ with password={canaries.TYPED}, "'
    f" + repr({{'password': {canaries.TYPED_ODD!r}}})"
)


def raising(name: str, *lines: str, options: Sequence[str] = ()) -> Callable[[Project, Stack], Project]:
    """Add a module with a check of this name, whose body these lines are."""
    text = f'from health_cli import check\nimport conf\n@check("{name}")\ndef it():\n' + "\n".join(
        f"    {line}" for line in lines
    )
    return lambda project, stack: replace(project.add(modules={"raising": text + "\n"}), options=options)


LARGE = ("--max-bytes", "9000")  # room for a message of full size in the format nagios
POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "127.0.0.1", "PORT": "1",
              "USER": "app", "PASSWORD": canaries.DATABASE}  # fmt: skip

MARIADB = {
    "mariadb-stopped": Case(
        trouble=lambda s: troubles.stopped(s.mariadb), check=DATABASE, kind="refused", hint=["server running"],
    ),
    "mariadb-frozen": Case(
        trouble=lambda s: troubles.frozen(s.mariadb), check=DATABASE, kind="timeout", hint=["hangs"], within=3.1,
    ),
    "mariadb-silent-after-login": Case(
        trouble=troubles.mariadb_sleeping, check=DATABASE, kind="timeout", hint=["hangs"], within=2.9,
    ),
    "mariadb-password": Case(
        change=database(PASSWORD=canaries.WRONG), check=DATABASE, kind="auth", hint=["USER", "PASSWORD"],
    ),
    "mariadb-no-password": Case(
        change=database(PASSWORD=""), check=DATABASE, kind="auth", hint=["USER", "PASSWORD"], says="password: NO",
    ),
    "mariadb-no-database": Case(
        change=database(NAME="nowhere"), check=DATABASE, kind="auth", hint=["GRANT", "NAME"], says="nowhere",
    ),
    "mariadb-full": Case(
        trouble=troubles.mariadb_full, check=DATABASE, kind="full", hint=["max_connections"],
    ),
    "mariadb-read-only": Case(
        trouble=lambda s: troubles.mariadb_statement(s, "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
        check=DATABASE, kind="read-only", hint=["failover", "replica"],
    ),
    "mariadb-no-host": Case(
        change=database(HOST="no-such-host.invalid"), check=DATABASE, kind="missing", hint=["HOST"],
    ),
    "mariadb-table-locked": Case(
        trouble=lambda s: troubles.mariadb_statement(s, "LOCK TABLES shop.orders WRITE", "UNLOCK TABLES"),
        check=DATABASE, kind=None, status="healthy",
    ),
    "mariadb-all-locked": Case(
        trouble=lambda s: troubles.mariadb_statement(s, "FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"),
        check=DATABASE, kind=None, status="healthy",
    ),
    "mariadb-table-changing": Case(trouble=troubles.mariadb_changing, check=DATABASE, kind=None, status="healthy"),
    "mariadb-forgotten-transaction": Case(
        trouble=troubles.mariadb_forgotten, change=options("-w", f"{DATABASE}/oldest_transaction=0"),
        check=DATABASE, kind="threshold", status="warning", hint=["innodb_trx", "forgotten"],
    ),
}  # fmt: skip

REDIS = {
    "redis-stopped": Case(
        trouble=lambda s: troubles.stopped(s.redis), check=CACHE, kind="refused", hint=["running there"],
    ),
    "redis-frozen": Case(
        trouble=lambda s: troubles.frozen(s.redis), check=CACHE, kind="timeout", hint=["hangs"], within=3.1,
    ),
    "redis-password": Case(change=wrong_url, check=CACHE, kind="auth", hint=["password", "LOCATION"]),
    "redis-no-rights": Case(
        trouble=troubles.redis_without_rights, check=CACHE, kind="auth", hint=["ACL rules"],
    ),
    "redis-full": Case(
        trouble=lambda s: troubles.redis_config(s.redis, maxmemory="1", **{"maxmemory-policy": "noeviction"}),
        check=CACHE, kind="full", hint=["maxmemory", "eviction policy"],
    ),
    "redis-loading": Case(
        needs=("mariadb", "redis", "loading"), change=on_loading,
        check=CACHE, kind="loading", status="warning", hint=["Wait for it"], says="% done",
    ),
    "redis-unsaved": Case(
        trouble=troubles.redis_unsaved, check=CACHE, kind="read-only", hint=["disk", "log"], says="snapshot failed",
    ),
    "redis-replica": Case(
        needs=("mariadb", "redis", "master"), trouble=troubles.redis_replica,
        check=CACHE, kind="read-only", hint=["Write to the master"],
    ),
    "redis-crowded": Case(trouble=troubles.redis_crowded, check=CACHE, kind="full", hint=["maxclients"]),
    "redis-no-host": Case(
        change=cache(LOCATION="redis://no-such-host.invalid:6379/1"), check=CACHE, kind="missing", hint=["LOCATION"],
    ),
}  # fmt: skip

BOTH = {
    "silent-port": Case(
        needs=("mariadb", "redis", "silent"), change=on_silent,
        check=DATABASE, kind="timeout", hint=["hangs"], also={CACHE: "critical"}, within=3.1,
    ),
    "both-frozen": Case(
        trouble=lambda s: troubles.frozen(s.mariadb, s.redis),
        check=DATABASE, kind="timeout", hint=["hangs"], also={CACHE: "critical"}, within=3.1,
    ),
    "deadline": Case(
        needs=("mariadb", "redis", "silent"), change=waiting("5"),
        check="own.waits", kind="unfinished", status="unknown", hint=["--timeout"], within=5.1,
    ),
    "deadline-critical": Case(
        needs=("mariadb", "redis", "silent"), change=waiting("5:critical"),
        check="own.waits", kind="unfinished", hint=["--timeout"], within=5.1,
    ),
}  # fmt: skip

HOST = {
    "memory-by-option": Case(
        change=options("-w", "host.memory/used_percent=0.001", "-c", "host.memory/used_percent=0.002"),
        check="host.memory", kind="threshold", hint=["ps aux"], says="used_percent is",
    ),
    "memory-by-setting": Case(
        change=thresholds("host.memory/used_percent", warning="0.001"),
        check="host.memory", kind="threshold", status="warning", hint=["ps aux"], says="used_percent is",
    ),
    "disk-by-option": Case(
        change=options("-w", "host.disk:/*/used_percent=0.001"),
        check="host.disk:/", kind="threshold", status="warning", hint=["du -xh"], says="used_percent is",
    ),
    "disk-by-setting": Case(
        change=thresholds("host.disk:/*/available", critical="1000000TiB:"),
        check="host.disk:/", kind="threshold", hint=["du -xh"], says="available is",
    ),
}  # fmt: skip

PYTHON = {
    "no-driver-mysql": Case(
        change=without_driver("MySQLdb"),
        check=DATABASE, kind="misconfigured", status="unknown", hint=["pip install", "[mysql]"],
    ),
    "no-driver-redis": Case(
        change=without_driver("redis"),
        check=CACHE, kind="misconfigured", status="unknown", hint=["pip install", "[redis]"],
    ),
    "no-driver-postgresql": Case(
        change=without_driver("psycopg", "psycopg2", reports=POSTGRESQL),
        check="database:reports", kind="misconfigured", status="unknown", hint=["pip install", "[postgres]"],
    ),
    "settings-missing": Case(
        change=settings_of("nowhere.settings"), alone=True,
        check="health.setup", kind="misconfigured", status="unknown", hint=["--chdir", "manage.py"],
    ),
    "settings-raise": Case(
        change=settings_end(f"raise ValueError('bad ' + SECRET_KEY + API_TOKEN + {ODD_TEXT})"), alone=True,
        check="health.setup", kind="misconfigured", status="unknown", hint=["Load it by hand"], says="ValueError",
    ),
    "settings-raise-within": Case(
        change=settings_end(
            "def connect(password):", f"    raise ValueError(f'no login with {{password}} ' + {ODD_TEXT})",
            f"connect({canaries.WRONG!r})",
        ), alone=True,
        check="health.setup", kind="misconfigured", status="unknown", hint=["Load it by hand"], says="ValueError",
    ),
    "own-check-raises": Case(
        change=raising("own.raises", f"raise RuntimeError(conf.API_TOKEN + repr(conf.DATABASES) + {ODD_TEXT})"),
        check="own.raises", kind="crashed", status="unknown", hint=["-vv", "needs"], says="RuntimeError",
    ),
    "own-check-chains": Case(
        change=raising(
            "own.raises",
            "try:", f"    raise OSError(conf.SECRET_KEY + {ODD_TEXT})",
            "except OSError as error:", "    raise RuntimeError(conf.EMAIL_HOST_PASSWORD) from error",
        ),
        check="own.raises", kind="crashed", status="unknown", hint=["-vv", "needs"], says="RuntimeError",
    ),
    "own-check-says-too-much": Case(
        change=raising("own.raises", "raise RuntimeError('x' * 4040 + conf.API_TOKEN)", options=LARGE),
        check="own.raises", kind="crashed", status="unknown", hint=["-vv", "needs"], says="RuntimeError",
    ),
}  # fmt: skip

BROKER, WORKERS, QUEUE = "celery.broker", "celery.workers", "celery.queue:orders"
QUEUES = (QUEUE, "celery.queue:emails")
BLOCKED = dict.fromkeys((WORKERS, *QUEUES), "skipped")
ON_REDIS, ON_RABBITMQ = ("broker", "results"), ("rabbitmq", "results")
REDIS_CREW, RABBITMQ_CREW = (*ON_REDIS, "workers"), (*ON_RABBITMQ, "rabbitmq-workers")


def celery(**settings: Any) -> Callable[[Project, Stack], Project]:
    """Change the settings of Celery."""
    return lambda project, stack: project.add(celery={f"CELERY_{name}": value for name, value in settings.items()})


def broker_url(scheme: str, name: str, password: str = canaries.BROKER, path: str = "0") -> Change:
    """The broker is said to be at the port of a server, with this password and this database or vhost."""

    def change(project: Project, stack: Stack) -> Project:
        url = f"{scheme}://app:{quote(password, safe='')}@127.0.0.1:{stack[name].port}/{path}"
        return project.add(celery={**SHOP, "CELERY_BROKER_URL": url})

    return change


def managed(project: Project, stack: Stack) -> Project:
    """RabbitMQ's management may be asked."""
    return project.add(setting={"RABBITMQ_MANAGEMENT": stack["rabbitmq"].api})


def broken_app(project: Project, stack: Stack) -> Project:
    """The module of the app raises, and quotes secrets."""
    project.folder.mkdir(parents=True, exist_ok=True)
    text = f"import conf\nraise ValueError('bad ' + conf.API_TOKEN + {ODD_TEXT})\n"
    (project.folder / "broken.py").write_text(text)
    return project.add(setting={"CELERY_APP": "broken"})


def without_celery(project: Project, stack: Stack) -> Project:
    """Celery is not installed, while the settings name a broker."""
    url = f"redis://app:{quote(canaries.BROKER, safe='')}@127.0.0.1:1/0"
    return without_driver("celery")(project.add(celery={"CELERY_BROKER_URL": url}), stack)


# Those without workers first: workers that lose their broker take seconds to come back.
CELERY = {
    "celery-app-raises": Case(
        needs=(), change=broken_app, also={WORKERS: "skipped"},
        check=BROKER, kind="misconfigured", status="unknown", hint=["CELERY_APP", "by hand"], says="ValueError",
    ),
    "celery-not-installed": Case(
        needs=(), change=without_celery, also={WORKERS: "skipped"},
        check=BROKER, kind="misconfigured", status="unknown", hint=["pip install", "[celery]"],
    ),
    "redis-broker-silent": Case(
        needs=("silent", "results"), change=broker_url("redis", "silent"),
        check=BROKER, kind="timeout", hint=["hangs"], also=BLOCKED, within=3.1,
    ),
    "redis-broker-stopped": Case(
        needs=ON_REDIS, trouble=lambda s: troubles.stopped(s["broker"]),
        check=BROKER, kind="refused", hint=["running there"], also=BLOCKED,
    ),
    "redis-broker-frozen": Case(
        needs=ON_REDIS, trouble=lambda s: troubles.frozen(s["broker"]),
        check=BROKER, kind="timeout", hint=["hangs"], also=BLOCKED, within=3.1,
    ),
    "redis-broker-password": Case(
        needs=ON_REDIS, change=broker_url("redis", "broker", canaries.WRONG),
        check=BROKER, kind="auth", hint=["password", "CELERY_BROKER_URL"], also=BLOCKED,
    ),
    "redis-broker-full": Case(
        needs=ON_REDIS,
        trouble=lambda s: troubles.redis_config(s["broker"], maxmemory="1", **{"maxmemory-policy": "noeviction"}),
        check=BROKER, kind="full", hint=["maxmemory", "eviction policy"], also=BLOCKED,
    ),
    "redis-broker-rights": Case(
        needs=ON_REDIS, trouble=lambda s: troubles.without_rule(s["broker"], "~*celery.pidbox*"),
        check=WORKERS, kind="auth", hint=["ACL rules"], says="no permission", also=dict.fromkeys(QUEUES, "critical"),
    ),
    "redis-no-worker": Case(
        needs=ON_REDIS, check=WORKERS, kind="missing", hint=["celery -A PROJECT worker"], says="No worker is connected",
        also=dict.fromkeys(QUEUES, "warning"),
    ),
    "redis-worker-frozen": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.workers_frozen(s["workers"], s["workers"].prefork),
        check=WORKERS, kind="timeout", status="warning", hint=["main process hangs"], says="w2@shop", within=2.9,
        metrics={"workers": 1, "silent": 1},
    ),
    "redis-workers-frozen": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.workers_frozen(s["workers"], *s["workers"].all),
        check=WORKERS, kind="timeout", hint=["main process hangs"], says="w1@shop, w2@shop", within=2.9,
        metrics={"workers": 0, "silent": 2},
    ),
    "redis-backlog": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.backlog(s["workers"], 110),
        check=QUEUE, kind="threshold", status="warning", hint=["More or faster workers"], says="waiting is 105",
        metrics={"waiting": 105, f"{WORKERS}/active": 1, f"{WORKERS}/reserved": 4, f"{WORKERS}/busy_percent": 50},
    ),
    "redis-unread": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.unread(s["broker"], "reports", 3),
        change=celery(TASK_ROUTES={**SHOP["CELERY_TASK_ROUTES"], "shop.tasks.report": {"queue": "reports"}}),
        check="celery.queue:reports", kind="missing", hint=["-Q reports"], says="3 tasks wait in queue reports",
    ),
    "redis-failed-tasks": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.failed_tasks(s["workers"], 20, 5),
        check="celery.failures", kind="threshold", hint=["exceptions"], says="failed_percent is 80",
        metrics={"failed": 20, "finished": 25},
    ),
    "results-stopped": Case(
        needs=REDIS_CREW, trouble=lambda s: troubles.stopped(s["results"]),
        check="celery.results", kind="refused", hint=["running there"], also={"celery.failures": "skipped"},
    ),
    "rabbitmq-silent": Case(
        needs=("silent", "results"), change=broker_url("amqp", "silent", path="shop"),
        check=BROKER, kind="timeout", hint=["hangs"], also=BLOCKED, within=3.1,
    ),
    "rabbitmq-frozen": Case(
        needs=ON_RABBITMQ, trouble=lambda s: troubles.frozen(s["rabbitmq"]),
        check=BROKER, kind="timeout", hint=["hangs"], also=BLOCKED, within=3.1,
    ),
    "rabbitmq-password": Case(
        needs=ON_RABBITMQ, change=broker_url("amqp", "rabbitmq", canaries.WRONG, path="shop"),
        check=BROKER, kind="auth", hint=["password", "CELERY_BROKER_URL"], also=BLOCKED,
    ),
    "rabbitmq-no-vhost": Case(
        needs=ON_RABBITMQ, change=broker_url("amqp", "rabbitmq", path="nowhere"),
        check=BROKER, kind="missing", hint=["vhost", "CELERY_BROKER_URL"], says="nowhere", also=BLOCKED,
    ),
    "rabbitmq-no-worker": Case(
        needs=ON_RABBITMQ, check=WORKERS, kind="missing", hint=["celery -A PROJECT worker"],
        says="No worker is connected", also=dict.fromkeys(QUEUES, "warning"), within=2.9,
    ),
    "rabbitmq-worker-frozen": Case(
        needs=RABBITMQ_CREW, change=managed,
        trouble=lambda s: troubles.workers_frozen(s["rabbitmq-workers"], s["rabbitmq-workers"].prefork),
        check=WORKERS, kind="timeout", status="warning", hint=["main process hangs"], says="w2@shop", within=2.9,
        metrics={"workers": 1, "silent": 1},
    ),
    "rabbitmq-workers-frozen": Case(
        needs=RABBITMQ_CREW, change=managed,
        trouble=lambda s: troubles.workers_frozen(s["rabbitmq-workers"], *s["rabbitmq-workers"].all),
        check=WORKERS, kind="timeout", hint=["main process hangs"], says="w1@shop, w2@shop", within=2.9,
        metrics={"workers": 0},
    ),
    "rabbitmq-backlog": Case(
        needs=RABBITMQ_CREW, trouble=lambda s: troubles.backlog(s["rabbitmq-workers"], 110),
        check=QUEUE, kind="threshold", status="warning", hint=["More or faster workers"], says="waiting is 105",
        metrics={"waiting": 105, f"{WORKERS}/active": 1, f"{WORKERS}/reserved": 4, f"{WORKERS}/busy_percent": 50},
    ),
    "rabbitmq-unread": Case(
        needs=RABBITMQ_CREW, trouble=lambda s: troubles.unread(s["rabbitmq"], "reports", 3),
        change=celery(TASK_ROUTES={**SHOP["CELERY_TASK_ROUTES"], "shop.tasks.report": {"queue": "reports"}}),
        check="celery.queue:reports", kind="missing", hint=["-Q reports"], says="3 tasks wait in queue reports",
    ),
    "rabbitmq-stopped": Case(
        needs=ON_RABBITMQ, trouble=lambda s: troubles.ended(s, "rabbitmq"),
        check=BROKER, kind="refused", hint=["running there"], also=BLOCKED,
    ),
}  # fmt: skip

CASES = {**MARIADB, **REDIS, **BOTH, **HOST, **PYTHON, **CELERY}
