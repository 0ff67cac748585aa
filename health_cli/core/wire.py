"""Wire: the records that a worker process sends up the pipe to its supervisor.

One record a line: a random token, a checksum, and JSON. A check that writes rubbish into the pipe spoils
at most its own line; lines without the token, or with another checksum, are no records.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

MAX_RECORD = 16 << 20  # bytes; results are far smaller, a plan holds every secret of the settings


class Writer:
    """Writes records; safe to use from many threads, silent in a process that a check forked."""

    def __init__(self, fd: int, token: str) -> None:
        """Write to this file descriptor."""
        self._fd, self._token, self._lock, self._pid = fd, token, threading.Lock(), os.getpid()

    def send(self, kind: str, **fields: Any) -> bool:
        """Send one record; False where it is too large to be sent. TypeError where it is no JSON."""
        body = json.dumps({"record": kind, **fields}, allow_nan=False).encode()
        line = b"\n%s%08x%s\n" % (self._token.encode(), crc32(body), body)
        if len(line) > MAX_RECORD:
            return False
        if os.getpid() != self._pid:
            os._exit(0)
        with self._lock:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
        return True


class Reader:
    """Puts records together from the bytes as they arrive, within bounded memory."""

    def __init__(self, token: str) -> None:
        """Accept lines that carry this token."""
        self._token, self._rest = token.encode(), b""

    def feed(self, chunk: bytes) -> Iterator[Mapping[str, Any]]:
        """Yield the records that are complete now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_RECORD:
            self._rest = b""
        for line in lines:
            record = self._decode(line)
            if record is not None:
                yield record

    def _decode(self, line: bytes) -> Mapping[str, Any] | None:
        start = len(self._token)
        checksum, body = line[start : start + 8], line[start + 8 :]
        if not line.startswith(self._token) or checksum != b"%08x" % crc32(body):
            return None  # rubbish, or cut in two by a process that died or by rubbish in between
        record: Mapping[str, Any] = json.loads(body)
        return record
