"""Tail: what is new in a file that grows, is rotated and truncated. Reads from the end, and never more than so much.

A position is told by device, inode and the first bytes of the file, since an inode is used again. What a rotation took
away is looked for beside the file: renamed, copied, or compressed by gzip.
"""

import gzip
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import IO, Any, NamedTuple

MOST = 8 << 20  # bytes of a run: 0.1 s to read and understand
FIRST = 1 << 20  # bytes of a first look, before a longer one
LINE = 64 << 10  # bytes after which a line without an end is taken as it is
HEAD = 256  # bytes that tell a file from another one
UNPACKED = 64 << 20  # bytes of a compressed file that are unpacked to find a place in it, in about half a second
SIBLINGS = 200  # files beside it that are looked at, the newest
PACKED = (".gz",)
UNKNOWN_PACKING = (".xz", ".bz2", ".zst", ".lz4")
# What a rotation makes of `shop.log`: `shop.log.1`, `shop.log-20261125`, `shop.log.2026-11-25_14`, `shop-20261125.log`,
# `shop.1.log`, `shop.log.old`, each perhaps packed. `shop.payments.log` is another log.
_ROTATED = re.compile(r"(?:[._-](?:\d[\dT:._-]*|old|bak|prev|last))+")


class NoFile(OSError):
    """What is there is no regular file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Up to where a file has been read; `head` is a hash of its first `head_size` bytes."""

    device: int
    inode: int
    offset: int
    head: str
    head_size: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Position":
        """Read back what `asdict` made of one."""
        return cls(**{name: data[name] for name in cls.__slots__})

    def to_json(self) -> dict[str, Any]:
        """The position as it is kept."""
        return asdict(self)


class Piece(NamedTuple):
    """What was read, whole lines alone, and up to where; `skipped` bytes before it were not, `note` says why.

    `written` is when the file was last written to, since the epoch.
    """

    data: bytes
    position: Position
    written: float
    skipped: int = 0
    note: str = ""


class _Part(NamedTuple):
    """Bytes of a file that are still to be read."""

    path: str
    start: int
    end: int
    packed: bool = False


def first_look(path: str, most: int = FIRST) -> Piece:
    """Return the end of a file. OSError; NoFile where it is none."""
    with _opened(path) as file:
        size = _size(file)
        start = max(0, size - most)
        data = _lines(file, start, size, whole=start == 0)
        written = os.fstat(file.fileno()).st_mtime
        return Piece(data, _position(file, size - _unfinished(file, start, size)), written, start)


def new_lines(path: str, known: Position, most: int = MOST) -> Piece:
    """Return what has come since a position, also what was rotated away meanwhile. OSError; NoFile."""
    with _opened(path) as file:
        size, here = _size(file), os.fstat(file.fileno())
        same = (here.st_dev, here.st_ino) == (known.device, known.inode)
        if same and size >= known.offset and _is_head(file, known):
            parts, note = [_Part(path, known.offset, size)], ""
        else:
            parts, note = _rotated(path, here, known)
            parts.append(_Part(path, 0, size))
        left = sum(part.end - part.start for part in parts)
        skipped = max(0, left - most)
        data = b"".join(_read(part, cut) for part, cut in _cut(parts, skipped))
        unfinished = _unfinished(file, parts[-1].start, size)
        return Piece(data, _position(file, size - unfinished), here.st_mtime, skipped, note)


def _opened(path: str) -> IO[bytes]:
    """Open a regular file; one that is a pipe or a device could keep us waiting."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: who writes to a pipe would notice
        raise NoFile("it is no regular file")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NoFile("it is no regular file")
    return os.fdopen(fd, "rb")


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _position(file: IO[bytes], offset: int) -> Position:
    there = os.fstat(file.fileno())
    size = min(HEAD, offset)
    return Position(
        device=there.st_dev, inode=there.st_ino, offset=offset, head=_hash(os.pread(file.fileno(), size, 0)),
        head_size=size,
    )  # fmt: skip


def _is_head(file: IO[bytes], known: Position) -> bool:
    return _hash(os.pread(file.fileno(), known.head_size, 0)) == known.head


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _lines(file: IO[bytes], start: int, end: int, *, whole: bool) -> bytes:
    """Return the whole lines between two offsets; the first may have begun before, and is left out unless `whole`."""
    data = os.pread(file.fileno(), end - start, start)
    if not whole:
        data = data.partition(b"\n")[2]
    return data[: len(data) - _rest(data)]


def _unfinished(file: IO[bytes], start: int, end: int) -> int:
    """Return how many bytes at the end are of a line that somebody still writes."""
    begin = max(start, end - LINE - 1)
    return _rest(os.pread(file.fileno(), end - begin, begin))


def _rest(data: bytes) -> int:
    rest = len(data) - 1 - data.rfind(b"\n")
    return rest if rest <= LINE else 0


def _cut(parts: Sequence[_Part], skipped: int) -> Iterator[tuple[_Part, bool]]:
    """Yield the parts without so many bytes at the beginning, and whether one was cut there."""
    for part in parts:
        size = part.end - part.start
        gone = min(size, skipped)
        skipped -= gone
        if gone < size:
            yield part._replace(start=part.start + gone), gone > 0


def _read(part: _Part, cut: bool) -> bytes:
    if part.packed:
        with gzip.open(part.path) as unpacked:
            unpacked.seek(part.start)
            data = unpacked.read(part.end - part.start)
        return data.partition(b"\n")[2] if cut else data
    with _opened(part.path) as file:
        return _lines(file, part.start, part.end, whole=not cut)


def _rotated(path: str, here: os.stat_result, known: Position) -> tuple[list[_Part], str]:
    """Return what of the file before, and of those between it and this one, was not read, and what can't be."""
    siblings = _siblings(path, here)
    order = sorted(range(len(siblings)), key=lambda number: siblings[number][1].st_ino != known.inode)
    for number in order:  # by its inode first: files may begin alike
        name, there = siblings[number]
        part = _same(name, there, known)
        if part:
            between, note = _whole(siblings[number + 1 :])
            return [part, *between], note
    return [], "rotated: what the file before had at its end was not found"


