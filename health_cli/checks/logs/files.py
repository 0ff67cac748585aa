"""Files: which files a log is in, and their bytes as text."""

import codecs
import glob
import os
import re
from collections.abc import Sequence

from health_cli.checks.logs.tail import PACKED, UNKNOWN_PACKING
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.status import Status

MOST = 50  # files of all globs, those written last
BINARY = 0.1  # of the characters, from where on something is no text
PROBE = 64 << 10  # characters of which that is told
_STRANGE = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")  # an escape may be of a colour
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
GRANT = "Let the user who runs this read it: usermod -aG adm USER, or setfacl -m u:USER:r FILE."
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def found(paths: Sequence[str]) -> tuple[list[str], int]:
    """Return the files that there are, those that this user may not look at too, and how many were left out.

    A link counts as what it leads to, so that a deployment changes nothing. PermissionError for a folder.
    """
    names = {os.path.realpath(name) for path in paths for name in _matching(path)}
    written = {name: _written(name) for name in names}
    order = sorted((name for name in names if written[name] is not None), key=lambda name: written[name] or 0)
    return order[-MOST:], len(order[:-MOST])


def _matching(path: str) -> list[str]:
    if not glob.has_magic(path):
        return [path]
    names = [name for name in glob.glob(path) if not name.endswith((*PACKED, *UNKNOWN_PACKING))]
    if not names and os.path.isdir(folder := os.path.dirname(path) or "."):
        os.scandir(folder).close()  # glob finds nothing in a folder that it may not look into
    return names


def _written(name: str) -> float | None:
    """Return when a file was written to, 0 where this user may not know, None where there is none."""
    try:
        return os.stat(name).st_mtime
    except PermissionError:
        return 0.0
    except OSError:  # not there, or a link to itself
        return None


def decoded(data: bytes, encoding: str, name: str) -> str:
    """Return the text of a piece; Failure where it is none, or of another encoding."""
    mark = next((known for known in _MARKS if data.startswith(known)), b"")
    try:
        text = data.lstrip(b"\0").decode(_MARKS.get(mark, encoding), errors="replace").replace("\0", "")
    except LookupError:
        raise Failure(
            Kind.MISCONFIGURED, f"There is no encoding '{encoding}'.", summary="unknown encoding",
            hint="Give one that Python knows: utf-8, latin-1, utf-16.", status=Status.UNKNOWN,
        ) from None  # fmt: skip
    text = _COLOUR.sub("", text)
    if len(_STRANGE.findall(text[:PROBE])) > BINARY * min(len(text), PROBE):
        raise Failure(
            Kind.MISCONFIGURED, f"{name} is no text in {encoding}.", summary="no text",
            hint="Is it a log, and not compressed? In HEALTH_CLI['LOGS'] a log may have an 'encoding'.",
            status=Status.UNKNOWN,
        )  # fmt: skip
    return text


def refused(path: str) -> Failure:
    """Return the failure for a file or folder that this user may not read."""
    return Failure(
        Kind.AUTH, f"{path} can't be read by this user.", summary="permission denied", hint=GRANT,
        status=Status.UNKNOWN,
    )  # fmt: skip
