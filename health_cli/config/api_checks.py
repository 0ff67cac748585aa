"""The checks of the API, for a project in which something counts its requests."""

from collections.abc import Iterator, Mapping
from typing import Any

from health_cli.checks.api.access_log import AccessLog
from health_cli.checks.api.base import ApiCheck, Requests
from health_cli.checks.api.base import Source as StatisticsSource
from health_cli.checks.api.buckets import digest
from health_cli.checks.api.clients import Clients
from health_cli.checks.api.counted import Counted
from health_cli.checks.api.errors import Errors
from health_cli.checks.api.latency import Latency
from health_cli.checks.api.limits import Limits
from health_cli.checks.api.request_log import APPS, KNOWN, RequestLog
from health_cli.checks.api.traffic import Traffic
from health_cli.config.api import Api, is_counted, redis_settings
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError

_NEEDED = {
    "request_log": "Name its model in 'request_log'.",
    "access_logs": "Name their files in 'access_logs'.",
}
CHECKS: tuple[type[ApiCheck], ...] = (Traffic, Errors, Latency, Clients)


def api(source: Source, setting: HealthSetting) -> Iterator[Check]:
    """Yield the checks of the API; none where nothing counts requests."""
    sources = list(_sources(source, Api.of(setting.API)))
    if not sources:
        return
    requests = Requests(sources)
    for check in CHECKS:
        yield check(requests=requests)
    yield Limits(requests=requests, rates=rates(source.everything.get("REST_FRAMEWORK")))


def _sources(source: Source, given: Api) -> Iterator[StatisticsSource]:
    """Yield where statistics are looked for, the best first."""
    counts = is_counted(source.everything.get("MIDDLEWARE"))
    log = given.request_log or {"model": next((APPS[app] for app in APPS if source.has_app(app)), "")}
    sources = (("middleware", counts), ("request_log", log["model"]), ("access_logs", given.access_logs))
    found = [name for name, there in sources if there]
    secret = str(source.everything.get("SECRET_KEY") or "")
    for name in given.sources or found:
        if name not in found and name != "middleware":
            raise ConfigError(
                f"HEALTH_CLI['API']['sources'] has {name}, and there is no such source.", hint=_NEEDED[name]
            )
        if name == "middleware":
            yield Counted(cache=redis_settings(source.caches, given.cache), secret=secret)
        elif name == "request_log":
            fields = {**KNOWN.get(log["model"], {}), **{key: value for key, value in log.items() if key != "model"}}
            yield RequestLog(model=log["model"], fields=fields)
        elif name == "access_logs":
            yield AccessLog(paths=given.access_logs, salt=digest(secret, b"clients", 16))


def rates(rest_framework: Any) -> tuple[str, ...]:
    """Return the limits that the settings of Django REST framework have, each as `scope: rate`."""
    found = rest_framework.get("DEFAULT_THROTTLE_RATES") if isinstance(rest_framework, Mapping) else None
    return tuple(f"{scope}: {rate}" for scope, rate in found.items() if rate) if isinstance(found, Mapping) else ()
