"""Variables: texts of the setting that are secret stand in the environment, and the setting has `env:NAME`."""

import os
from collections.abc import Iterable

from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

FROM = "env:"


def resolved(text: str) -> str:
    """Return a text, or the value of the variable that `env:NAME` names; Failure where that is not set.

    That is for the run to say, of this one check: where the project is built or migrated nobody needs the variable.
    """
    if not text.startswith(FROM):
        return text
    name = text.removeprefix(FROM)
    if name not in os.environ:
        raise Failure(
            Kind.MISCONFIGURED, f"The variable {name} is not set in this environment.", summary=f"no {name}",
            hint="Set it where health is called from: cron and systemd have an environment of their own.",
            status=Status.UNKNOWN,
        )  # fmt: skip
    return os.environ[name]


def secrets_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the values of the variables that are named, to be masked."""
    found = (os.environ.get(text.removeprefix(FROM), "") for text in texts if text.startswith(FROM))
    return frozenset(value for value in found if value)
