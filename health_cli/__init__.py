"""health-cli tells whether a Django stack is healthy, now.

The public names below are loaded when they are first used: importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from health_cli.core.check import Check as Check
    from health_cli.core.check import check as check
    from health_cli.core.check import register as register
    from health_cli.core.errors import ConfigError as ConfigError
    from health_cli.core.errors import Failure as Failure
    from health_cli.core.errors import HealthError as HealthError
    from health_cli.core.finding import Finding as Finding
    from health_cli.core.kind import Kind as Kind
    from health_cli.core.measurement import Measurement as Measurement
    from health_cli.core.metric import Metric as Metric
    from health_cli.core.metric import metric as metric
    from health_cli.core.report import Report as Report
    from health_cli.core.result import Result as Result
    from health_cli.core.status import Status as Status
    from health_cli.core.threshold import Threshold as Threshold

__version__ = "0.1.0"

_PUBLIC = {
    "Check": "check",
    "ConfigError": "errors",
    "Failure": "errors",
    "Finding": "finding",
    "HealthError": "errors",
    "Kind": "kind",
    "Measurement": "measurement",
    "Metric": "metric",
    "Report": "report",
    "Result": "result",
    "Skipped": "errors",
    "Status": "status",
    "Threshold": "threshold",
    "check": "check",
    "metric": "metric",
    "register": "check",
}

__all__ = [
    "Check",
    "ConfigError",
    "Failure",
    "Finding",
    "HealthError",
    "Kind",
    "Measurement",
    "Metric",
    "Report",
    "Result",
    "Skipped",
    "Status",
    "Threshold",
    "check",
    "metric",
    "register",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module of the core that defines it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'health_cli' has no attribute '{name}'")
    return getattr(import_module(f"health_cli.core.{_PUBLIC[name]}"), name)
