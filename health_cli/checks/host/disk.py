"""host.disk:MOUNT: the room left on a file system, in bytes and in inodes."""

import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from health_cli.checks.host.procfs import read, unescape
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.instance import instance_of, named_by
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.core.units import humanize

GIB = 1 << 30
_HINT = "See what fills it: du -xh --max-depth=2 {mount}. Old logs and core dumps go first."

METRICS = (
    metric(
        "used_percent", "%", warning="85", critical="95", hint=_HINT,
        help="Used bytes of those that ordinary users can have, as df shows it. The defaults are raised "
        "on large file systems, so that they never alert above 50 GiB (warning) or 20 GiB (critical) left.",
    ),
    metric(
        "available", "B", critical="500MiB:", hint=_HINT,
        help="Bytes left for ordinary users; those reserved for root are not in it. The default counts "
        "only on file systems larger than 5 GiB.",
    ),
    metric("total", "B", help="Size of the file system."),
    metric("reserved", "B", help="Bytes that only root can use."),
    metric(
        "inodes_used_percent", "%", warning="90", critical="95",
        hint="Many small files use them up: find {mount} -xdev -type d -size +1M shows large folders.",
        help="Inodes in use; 90 and 95: Checkmk's and node-mixin's 10 and 5 % left.",
    ),
)  # fmt: skip
_DEFAULTS = {m.name: m for m in METRICS}


@dataclass(frozen=True, kw_only=True)
class Disk(Check):
    """One mounted file system: bytes, inodes, blocks reserved for root, and whether it takes writes.

    Found by itself: every local file system that this user can reach, once; pseudo and network ones are
    left out. MOUNTS in the setting names others; a network mount whose server hangs then ends with a timeout, alone.
    A file system that /etc/fstab mounts for writing and that is read-only now is critical: that is what
    the kernel does to a failing disk.
    """

    name: str = "host.disk:/"
    metrics: tuple[Metric, ...] = field(default=METRICS)

    @property
    def mount(self) -> str:
        """The mount point: the instance in the name, where what no name can hold is percent-encoded."""
        return named_by(self.name)

    def gather(self) -> Measurement:
        """Ask the file system."""
        try:
            stat = os.statvfs(self.mount)
        except (FileNotFoundError, NotADirectoryError):
            raise Failure(
                Kind.MISSING, f"There is no {self.mount}.", summary="not there",
                hint="Is it mounted? Take it out of MOUNTS in HEALTH_CLI if it is gone for good.",
            ) from None  # fmt: skip
        except PermissionError:
            raise Failure(
                Kind.AUTH, f"{self.mount} can't be looked at by this user.", summary="permission denied",
                status=Status.UNKNOWN, hint="Run as a user who may enter the folders above it.",
            ) from None  # fmt: skip
        except OSError as error:
            raise Failure(
                Kind.REFUSED, f"{self.mount} does not answer: {error.strerror}.", summary=str(error.strerror),
                hint="A network mount whose server is gone, or a failing disk? See dmesg; umount -l frees it.",
            ) from error  # fmt: skip
        return measure(stat, expected_writable(self.mount))

    def judge(self, measurement: Measurement) -> Result:
        """Judge room and inodes by thresholds that fit the size, and a read-only remount."""
        values = measurement.values
        fitted = replace(self, metrics=tuple(self._fit(m, values["total"]) for m in self.metrics))
        summary = f"{humanize(values['available'], 'B')} of {humanize(values['total'], 'B')} available"
        findings = [_REMOUNTED] if measurement.facts["read_only"] and measurement.facts["fstab_writable"] else []
        return fitted.result(measurement, summary=summary, findings=findings)

    def _fit(self, item: Metric, total: float) -> Metric:
        """Return a metric with its defaults fitted to the size; what somebody has set stays."""
        default = _DEFAULTS.get(item.name)
        if default is None or item.warning is not default.warning or item.critical is not default.critical:
            return item
        if item.name == "available" and total <= 5 * GIB:
            return replace(item, critical=None)
        if item.name == "used_percent" and total > 0:
            return replace(item, warning=_raised(85, 50 * GIB, total), critical=_raised(95, 20 * GIB, total))
        return item


def disk(mount: str) -> Disk:
    """Return the check of a mount point, with hints that name it."""
    metrics = tuple(replace(item, hint=item.hint.format(mount=mount)) for item in METRICS)
    return Disk(name=f"host.disk:{instance_of(mount)}", metrics=metrics)


_REMOUNTED = Finding(
    status=Status.CRITICAL,
    kind=Kind.READ_ONLY,
    summary="read-only",
    message="The file system is read-only, but /etc/fstab mounts it for writing",
    hint="The kernel does this after disk errors: see dmesg, save what can be read, check the disk.",
)


def _raised(percent: float, enough: float, total: float) -> Threshold:
    """Return the percentage at which less than `enough` bytes are left, `percent` at the least."""
    return Threshold(end=max(percent, math.ceil(1e8 * (1 - enough / total)) / 1e6))


def _floor(percent: float) -> float:
    """Cut to four decimals, never up: rounding must not make a disk look fuller than its threshold."""
    return math.floor(percent * 1e4) / 1e4


def measure(stat: os.statvfs_result, fstab_writable: bool) -> Measurement:
    """Count as df does: what is reserved for root is neither used nor available."""
    total, free, available = (blocks * stat.f_frsize for blocks in (stat.f_blocks, stat.f_bfree, stat.f_bavail))
    used = total - free
    values: dict[str, float] = {"total": total, "available": available, "reserved": free - available}
    missing = {}
    if used + available > 0:
        values["used_percent"] = _floor(100 * used / (used + available))
    else:
        missing["used_percent"] = "the file system has no size"
    if stat.f_files:
        taken = stat.f_files - stat.f_ffree
        values["inodes_used_percent"] = round(100 * taken / (taken + stat.f_favail or 1), 2)
    else:
        missing["inodes_used_percent"] = "this file system has no fixed number of inodes"
    facts = {"read_only": bool(stat.f_flag & os.ST_RDONLY), "fstab_writable": fstab_writable}
    return Measurement(values=values, missing=missing, facts=facts)


def expected_writable(mount: str, fstab: str = "/etc/fstab") -> bool:
    """Tell whether fstab mounts this for writing; False where it does not mention it."""
    lines = read(Path(fstab)).splitlines()
    entries = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return any(len(e) > 3 and unescape(e[1]) == mount and "ro" not in e[3].split(",") for e in entries)
