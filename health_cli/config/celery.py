"""The checks of Celery: finds the project's app without importing its tasks, and the queues it routes to."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Any

from health_cli.checks.celery.base import BROKER, CELERY, Project
from health_cli.checks.celery.beat import Beat
from health_cli.checks.celery.broker import Broker, LocalBroker
from health_cli.checks.celery.canary import Canary
from health_cli.checks.celery.failures import Failures
from health_cli.checks.celery.queue import QueueCheck
from health_cli.checks.celery.results import Results
from health_cli.checks.celery.workers import Workers
from health_cli.config.setting import HealthSetting
from health_cli.config.source import EMBEDDED, Source
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash
from health_cli.core.instance import instance_of
from health_cli.core.kind import Kind
from health_cli.core.status import Status
from health_cli.core.within import within

LOADING = 0.25  # the part of the run's time that the app's module may take; loading everything may take half of it
LOCAL = ("memory", "filesystem")
# Where an app is by custom, below the project's package.
MODULES = ("celery", "celery_app", "celeryapp")
BROKER_SETTINGS = ("CELERY_BROKER_URL", "CELERY_BROKER_WRITE_URL", "BROKER_URL")  # the last of Celery 3

# What is read of the app's configuration: what it routes, and what may hold a secret. To read all of it would
# load much of Django, since it asks Django's settings for each.
CONF = (
    "task_always_eager", "task_queues", "task_default_queue", "task_routes", "beat_schedule",
    "broker_url", "broker_read_url", "broker_write_url", "broker_password", "broker_transport_options",
    "broker_use_ssl", "result_backend", "result_backend_transport_options", "redis_password",
    "redis_backend_use_ssl", "cassandra_auth_kwargs", "s3_secret_access_key",
    "security_key_password", "beat_enable_remote_control", "beat_schedule_filename",
)  # fmt: skip


BEAT = "celery.beat"
PERIODIC = ("beat_schedule", "beat_enable_remote_control")  # what only a project with periodic tasks sets


def celery(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield the checks of the project's Celery, none where it has none."""
    if not setting.CELERY_APP and not _uses_celery(source):
        return
    limit = setting.TIMEOUT * LOADING  # a module that hangs must not keep the other checks from their run
    late = f"its module was not imported within {limit:g} s"
    found = within(limit, lambda: _app_and_conf(source, setting.CELERY_APP), late)
    if isinstance(found, Crash):
        yield from _without_app(source, setting, found)
    elif found is not None:
        yield from _with_app(*found, source, setting)


def _app_and_conf(source: Source, name: str) -> tuple[Any, Mapping[str, Any]] | None:
    """Return the app and its configuration, which Celery reads only now; whatever either raises is the project's."""
    app = find_app(source, name)
    if app is None:
        return None
    if not isinstance(app, import_module("celery").Celery):
        raise TypeError(f"what was found is no Celery app but {app!r}")
    return app, {key: getattr(app.conf, key, None) for key in CONF}  # as attributes: the environment may override some


def _with_app(app: Any, conf: Mapping[str, Any], source: Source, setting: HealthSetting) -> Iterator[Check]:
    if conf.get("task_always_eager") or str(conf.get("broker_url") or "").startswith(LOCAL):
        yield LocalBroker(conf=conf)
        return
    queues = setting.CELERY_QUEUES or tuple(dict.fromkeys(queues_of(conf)))
    project = Project(app, queues=queues, management=setting.RABBITMQ_MANAGEMENT)
    yield Broker(project=project, conf=conf)
    yield Workers(project=project, conf=conf)
    for queue in queues:
        yield QueueCheck(name=f"celery.queue:{instance_of(queue)}", project=project, conf=conf)
        yield Canary(name=f"celery.canary:{instance_of(queue)}", project=project, conf=conf)
    yield Failures(project=project, conf=conf)
    in_database = source.has_app("django_celery_beat")
    if in_database or any(conf.get(key) for key in PERIODIC) or BEAT in setting.OPTIONS or _left_by_beat(conf):
        yield Beat(project=project, conf=conf, in_database=in_database)
    if conf.get("result_backend"):
        yield Results(project=project, conf=conf, needs=(BROKER,) if _over_broker(conf) else ())


def _left_by_beat(conf: Mapping[str, Any]) -> bool:
    """Tell whether a schedule's file is here: tasks may come into it when the app is ready, which is not asked for."""
    path = str(conf.get("beat_schedule_filename") or "")
    return any(os.path.exists(f"{path}{ending}") for ending in ("", ".db", ".dat") if path)


def _over_broker(conf: Mapping[str, Any]) -> bool:
    """Tell whether results are kept by the server that the broker is on: when that is down, it is said once."""
    results = str(conf.get("result_backend"))
    server = _server(results)
    return results.startswith("rpc") or (bool(server) and server == _server(str(conf.get("broker_url"))))


def _server(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0]


