"""The built-in checks: one table, family -> the factory that makes its checks from the settings.

A factory's module is imported only when a pattern can mean one of its checks.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import Check
from health_cli.core.names import matches
from health_cli.core.result import subsystem_of

Factory = Callable[[Source, HealthSetting], Iterator[Check]]

FACTORIES = {
    "database": "health_cli.config.services:databases",
    "cache": "health_cli.config.services:caches",
    "celery": "health_cli.config.celery:celery",
    "host": "health_cli.config.hosts:host",
    "logs": "health_cli.config.logs:logs",
    "api": "health_cli.config.api_checks:api",
    "deploy": "health_cli.config.deploy:deploy",
    "email": "health_cli.config.mail:email",
    "storage": "health_cli.config.storages:storage",
    "security": "health_cli.config.security:security",
}
FAMILIES = (
    "database",
    "cache",
    "celery.broker",
    "celery.workers",
    "celery.queue",
    "celery.failures",
    "celery.results",
    "celery.beat",
    "celery.canary",
    "host.memory",
    "host.swap",
    "host.load",
    "host.cpu",
    "host.disk",
    "host.processes",
    "host.time",
    "logs",
    "api.traffic",
    "api.errors",
    "api.latency",
    "api.clients",
    "api.limits",
    "deploy.settings",
    "deploy.version",
    "deploy.static",
    "deploy.migrations",
    "deploy.checks",
    "network.http",
    "network.tcp",
    "network.dns",
    "network.tls",
    "email",
    "storage",
    "security.packages",
    "file",
    "host.process",
)
# The first words of names that are ours: a project's own checks choose others, so that a run of
# `host` never needs to load the project to know all its checks.
SUBSYSTEMS = frozenset(
    {"database", "cache", "celery", "host", "logs", "api", "deploy", "network", "email", "storage",
     "file", "security", "health"}
)  # fmt: skip


def builtin_checks(source: Source, setting: HealthSetting, patterns: Sequence[str]) -> list[Check]:
    """Return the built-in checks that these settings ask for; without patterns, all of them."""
    wanted = [s for s in FACTORIES if not patterns or any(may_mean(p, s) for p in patterns)]
    return [check for subsystem in wanted for check in _factory(subsystem)(source, setting)]


def may_mean(pattern: str, subsystem: str) -> bool:
    """Tell whether a pattern can match a check of this subsystem."""
    return is_glob(pattern) or subsystem_of(pattern) == subsystem or matches(subsystem, pattern)


def is_glob(pattern: str) -> bool:
    """Tell whether the subsystem part of a pattern is a glob."""
    return any(mark in subsystem_of(pattern) for mark in "*?[")


def _factory(subsystem: str) -> Factory:
    module, _, name = FACTORIES[subsystem].partition(":")
    factory: Factory = getattr(import_module(module), name)
    return factory
