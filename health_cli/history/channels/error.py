"""Error: why a channel did not take a notice, in words that hold no secret."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

from health_cli.core.errors import HealthError

NO_ANSWER, CLOSED = "no answer in time", "the server closed the connection"
Reasons = Sequence[tuple[type[BaseException], Callable[[Any], str]]]  # what an error means, the most specific first


class ChannelError(HealthError):
    """A channel did not take the notice; it is tried again after the next run."""


def reason_of(error: BaseException, further: Reasons = ()) -> str:
    """Return what went wrong with a connection, without the texts of libraries, which quote URLs and commands.

    `further` are the reasons that a library of the channel adds.
    """
    return next(describe(error) for kind, describe in (*further, *_REASONS) if isinstance(error, kind))


def _system_error(error: OSError) -> str:
    if certificate := getattr(error, "verify_message", ""):  # of the module ssl, which most runs never load
        return f"its certificate is not valid: {certificate}"
    return f"{type(error).__name__}: {error.strerror}" if error.strerror else type(error).__name__


_REASONS: Reasons = (
    (TimeoutError, lambda error: NO_ANSWER),
    (ConnectionRefusedError, lambda error: "the connection was refused"),
    (ConnectionError, lambda error: CLOSED),
    (socket.gaierror, lambda error: "there is no such host"),
    (OSError, _system_error),
    (BaseException, lambda error: type(error).__name__),
)
