"""Errors: everything of ours that is raised on purpose.

    HealthError
    +-- ConfigError      the settings, options or names given to us are wrong; exit code 3
    +-- Failure          what a check looked at is not well; its kind says how
    +-- Skipped          there is nothing that a check could look at

A message says what was given and what is allowed; a hint says what to do next.
"""

from health_cli.core.kind import Kind
from health_cli.core.status import Status


class HealthError(Exception):
    """The root of the tree: a message for people, and a hint on what to do next."""

    kind = Kind.CRASHED

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep both sentences; the message alone is `str()` of the error."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(HealthError):
    """What we were told to do makes no sense: a setting, an option, a pattern, a name."""

    kind = Kind.MISCONFIGURED
    secrets: frozenset[str] = frozenset()  # values that its own texts may hold and nobody may see
    unexpected = False  # True where it tells of a crash: it may be gone without the project's own modules

    @classmethod
    def of(cls, problems: list[str], *, hint: str = "") -> "ConfigError":
        """Report every problem at once, one a line."""
        return cls("\n".join(problems), hint=hint)


class Failure(HealthError):
    """Raised by `gather()`: the thing looked at refuses, hangs, is missing ... (see Kind).

    The result is critical unless `status` says otherwise; `summary` is the short form for a cell.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        hint: str = "",
        summary: str = "",
        status: Status = Status.CRITICAL,
    ) -> None:
        """Keep what the result will say."""
        super().__init__(message, hint=hint)
        self.kind = kind
        self.summary = summary
        self.status = status

    def but(self, *, hint: str = "", status: Status | None = None) -> "Failure":
        """Return the same failure with another hint or status, for who knows more of where it came about."""
        return Failure(
            self.kind, self.message, hint=hint or self.hint, summary=self.summary, status=status or self.status
        )


class Skipped(HealthError):
    """Raised by `gather()` where there is nothing to look at: the message says why. The result is skipped."""

    status = Status.SKIPPED

    def __init__(self, message: str, *, summary: str = "") -> None:
        """Keep what the result will say; `summary` is the short form for a cell."""
        super().__init__(message)
        self.summary = summary
