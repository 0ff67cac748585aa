"""Variables: texts of the setting that are secret stand in the environment, and the setting has `env:NAME`."""

import os
from collections.abc import Iterable

FROM = "env:"


def resolved(text: str) -> str:
    """Return a text, or the value of the variable that `env:NAME` names; ValueError where that is not set."""
    if not text.startswith(FROM):
        return text
    name = text.removeprefix(FROM)
    if name not in os.environ:
        raise ValueError(f"the variable {name} is not set in this environment")
    return os.environ[name]


def secrets_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the values of the variables that are named, to be masked."""
    found = (os.environ.get(text.removeprefix(FROM), "") for text in texts if text.startswith(FROM))
    return frozenset(value for value in found if value)
