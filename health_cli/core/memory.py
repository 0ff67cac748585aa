"""Memory: what a check keeps from one run to the next, so that it looks only at what is new.

Whoever runs the checks gives it a place; without one each run is the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from health_cli.core.check import Check
from health_cli.core.redaction import Redactor


class Memory:
    """Keeps nothing. One with a place keeps JSON-like data; both are lost without harm."""

    @property
    def where(self) -> str:
        """Where it is kept, for who looks for it by hand; nothing where it is not."""
        return ""

    def load(self) -> Mapping[str, Any]:
        """Return what was kept, nothing where there is none."""
        return {}

    def mask(self, text: str) -> str:
        """Return a text without what is secret, as it may be kept."""
        return Redactor().text(text)

    def save(self, data: Mapping[str, Any]) -> str:
        """Keep this instead; return why that can't be done, nothing where it was."""
        return "there is no place for it"


@dataclass(frozen=True, kw_only=True)
class Remembering(Check):
    """A check that remembers."""

    memory: Memory = field(default_factory=Memory, repr=False, compare=False)

    @property
    def remembered_as(self) -> str:
        """The name under which it is kept."""
        return self.name