def _without_app(source: Source, setting: HealthSetting, crash: Crash) -> Iterator[Check]:
    """Yield the checks that say why there is no app; a project's faulty module must not stop the others."""
    project = Project(problem=problem_of(crash), queues=setting.CELERY_QUEUES)
    conf = {key: value for key, value in source.everything.items() if key.startswith(("CELERY", "BROKER"))}
    yield Broker(project=project, conf=conf)
    yield Workers(project=project, conf=conf)
    for queue in setting.CELERY_QUEUES:
        yield QueueCheck(name=f"celery.queue:{instance_of(queue)}", project=project, conf=conf)


def problem_of(crash: Crash) -> Failure:
    """Return the failure for an app that can't be loaded."""
    missing = isinstance(crash.error, ModuleNotFoundError) and crash.error.name == CELERY.module
    if missing:
        return Failure(
            Kind.MISCONFIGURED, "The Python package for it is not installed (no module 'celery').",
            hint=f"Install it: pip install 'health-cli[{CELERY.extra}]'", summary="celery not installed",
            status=Status.UNKNOWN,
        )  # fmt: skip
    place = f" (in {crash.place})" if crash.error.__traceback__ else ""
    return Failure(
        Kind.MISCONFIGURED,
        f"The project's Celery app can't be loaded: {crash.name}: {crash.text}{place}",
        hint="Import its module by hand to see more, or name the app: HEALTH_CLI['CELERY_APP'] = 'package.celery:app'.",
        summary=f"app not loaded: {crash.name}",
        status=Status.UNKNOWN,
    )


def _uses_celery(source: Source) -> bool:
    """Tell whether a project has a Celery app or a broker, without importing anything of it."""
    if any(source.everything.get(name) for name in BROKER_SETTINGS):
        return True
    return any(_has_app(package) for package in packages_of(source))


def _has_app(package: str) -> bool:
    if hasattr(sys.modules.get(package), "celery_app"):
        return True
    return any(_module_exists(f"{package}.{name}") for name in MODULES)


def _module_exists(name: str) -> bool:
    """Tell whether a package has a module, without importing the package as `find_spec` would."""
    package = name.partition(".")[0]
    try:
        found = find_spec(package)
    except ValueError:
        return False
    folders = found.submodule_search_locations if found else None
    return folders is not None and PathFinder.find_spec(name, folders) is not None


def packages_of(source: Source) -> list[str]:
    """Return the packages in which a project's app may be: those of its settings, its URLs and its WSGI application."""
    paths = [source.name, source.everything.get("ROOT_URLCONF"), source.everything.get("WSGI_APPLICATION")]
    given = [str(path).partition(".")[0] for path in paths if path and path != EMBEDDED and "." in str(path)]
    return [name for name in dict.fromkeys(given) if name.isidentifier()]


def find_app(source: Source, name: str = "") -> Any:
    """Return the app that the setting names, that of the project's package, or a bare one with its settings.

    None where there is no trace of a broker; raises what the project's module raises.
    """
    if name:
        return import_module("celery.app.utils").find_app(name)
    for package in packages_of(source):
        app = getattr(import_module(package), "celery_app", None)
        if app is not None and not isinstance(app, type(sys)):
            return app
        for module in MODULES:
            if _module_exists(f"{package}.{module}"):
                return import_module("celery.app.utils").find_app(f"{package}.{module}")
    return _bare_app(source)


def _bare_app(source: Source) -> Any:
    """Return an app of our own with the project's broker; None where no setting names one."""
    url = next((source.everything[name] for name in BROKER_SETTINGS if source.everything.get(name)), "")
    if not url:
        return None
    app = import_module("celery").Celery("health_cli", set_as_current=False)
    if source.name == EMBEDDED:
        app.conf.broker_url = url
        app.conf.result_backend = source.everything.get("CELERY_RESULT_BACKEND") or None
    else:
        app.config_from_object("django.conf:settings", namespace="" if "BROKER_URL" in source.everything else "CELERY")
    return app


def queues_of(conf: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the queues that the configuration sends tasks to: the default one, and those of the routes."""
    declared = [_queue_name(queue) for queue in conf.get("task_queues") or ()]
    default = str(conf.get("task_default_queue") or "celery")
    yield from (name for name in [default, *declared] if name)
    yield from _routed(conf.get("task_routes"))
    schedule = conf.get("beat_schedule") or {}
    for entry in schedule.values() if isinstance(schedule, Mapping) else ():
        options = entry.get("options") if isinstance(entry, Mapping) else None
        yield from _routed([{"beat": options}] if isinstance(options, Mapping) else None)


def _routed(routes: Any) -> Iterator[str]:
    """Yield the queues of task_routes as far as they are plain: dicts, pairs and lists of them; a router is code."""
    if isinstance(routes, Mapping):
        for route in routes.values():
            name = _queue_name(route.get("queue") if isinstance(route, Mapping) else route)
            if name:
                yield name
    elif isinstance(routes, Iterable) and not isinstance(routes, str):
        for route in routes:
            pair = isinstance(route, tuple | list) and len(route) == 2 and isinstance(route[0], str | re.Pattern)
            yield from _routed({route[0]: route[1]} if pair else route)


def _queue_name(queue: Any) -> str:
    """Return the name of a queue that is given by name or as kombu's Queue."""
    return str(getattr(queue, "name", queue) or "")
