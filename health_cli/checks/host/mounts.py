"""Mounts: which file systems of this host are worth watching."""

import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from health_cli.checks.host.procfs import read, unescape

if sys.platform != "linux":
    import psutil

# Pseudo file systems: node_exporter's list of ignored types, and a few that came later.
PSEUDO = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fuse.gvfsd-fuse "
    "fuse.lxcfs fuse.portal fuse.snapfuse fusectl hugetlbfs iso9660 mqueue nsfs proc procfs pstore ramfs "
    "rpc_pipefs securityfs selinuxfs squashfs sysfs tmpfs tracefs".split()
)
# A server that hangs would hang statvfs with it, in a sleep that no signal ends: watched when asked for.
NETWORK = frozenset("nfs nfs4 cifs smb3 smbfs ceph glusterfs 9p afs lustre virtiofs beegfs gpfs davfs".split())
_IGNORED = re.compile("^/((dev|proc|sys|snap)($|/)|(run/credentials|var/lib/docker|var/lib/containers/storage)/.)")


class Mount(NamedTuple):
    """One mounted file system: its device number, mount point and type."""

    device: str
    point: str
    kind: str


def watched(mountinfo: str = "/proc/self/mountinfo") -> list[str]:
    """Return the mount points to watch: each real, local file system that we can reach once.

    `/` always, and the folder of temporary files even where it lies in memory: uploads end when it is full.
    """
    points: dict[str, str] = {}
    always = {"/", temporary_folder()}
    for mount in _mounts(mountinfo):
        remote = mount.kind in NETWORK or mount.kind.split(".")[0] == "fuse"  # sshfs, s3fs, gcsfuse ...
        real = not remote and mount.kind not in PSEUDO | {"overlay"} and not _IGNORED.match(mount.point)
        if (mount.point in always or real) and os.path.isdir(mount.point):
            points[mount.device] = min(mount.point, points.get(mount.device, mount.point), key=len)
    return sorted({"/", *points.values()})


def temporary_folder() -> str:
    """Return the folder of temporary files: the one that Python's `tempfile` takes, even when it is full."""
    given = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    places = [*given, "/tmp", "/var/tmp"]  # noqa: S108  # looked at, never written to
    return next((os.path.abspath(place) for place in places if place and os.access(place, os.W_OK | os.X_OK)), "/")


def _mounts(mountinfo: str) -> Iterator[Mount]:
    """Yield what is mounted, from the kernel's own list or from psutil elsewhere."""
    if sys.platform != "linux":
        yield from (Mount(p.device, p.mountpoint, p.fstype) for p in psutil.disk_partitions(all=False))
        return
    for line in read(mountinfo).splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, source, _) = before.split(), after.split(" ", 2)
        # The datasets of a ZFS pool share its room; each has a device number of its own.
        device = f"zfs {source.partition('/')[0]}" if kind == "zfs" else fields[2]
        yield Mount(device, unescape(fields[4]), kind)
