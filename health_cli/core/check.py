"""Check: one thing looked at. Written as two steps, `gather()` and `judge()`.

A check is a frozen dataclass. Its fields are its options, its docstring is its manual page, and a
secret field is declared with `repr=False`. The decorator `check()` makes one from a function.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar, NamedTuple

from health_cli.core.errors import ConfigError
from health_cli.core.finding import Finding
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, as_number, metric
from health_cli.core.result import Result, fill, judged
from health_cli.core.units import humanize

NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*(:[^\s|'\"=;\x00-\x1f\x7f-\x9f]+)?")
# Compared by identity: a check that says 5 itself keeps it, whatever CHECK_TIMEOUT says.
DEFAULT_TIMEOUT = float("5")
ONLY = "value"  # the metric of a check that returns a number


class Requirement(NamedTuple):
    """A package that a check can't do without: its module, and the extra that installs it."""

    module: str
    extra: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """The base of every check.

    `name` is its key everywhere; `metrics` declares what it measures, with thresholds; `timeout` is
    its limit in seconds; `needs` names checks (or patterns) that must be well for it to run.
    """

    name: str = ""
    metrics: tuple[Metric, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    needs: tuple[str, ...] = ()

    requires: ClassVar[tuple[Requirement, ...]] = ()
    on_request: ClassVar[bool] = False  # it costs much or changes something: only who names it, or the setting, has it

    def gather(self) -> Any:
        """Do the reading and writing; return a measurement. May be async. Raise Failure if unwell."""
        raise NotImplementedError(f"{type(self).__name__} has no gather()")

    def judge(self, measurement: Any) -> Any:
        """Turn a measurement into a result, without looking at anything else."""
        return self.result(measurement)

    def result(self, measurement: Measurement, *, summary: str = "", findings: Sequence[Finding] = ()) -> Result:
        """Judge a measurement by the declared thresholds and by further findings."""
        metrics = fill(self.metrics, measurement)
        text = summary or ", ".join(str(item) for item in metrics[:2]) or "well"
        return judged(self.name, metrics, summary=text, findings=findings, data=measurement.facts)

    @property
    def manual(self) -> str:
        """The manual page: the docstring, as `health explain` shows it."""
        return inspect.getdoc(type(self)) or ""


def verify_name(name: str) -> str:
    """Return the name of a check; ConfigError says how a name is built."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' can't be the name of a check.",
            hint="A name is subsystem[.name][:instance], of a-z, 0-9, _ and -, in lower case: shop.backlog.",
        )
    return name


@dataclass(frozen=True, kw_only=True)
class FunctionCheck(Check):
    """A check made from a function by the decorator."""

    function: Callable[[], Any]

    def gather(self) -> Any:
        """Call the function: its return value is the measurement."""
        return self.function()

    def judge(self, measurement: Any) -> Result:
        """Understand a number, metrics, a result or nothing; TypeError for all else."""
        if isinstance(measurement, Result):
            return measurement
        if measurement is None:
            return judged(self.name, (), summary="well")
        if isinstance(measurement, Metric):
            measurement = [measurement]
        if isinstance(measurement, list | tuple) and measurement:
            return self._metrics(measurement)
        try:
            number = as_number(measurement)
        except TypeError:
            raise TypeError(
                f"it returned {type(measurement).__name__}: a check returns a number, a Result, "
                "a list of Metric, or None"
            ) from None
        return self._number(number)

    def _number(self, number: float) -> Result:
        measured = self.metrics[0].measured(number)
        if measured.value is None:
            raise TypeError(f"it returned {number}, which is not a finite number")
        return judged(self.name, [measured], summary=humanize(measured.value, measured.unit))

    def _metrics(self, items: Sequence[Any]) -> Result:
        """Judge several metrics: a declared one has the thresholds that were declared, or set since."""
        strange = [type(item).__name__ for item in items if not isinstance(item, Metric)]
        if strange:
            raise TypeError(f"it returned a list with {strange[0]} in it: a list holds Metric only")
        declared_ones = {item.name: item for item in self.metrics}
        single = declared_ones.get(ONLY)
        if single and (single.warning or single.critical) and ONLY not in {item.name for item in items}:
            raise TypeError("it returned metrics, but its thresholds are for a single number: declare `metrics`")
        found = [declared_ones.get(item.name, item).measured(item.value, item.reason) for item in items]
        if all(item.value is None for item in found):
            raise TypeError(f"none of its metrics has a value: {', '.join(map(str, found))}")
        return judged(self.name, found, summary=", ".join(str(item) for item in found[:2]))

    @property
    def manual(self) -> str:
        """The docstring of the function."""
        return inspect.getdoc(self.function) or ""


# What the decorator and `register` have seen, in order; config collects it once the modules are in.
declared: list[Check] = []


def register(*checks: Check) -> None:
    """Add checks of a class of one's own to the project's; ConfigError for an impossible name."""
    for item in checks:
        verify_name(item.name)
        if not isinstance(item.needs, list | tuple) or not all(isinstance(need, str) for need in item.needs):
            raise ConfigError(f"{item.name}: needs is {item.needs!r}.", hint="It must be a list of names.")
        if not _is_limit(item.timeout):
            raise ConfigError(
                f"{item.name}: timeout is {item.timeout!r}.", hint="It must be a number of seconds above 0."
            )
        declared.append(item)


def _is_limit(timeout: object) -> bool:
    return isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout < 1e6


def check(
    name: str,
    *,
    warning: str = "",
    critical: str = "",
    unit: str = "",
    needs: Iterable[str] = (),
    timeout: float = DEFAULT_TIMEOUT,
    hint: str = "",
    metrics: Iterable[Metric] = (),
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Make a check of the function below: it returns a number, a Result, metrics, or None.

    `warning` and `critical` are ranges for the number, `unit` its unit; `metrics` declares several
    instead; `needs` names other checks. The function itself stays as it was. ConfigError for a bad name
    or range.
    """
    try:
        declaration = metric(ONLY, unit, warning=warning, critical=critical, hint=hint)
    except ValueError as error:
        raise ConfigError(f"Check {name}: {error}") from None

    def decorate(function: Callable[[], Any]) -> Callable[[], Any]:
        register(
            FunctionCheck(
                name=name,
                metrics=tuple(metrics) or (declaration,),
                timeout=timeout,
                needs=tuple(needs) if isinstance(needs, list | set) else needs,  # type: ignore[arg-type]  # see there
                function=function,
            )
        )
        return function

    return decorate


def expand_needs(checks: Sequence[Check], matches: Callable[[str, str], bool]) -> Mapping[str, set[str]]:
    """Resolve patterns in `needs` to the names present; ConfigError where checks wait for each other."""
    names = [item.name for item in checks]
    needs = {item.name: {name for name in names if any(matches(name, need) for need in item.needs)} for item in checks}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        hint = "Take one of these out of 'needs'."
        raise ConfigError(f"Checks wait for each other: {circle}.", hint=hint) from None
    return needs
