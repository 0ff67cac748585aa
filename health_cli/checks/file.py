"""file:NAME: how old and how large a file is: a backup, a heartbeat."""

import glob
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from health_cli.core.age import AHEAD, age_of
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize

MOST = 100_000  # files that are looked at

METRICS = (
    metric("age", "s", help="Seconds since the file, or the newest of several, was written."),
    metric("size", "B", help="Bytes of that one."),
    metric("files", help="Files that the path means."),
)


class Found(NamedTuple):
    """A file: when it was written, how large it is, and where."""

    written: float
    size: int
    path: str


@dataclass(frozen=True, kw_only=True)
class File(Check):
    """A file that must be there: `"CHECKS": {"file:backup": {"FILE": "/srv/backup/*.gz", "critical": {"age": "26h"}}}`.

    Of a glob the newest file counts, so that the one of last night is asked for whatever it is called; `**` goes
    into folders. Where there is none, that is critical. `warning` and `critical` are ranges for `age`, or for several:
    `"critical": {"age": "26h", "size": "1MiB:"}` is also critical where the newest is smaller than 1 MiB. One whose
    time is yet to come, by more than a minute, is left out: it would stay young, whatever happens. That is a warning,
    and where there is no other, the check is unknown.

    Needs the right to enter the folder, and none to read the file.
    """

    name: str = "file"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    path: str = ""
    main: ClassVar[str] = "age"

    def gather(self) -> Measurement:
        """Look at all that the path means."""
        found = list(self._found())
        if not found and os.path.isdir(self.path):
            raise Failure(
                Kind.MISCONFIGURED, f"{self.path} is a folder, no file.", summary="a folder", status=Status.UNKNOWN,
                hint=f"Name the files in it: {self.path.rstrip('/')}/*",
            )  # fmt: skip
        if not found:
            raise Failure(
                Kind.MISSING, f"There is no file {self.path}.", summary="no file",
                hint="Did what writes it run, and did it write there?",
            )  # fmt: skip
        now = time.time()
        past = [each for each in found if each.written <= now + AHEAD]
        newest = max(past or found)
        values = {"age": age_of(newest.path, newest.written), "size": newest.size, "files": len(found)}
        return Measurement(values=values, facts={"newest": newest.path, "ahead": len(found) - len(past)})

    def _found(self) -> list[Found]:
        found = []
        for number, path in enumerate(glob.iglob(self.path, recursive=True, include_hidden=True)):
            if number >= MOST:
                raise Failure(
                    Kind.MISCONFIGURED, f"{self.path} means more than {MOST:,} files.", summary="too many files",
                    hint="Let the path say more.", status=Status.UNKNOWN,
                )  # fmt: skip
            try:
                about = os.stat(path)
            except FileNotFoundError:  # deleted just now, or a link to nothing
                continue
            except OSError as error:
                raise self._refused(path, error) from error
            if stat.S_ISREG(about.st_mode):
                found.append(Found(about.st_mtime, about.st_size, path))
        if not found:
            self._refuse_closed_folder()
        return found

    def _refuse_closed_folder(self) -> None:
        """Raise Failure where the folder can't be looked into: that there is no file is not known then."""
        folder = os.path.dirname(re.split(r"[*?[]", self.path, maxsplit=1)[0]) or "."
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused(folder, error) from error

    def _refused(self, path: str, error: OSError) -> Failure:
        return Failure(
            Kind.AUTH if isinstance(error, PermissionError) else Kind.MISCONFIGURED,
            f"{path} can't be looked at: {error.strerror}.", summary="not readable", status=Status.UNKNOWN,
            hint=f"Let this user enter each folder of it: namei -l {path}; setfacl -m u:{os.getuid()}:rx FOLDER",
        )  # fmt: skip

    def judge(self, measurement: Measurement) -> Result:
        """Say how old and how large the newest is."""
        age, size = humanize(measurement.values["age"], "s"), humanize(measurement.values["size"], "B")
        summary = f"{os.path.basename(measurement.facts['newest'])}, {age} old, {size}"
        return self.result(measurement, summary=summary, findings=list(_ahead(measurement.facts["ahead"])))


def _ahead(count: int) -> Iterator[Finding]:
    if count:
        yield Finding(
            status=Status.WARNING, kind=Kind.MISCONFIGURED, summary=f"{count} of a time to come",
            message=f"{count} of the files is of a time to come, and left out",
            hint="Is the clock right of who wrote it? touch sets its time.",
        )  # fmt: skip
