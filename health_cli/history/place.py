"""Place: the folder on this host that keeps a project's runs, found without loading its settings.

`HEALTH_STATE_DIR`, else /var/lib/health-cli for root, else `$XDG_STATE_HOME/health-cli`, else
~/.local/state/health-cli; in it a folder a project, named by its settings module and by where that module lies, so
that two checkouts under one user are kept apart.
"""

import contextlib
import errno
import os
import pwd
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from health_cli.config.where import Where, where
from health_cli.core.errors import ConfigError

NO_PROJECT = "host"
RETRY = 0.02  # seconds between two looks at a lock that somebody else has


class NothingYet(ConfigError):
    """There is no record so far."""


class Project(NamedTuple):
    """Where a command was told that the settings are."""

    settings: str | None = None
    chdir: str | None = None
    pythonpath: str | None = None


class Place:
    """The folder of one project. Nothing is made until something is written."""

    def __init__(self, folder: Path) -> None:
        """Take the folder as it is, or as it is not yet."""
        self.folder = folder
        self.spool = folder / "spool"
        self.aside = folder / "damaged"
        self.state = folder / "state.json"
        self.last = folder / "last.json"
        self.forecast = folder / "forecast.json"
        self.database = folder / "record.sqlite3"

    @classmethod
    def of(cls, project: Project, environ: Mapping[str, str]) -> "Place":
        """Return the place of a project; ConfigError where it can't be told."""
        return cls(Path(base(environ), key(where(*project))))

    @property
    def project(self) -> str:
        """What the project is called: its settings module."""
        return self.folder.name.partition("-")[0]

    def make(self) -> None:
        """Make the folders, closed to others; OSError where that can't be done."""
        make_folder(self.folder)
        make_folder(self.spool)

    @contextlib.contextmanager
    def locked(self, name: str, seconds: float) -> Iterator[bool]:
        """Hold a lock that the kernel releases with its holder; False where it was not to be had in that time.

        A forked child has no part in it. OSError where the folder can't be written to.
        """
        lock = Lock(self.folder / f"{name}.lock")
        try:
            yield lock.take(seconds)
        finally:
            lock.release()


class Lock:
    """A lock on a file, for processes and for threads."""

    def __init__(self, path: Path) -> None:
        """Take nothing yet."""
        self._path, self._fd = path, -1

    def take(self, seconds: float = 0, *, stop: Callable[[], bool] = lambda: False) -> bool:
        """Take it, waiting that long at the most, or until `stop`; OSError where the folder can't be written to."""
        import fcntl

        until = time.monotonic() + seconds
        self._fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
        _OPEN.add(self._fd)
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until or stop():
                    self.release()
                    return False
                time.sleep(RETRY)
            else:
                self._sign()
                return True

    def _sign(self) -> None:
        """Write down who holds it: for messages, so that a full disk is no matter."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()} {time.time():.0f}\n".encode(), 0)

    def holder(self) -> tuple[int, float] | None:
        """Return the pid of who has or had it last, and since when, in seconds since the epoch."""
        try:
            pid, since = self._path.read_text().split()
            return int(pid), float(since)
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        """Give it back, if it was taken."""
        if self._fd >= 0:
            _OPEN.discard(self._fd)
            os.close(self._fd)
            self._fd = -1


_OPEN: set[int] = set()


def _close_in_child() -> None:
    """Close the parent's locks in a child: else a child that hangs would hold them when the parent has died."""
    for fd in _OPEN:
        os.close(fd)
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def base(environ: Mapping[str, str]) -> str:
    """Return the folder of all projects of this user; ConfigError where it can't be told."""
    if told := environ.get("HEALTH_STATE_DIR", ""):
        if not os.path.isabs(told):  # each command would find another folder, by where it was called
            raise ConfigError(f"HEALTH_STATE_DIR is {told!r}: give an absolute path, such as /var/lib/health-cli.")
        return os.path.normpath(told)
    if os.getuid() == 0:
        return "/var/lib/health-cli"
    if os.path.isabs(told := environ.get("XDG_STATE_HOME", "")):  # one that is relative is to be ignored, by its rules
        return os.path.join(told, "health-cli")
    home = environ.get("HOME") or _home()
    return os.path.join(home, ".local/state/health-cli")


def _home() -> str:
    """Return the home folder of an account that has no HOME in its environment, as under Nagios."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise ConfigError(
            f"There is no place for the record: the user {os.getuid()} has no home folder.",
            hint="Name one with HEALTH_STATE_DIR.",
        ) from None


def key(found: Where) -> str:
    """Return the name of a project's folder."""
    if not found.module:
        return NO_PROJECT
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in found.module)
    file = _file_of(found)
    return f"{name}-{zlib.crc32(file.encode()):08x}" if file else name


def _file_of(found: Where) -> str:
    """Return the file of the settings module, found as the import would but without importing its packages.

    Links stay: a project that is deployed by turning a link to another folder is the same as before.
    """
    parts = found.module.split(".")
    for folder in (*found.folders, *(path or os.getcwd() for path in sys.path)):
        stem = os.path.join(folder, *parts)
        for file in (f"{stem}.py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(file):
                return os.path.abspath(file)
    return ""


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder and those above it; OSError where that can't be done, or where there is a link or a file."""
    if not folder.parent.exists():
        make_folder(folder.parent, 0o755)
    try:
        folder.mkdir(mode)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise
    else:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _give(fd, folder.parent)
        finally:
            os.close(fd)


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file of ours and give it to the owner of its folder; OSError.

    No link is followed: where root records for another user, that one could lead it to a file of somebody else's.
    """
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(errno.EMLINK, "it is no plain file, or has another name", str(path))
        _give(fd, path.parent)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _give(fd: int, folder: Path) -> None:
    """Let what root has made belong to the owner of its folder, who could not go on with it else. OSError."""
    if os.geteuid() == 0:
        owner = os.stat(folder)
        if owner.st_uid:
            os.fchown(fd, owner.st_uid, owner.st_gid)


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that is whole or not there: a temporary name, fsync, rename, and the folder's fsync. OSError.

    One writer at a time: whoever writes a file here has the lock that goes with it.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    fd = open_own(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make a rename outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_json(path: Path) -> Any:
    """Return what a JSON file of ours holds, None where there is none; ValueError for a damaged one, OSError."""
    import json

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
