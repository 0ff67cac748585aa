"""Thresholds from four places: option, environment, setting, default; the first that has one wins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from health_cli.config.request import Request
from health_cli.core.check import Check
from health_cli.core.errors import ConfigError
from health_cli.core.metric import Metric
from health_cli.core.names import matches, nearest
from health_cli.core.threshold import Threshold

DEFAULT = "default"


class Override(NamedTuple):
    """One threshold that someone set: `which` is warning or critical, `place` says where."""

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
        whole = matches(check.name, self.target) and len(check.metrics) == 1
        return check.metrics[0] if whole else None


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
    problems: list[str] = []
    places: dict[tuple[str, str, str], str] = {}
    ready = []
    for check in checks:
        metrics = tuple(_with(check, metric, given, places, problems) for metric in check.metrics)
        ready.append(replace(check, metrics=metrics) if metrics != check.metrics else check)
    if problems:
        raise ConfigError.of(problems, hint="'health list -v' shows every threshold and where it comes from.")
    return ready, places


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
        if override.metric_of(check) is metric:
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
        if not any(o.metric_of(check) for check in checks) and not _absent_instance(o, families)
    ]
    if problems:
        raise ConfigError.of(
            list(dict.fromkeys(problems)), hint="A metric's full name is check/metric: see 'health list -v'."
        )


def _absent_instance(override: Override, families: Sequence[str]) -> bool:
    family, colon, _ = override.pattern.partition(":")
    return override.place == "setting" and bool(colon) and family in families