def _whole(siblings: Sequence[tuple[str, os.stat_result]]) -> tuple[list[_Part], str]:
    """Return all of these files, and a note on those that can't be unpacked."""
    parts, lost = [], []
    for name, there in siblings:
        if not _is_packed(name):
            parts.append(_Part(name, 0, there.st_size))
            continue
        try:
            parts.append(_Part(name, 0, _unpacked_size(name), packed=True))
        except (OSError, EOFError, zlib.error):  # packed in another way, or still being written
            lost.append(os.path.basename(name))
    return parts, f"rotated: {', '.join(lost)} can't be unpacked" if lost else ""


def _unpacked_size(name: str) -> int:
    """Return how large a file is, up to a limit; OSError where it is not packed by gzip."""
    with gzip.open(name) as unpacked:
        return _read_to_the_end(unpacked)


def _read_to_the_end(unpacked: gzip.GzipFile) -> int:
    """Return the offset of the end of an unpacked file, or the limit of what is unpacked."""
    while unpacked.tell() < UNPACKED and unpacked.read(1 << 20):
        pass
    return unpacked.tell()


def has_rotated(path: str) -> bool:
    """Tell whether there are files that a rotation has made of one: what it has is not all that there was."""
    return bool(_siblings(path, os.stat(path)))


def moved(path: str, known: Position) -> Position | None:
    """Return the place in a file that is the one of a position, renamed or copied; None where it is another one."""
    try:
        with _opened(path) as file:
            if not known.head_size or _size(file) < known.offset or not _is_head(file, known):
                return None
            here = os.fstat(file.fileno())
            return replace(known, device=here.st_dev, inode=here.st_ino)
    except OSError:
        return None


def follow(paths: Sequence[str], files: dict[str, Position], oldest: float) -> list[str]:
    """Follow those files that have another name now, and return those that the paths no longer mean.

    A file that has come to a place is read where it was left at its old one. Those that are gone, or to which nothing
    was written since a time, are forgotten: what they have counts no more.
    """
    for path in [path for path in paths if path not in files]:
        for old, known in files.items():
            here = moved(path, known)
            if here and not moved(old, known):
                files[path] = here
                del files[old]
                break
    gone = [path for path in files if path not in paths]
    for path in [path for path in gone if _written(path) < oldest]:
        gone.remove(path)
        del files[path]
    return gone


def _written(path: str) -> float:
    """Return when a file was written to, since the epoch; 0 where there is none, or this user may not know."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _siblings(path: str, here: os.stat_result) -> list[tuple[str, os.stat_result]]:
    """Return the files beside it that a rotation may have made of it, the oldest first."""
    folder, name = os.path.split(path)
    found = []
    with os.scandir(folder or ".") as entries:
        for entry in entries:
            if is_rotated(entry.name, name) and entry.is_file(follow_symlinks=False):
                there = entry.stat(follow_symlinks=False)
                if there.st_ino != here.st_ino:
                    found.append((entry.path, there))
    return sorted(found, key=lambda each: each[1].st_mtime)[-SIBLINGS:]


def is_rotated(other: str, name: str) -> bool:
    """Tell whether a file is called as a rotation calls what it makes of a log."""
    for packing in (*PACKED, *UNKNOWN_PACKING):
        other = other.removesuffix(packing)
    stem, ending = os.path.splitext(name)
    if ending and other.endswith(ending) and _ROTATED.fullmatch(other[len(stem) : -len(ending)]):
        return other.startswith(stem)
    return other.startswith(name) and bool(_ROTATED.fullmatch(other[len(name) :]))


def _is_packed(name: str) -> bool:
    return name.endswith((*PACKED, *UNKNOWN_PACKING))


def _same(name: str, there: os.stat_result, known: Position) -> _Part | None:
    """Return the rest of a file, if it is the one that the position is in: by its first bytes, whatever its inode."""
    try:
        if not known.head_size and there.st_ino != known.inode:
            return None  # nothing had been written yet: any file would do
        if name.endswith(PACKED):
            return _same_packed(name, known)
        if there.st_size < known.offset or _is_packed(name):
            return None
        with _opened(name) as file:
            return _Part(name, known.offset, there.st_size) if _is_head(file, known) else None
    except (OSError, EOFError, zlib.error):  # gone meanwhile, not ours to read, or still being written
        return None


def _same_packed(name: str, known: Position) -> _Part | None:
    with gzip.open(name) as unpacked:
        if _hash(unpacked.read(known.head_size)) != known.head:
            return None
        size = _read_to_the_end(unpacked)
    return _Part(name, known.offset, size, packed=True) if size >= known.offset else None
