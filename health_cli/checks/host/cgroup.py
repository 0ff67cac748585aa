"""Control groups: the limits that a container or a systemd slice puts on this process.

Version 1 and 2, and both at once. The limit of any group on the way up to the root counts, so the
tightest is taken. What binds is found through /proc/self/cgroup and /proc/self/mountinfo, since the
hierarchy may be mounted anywhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from health_cli.checks.host.procfs import read, unescape

# What version 1 writes for "no limit": the largest multiple of the page size in a signed 64-bit number.
_NO_LIMIT = 1 << 62


class MemoryLimit(NamedTuple):
    """The tightest memory limit above this process, and what counts against it; both in bytes.

    `used` leaves out the page cache that the kernel would drop first (inactive_file).
    """

    limit: int
    used: int
    path: str


class _Hierarchy(NamedTuple):
    version: int
    folder: Path
    root: Path


def memory_limit(proc: str = "/proc") -> MemoryLimit | None:
    """Return the tightest memory limit, None where there is none or no cgroup can be read."""
    limits = [
        found
        for hierarchy in _hierarchies("memory", Path(proc))
        for folder in _upwards(hierarchy)
        if (found := _memory_at(folder, hierarchy.version))
    ]
    return min(limits, key=lambda found: found.limit, default=None)


class CpuLimit(NamedTuple):
    """The tightest CPU quota above this process.

    `cpus` is how many it allows; `used` the CPU seconds that its group has used, None where it does not say.
    """

    cpus: float
    used: float | None


def cpu_limit(proc: str = "/proc") -> CpuLimit | None:
    """Return the tightest CPU quota, None where there is none."""
    limits = [
        limit
        for hierarchy in _hierarchies("cpu", Path(proc))
        for folder in _upwards(hierarchy)
        if (limit := _cpus_at(folder, hierarchy.version))
    ]
    return min(limits, key=lambda limit: limit.cpus, default=None)


def _hierarchies(controller: str, proc: Path) -> Iterator[_Hierarchy]:
    """Yield our group in the v1 hierarchy of a controller, and in the v2 hierarchy."""
    mounts = list(_mounts(proc))
    for line in read(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for version, root, point in mounts:
            ours = not controllers if version == "2" else controller in controllers.split(",")
            if ours and (version == "2" or controller in version.split(",")):
                yield _Hierarchy(2 if version == "2" else 1, _below(point, root, path), Path(point))


def _mounts(proc: Path) -> Iterator[tuple[str, str, str]]:
    """Yield ("2" or the v1 options, root, mount point) of each mounted cgroup hierarchy."""
    for line in read(proc / "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        if kind == "cgroup2":
            yield "2", unescape(fields[3]), unescape(fields[4])
        elif kind == "cgroup":
            yield options, unescape(fields[3]), unescape(fields[4])


def _below(point: str, root: str, path: str) -> Path:
    """Return the folder of our group; inside a cgroup namespace that is the mount point itself."""
    inside = path == root or path.startswith(f"{root}/")
    inner = path.removeprefix(root) if inside else path
    folder = Path(point, inner.lstrip("/"))
    return folder if folder.is_dir() else Path(point)


def _upwards(hierarchy: _Hierarchy) -> Iterator[Path]:
    folder = hierarchy.folder
    while folder != hierarchy.root and hierarchy.root in folder.parents:
        yield folder
        folder = folder.parent
    yield hierarchy.root


def _memory_at(folder: Path, version: int) -> MemoryLimit | None:
    limit_file, used_file, cache_key = (
        ("memory.max", "memory.current", "inactive_file")
        if version == 2
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    limit, used = _number(folder / limit_file), _number(folder / used_file)
    if limit is None or used is None or limit >= _NO_LIMIT:
        return None
    stat = dict(line.split(None, 1) for line in read(folder / "memory.stat").splitlines())
    return MemoryLimit(limit=limit, used=max(0, used - int(stat.get(cache_key, 0))), path=str(folder))


def _cpus_at(folder: Path, version: int) -> CpuLimit | None:
    if version == 2:
        quota, _, period = read(folder / "cpu.max").partition(" ")
        usage = dict(line.split(None, 1) for line in read(folder / "cpu.stat").splitlines()).get("usage_usec", "")
        used = int(usage) / 1e6 if usage.isdigit() else None
    else:
        quota, period = read(folder / "cpu.cfs_quota_us"), read(folder / "cpu.cfs_period_us")
        nanoseconds = _number(folder / "cpuacct.usage")
        used = None if nanoseconds is None else nanoseconds / 1e9
    if not quota.strip().isdigit() or not period.strip().isdigit():
        return None
    return CpuLimit(cpus=int(quota) / int(period), used=used)


def _number(path: Path) -> int | None:
    text = read(path).strip()
    return int(text) if text.isdigit() else None
