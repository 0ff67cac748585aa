"""Excerpt: shortens text to what a person would read, at places where no secret is cut in two unseen."""

MAX_TEXT = 4096  # characters of one message
MAX_RAW = 16 * MAX_TEXT  # of one that is not redacted yet: what is cut there is cut again, far before


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return the beginning of a text, and say where it was cut."""
    return text if len(text) <= limit else text[:limit] + " [cut]"


def last_lines(text: str, limit: int) -> str:
    """Return the last whole lines of a text that fit: half a line might begin with half a secret."""
    return text if len(text) <= limit else text[-limit:].partition("\n")[2]
