"""Measurement: what a check gathered, before anybody judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Numbers by metric name, the reasons for those that are missing, and plain facts.

    `facts` end up as the result's `data`: text, numbers, lists and mappings only, in base units.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
