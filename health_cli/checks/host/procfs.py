"""Reading the kernel's own files: /proc and /sys."""

import os
import re


def read(path: str | os.PathLike[str]) -> str:
    """Return a file's text, nothing where it is not there or not for us.

    Names in it may be of any bytes: what is no UTF-8 comes as surrogates, as os.fsdecode has it.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def unescape(text: str) -> str:
    r"""Turn octal escapes (`\040` for a blank), as mountinfo and fstab have them, back into characters."""
    raw = re.sub(
        rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8) & 0xFF]), text.encode(errors="surrogateescape")
    )
    return raw.decode(errors="surrogateescape")
