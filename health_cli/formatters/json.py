"""The format `json`: the report by the schema `health-cli/1`, which lies beside this file."""

import json

from health_cli.core.report import Report
from health_cli.formatters import Style


def render(report: Report, style: Style) -> str:
    """Write the report as one JSON document, in ASCII, so that no locale can spoil it."""
    return json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n"
