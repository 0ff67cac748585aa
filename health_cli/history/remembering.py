"""Remembering: gives the checks of a plan that remember something a file each, in the folder of the project."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from health_cli.core.guard import Crash, attempt
from health_cli.core.memory import Memory, Remembering
from health_cli.core.plan import Plan
from health_cli.core.redaction import Redactor
from health_cli.history.place import Place, make_folder, read_json, write_whole

PATIENCE = 0.5  # seconds to wait for another run that writes


class FileMemory(Memory):
    """Keeps what is remembered under a name in a file that is replaced as a whole."""

    def __init__(self, place: Place, name: str, redactor: Callable[[], Redactor]) -> None:
        """Name what is remembered; `redactor` makes what knows the secrets, which takes a while."""
        self._place, self._redactor = place, redactor
        self._path: Path = place.folder / "memory" / f"{quote(name, safe='')[:200]}.json"

    @property
    def where(self) -> str:
        """The file."""
        return str(self._path)

    def load(self) -> Mapping[str, Any]:
        """Return what was kept; nothing where there is none, or it is damaged or not ours to read."""
        found = attempt(lambda: read_json(self._path))
        return found if isinstance(found, Mapping) else {}

    def mask(self, text: str) -> str:
        """Return a text without the secrets of the settings and the environment."""
        return self._redactor().text(text)

    def save(self, data: Mapping[str, Any]) -> str:
        """Keep this instead; return why that can't be done."""
        crash = attempt(lambda: self._write(data))
        return f"{self._path.parent} can't be written: {crash.text}" if isinstance(crash, Crash) else ""

    def _write(self, data: Mapping[str, Any]) -> None:
        self._place.make()
        make_folder(self._path.parent)
        with self._place.locked("memory", PATIENCE) as ours:
            if not ours:
                raise TimeoutError("another run has held its lock for too long")
            write_whole(self._path, json.dumps(data))


def remembering(plan: Plan, place: Place | None) -> Plan:
    """Return the plan with a place for what its checks remember; without a folder they remember nothing."""
    if place is None:
        return plan
    redactor = cache(lambda: Redactor(plan.secrets))
    checks = [
        replace(check, memory=FileMemory(place, check.remembered_as, redactor))
        if isinstance(check, Remembering)
        else check
        for check in plan.checks
    ]
    return replace(plan, checks=checks)
