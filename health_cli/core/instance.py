"""Instance: the part of a check's name after the colon, made from whatever the thing itself is called."""

import os
import re
from urllib.parse import quote, unquote

# Blanks, quotes, the marks of Nagios' output, control characters, and bytes that are no UTF-8.
_UNFIT = re.compile("[\\s|'\"=;%\\x00-\\x1f\\x7f-\\x9f\ud800-\udfff]")


def instance_of(text: str) -> str:
    """Return a mount point, a queue ... as part of a name: what a name can't hold is percent-encoded."""
    return _UNFIT.sub(lambda found: quote(os.fsencode(found[0]), safe=""), text)


def named_by(name: str) -> str:
    """Return what the instance in a check's name was made from."""
    return unquote(name.partition(":")[2], errors="surrogateescape")
