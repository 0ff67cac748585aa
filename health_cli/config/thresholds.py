"""Thresholds from four places: option, environment, setting, default; the first that has one wins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import NamedTuple

from health_cli.config import full_in
from health_cli.config.full_in import FULL_IN
from health_cli.config.request import Request
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.filling import fills
from health_cli.core.metric import Metric
from health_cli.core.names import matches, nearest
from health_cli.core.threshold import Threshold

DEFAULT = "default"


class Override(NamedTuple):
    """One threshold that someone set: `which` is warning, critical or full_in, `place` says where."""

    target: str
    which: str
    text: str
    place: str

    @property
    def pattern(self) -> str:
        """The part of the target that means checks."""
        return self.target.rpartition("/")[0] or self.target

    @property
    def metric(self) -> str:
        """The part that means a metric; empty for the only one there is."""
        return self.target.rpartition("/")[2] if "/" in self.target else ""

    def metric_of(self, check: Check) -> Metric | None:
        """Return the metric of this check that is meant, if any."""
        if matches(check.name, self.pattern):
            found = [m for m in check.metrics if m.name == self.metric]
            if found:
                return found[0]
        own = [m for m in check.metrics if not m.foretells]
        whole = matches(check.name, self.target) and len(own) == 1
        return own[0] if whole else None


Sources = Mapping[tuple[str, str, str], str]  # (check, metric, which) -> place


def overrides(request: Request, setting: Mapping[str, Mapping[str, str]]) -> list[Override]:
    """Return what was set, the weakest place first; ConfigError for a text that is not NAME=RANGE."""
    found = [
        Override(target=target, which=which, text=str(text), place="setting")
        for target, pair in setting.items()
        for which, text in pair.items()
    ]
    for which in ("warning", "critical"):
        variable = f"HEALTH_{which.upper()}"
        found += _parse(request.environ.get(variable, "").split(), which, variable)
    for which, texts in (("warning", request.warning), ("critical", request.critical)):
        found += _parse(texts, which, f"--{which}")
    return found


def _parse(texts: Iterable[str], which: str, place: str) -> Iterator[Override]:
    for text in texts:
        target, equals, range_text = text.rpartition("=")
        if not equals or not target:
            raise ConfigError(
                f"{place} '{text}' is not NAME=RANGE.", hint="Example: --warning host.disk:/var/used_percent=80"
            )
        yield Override(target=target, which=which, text=range_text, place=place)


def apply(checks: Sequence[Check], given: Sequence[Override]) -> tuple[list[Check], Sources]:
    """Return the checks with their thresholds, and where each came from; ConfigError lists what is wrong."""
    asked = [override for override in given if override.which == FULL_IN]
    problems: list[str] = _never_full(checks, asked)
    places: dict[tuple[str, str, str], str] = {}
    ready = []
    for check in checks:
        whole = replace(check, metrics=(*check.metrics, *_foretelling(check, asked, places))) if asked else check
        metrics = tuple(_with(whole, metric, given, places, problems) for metric in whole.metrics)
        ready.append(replace(check, metrics=metrics) if metrics != check.metrics else check)
    if problems:
        raise ConfigError.of(problems, hint="'health list -v' shows every threshold and where it comes from.")
    return ready, places


def _never_full(checks: Sequence[Check], asked: Sequence[Override]) -> list[str]:
    """Return what is wrong with each `full_in` that means no metric that fills up."""
    meant = {o: [(check, metric) for check in checks if (metric := o.metric_of(check))] for o in asked}
    return [text for o, pairs in meant.items() if (text := full_in.never_full(f"{o.place} {o.target}", pairs))]


def _foretelling(check: Check, asked: Sequence[Override], places: dict[tuple[str, str, str], str]) -> Iterator[Metric]:
    """Yield a metric for each that fills up and has a `full_in`: the last one wins, `~:` switches it off."""
    last = {metric.name: (metric, override) for override in asked if (metric := override.metric_of(check))}
    for metric, override in last.values():
        warning = full_in.parse(override.text)
        if fills(check.name, metric.name) and not warning.never:
            found = full_in.foretelling(check, metric, warning)
            places[check.name, found.name, "warning"] = override.place
            yield found


def _with(
    check: Check,
    metric: Metric,
    given: Sequence[Override],
    places: dict[tuple[str, str, str], str],
    problems: list[str],
) -> Metric:
    """Return one metric with the overrides that mean it."""
    pair = {"warning": metric.warning, "critical": metric.critical}
    for override in given:
        if override.which in pair and override.metric_of(check) is metric:
            try:
                pair[override.which] = Threshold.parse(override.text, metric.unit)
            except ValueError as error:
                problems.append(f"{override.place} {override.target}: {error}.")
            places[check.name, metric.name, override.which] = override.place
    own_critical = (check.name, metric.name, "critical") in places
    default_warning = (check.name, metric.name, "warning") not in places
    if own_critical and default_warning and _hidden(pair):
        pair["warning"] = None  # the default gives way to what somebody wants
    try:
        return replace(metric, warning=pair["warning"], critical=pair["critical"])
    except ValueError as error:
        problems.append(f"{check.name}/{error}.")
        return metric


def _hidden(pair: Mapping[str, Threshold | None]) -> bool:
    warning, critical = pair["warning"], pair["critical"]
    return bool(warning and critical and critical.hides(warning))


def refuse_lost(given: Sequence[Override], checks: Sequence[Check], families: Sequence[str]) -> None:
    """Raise ConfigError for thresholds that mean no metric of any check.

    An instance that this host happens not to have (`host.disk:/data`) is no error where its family is
    known: one setting serves many hosts.
    """
    known = [f"{check.name}/{metric.name}" for check in checks for metric in check.metrics]
    problems = [
        f"{o.place} {o.target}: no check has such a metric{nearest(o.target, known)}."
        for o in given
        if not any(o.metric_of(check) for check in checks) and not _absent_instance(o, checks, families)
    ]
    if problems:
        raise ConfigError.of(
            list(dict.fromkeys(problems)), hint="A metric's full name is check/metric: see 'health list -v'."
        )


def _absent_instance(override: Override, checks: Sequence[Check], families: Sequence[str]) -> bool:
    """Tell whether a threshold of the setting may be for what another host has: one of a metric that there is."""
    family, colon, _ = override.pattern.partition(":")
    if override.place != "setting" or not colon or family not in families:
        return False
    here = any(matches(check.name, override.target) for check in checks)  # several metrics, and none is named
    return not here and (not override.metric or override.metric in _metrics_of(family))


def _metrics_of(family: str) -> set[str]:
    """Return the names of all metrics that the checks of a subsystem have, whatever they look at."""
    package = import_module(f"health_cli.checks.{family.partition('.')[0]}")
    paths = getattr(package, "__path__", None)
    names = (
        [found.name for found in import_module("pkgutil").iter_modules(paths, f"{package.__name__}.")] if paths else []
    )
    modules = [package, *(import_module(name) for name in names if not name.endswith("_client"))]
    values = [value for module in modules for value in vars(module).values()]
    classes = [value for value in values if isinstance(value, type) and issubclass(value, Check)]
    return {metric.name for cls in classes for metric in cls().metrics}
