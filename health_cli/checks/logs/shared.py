"""Shared: how the logging handler leaves its counts in Redis, for those who write and those who read them.

A hash a minute has how many records of each level there were, and how many of each message by its hash; what the
messages of an hour say stands in a hash an hour. All expire by themselves.
"""

from health_cli.checks.api.buckets import digest

MINUTE, HOUR, DAY = 60, 3_600, 86_400
KEPT = DAY + 3_600  # seconds: the longest window, and more
TEXTS = 500  # messages of an hour that are told apart
LEVEL, MESSAGE = "level", "message"


def minute_key(secret: str, handler: str, minute: int) -> str:
    """Return the key of a minute of a handler."""
    return f"{_prefix(secret, handler)}:{minute}"


def texts_key(secret: str, handler: str, hour: int) -> str:
    """Return the key of what the messages of an hour say."""
    return f"{_prefix(secret, handler)}:texts:{hour}"


def since_key(secret: str, handler: str) -> str:
    """Return the key of when counting began."""
    return f"{_prefix(secret, handler)}:since"


def _prefix(secret: str, handler: str) -> str:
    return f"health-cli:logs:{digest(secret, b'project', 6).hex()}:{handler}"
