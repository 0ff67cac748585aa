"""Control groups: the limits that a container or a systemd slice puts on this process.

Version 1 and 2, and both at once. The limit of any group on the way up to the root counts, so the
tightest is taken. What binds is found through /proc/self/cgroup and /proc/self/mountinfo, since the
hierarchy may be mounted anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What version 1 writes for "no limit": the largest multiple of the page size in a signed 64-bit number.
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """The tightest memory limit above this process, and what counts against it; both in bytes.

    `used` leaves out the page cache that the kernel would drop first (inactive_file).
    """

    limit: int
    used: int
    path: str


@dataclass(frozen=True, slots=True)
class _Hierarchy:
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


def cpu_limit(proc: str = "/proc") -> float | None:
    """Return how many CPUs the tightest quota allows, None where there is none."""
    quotas = [
        quota
        for hierarchy in _hierarchies("cpu", Path(proc))
        for folder in _upwards(hierarchy)
        if (quota := _cpus_at(folder, hierarchy.version))
    ]
    return min(quotas, default=None)


def _hierarchies(controller: str, proc: Path) -> Iterator[_Hierarchy]:
    """Yield our group in the v1 hierarchy of a controller, and in the v2 hierarchy."""
    mounts = list(_mounts(proc))
    for line in _read(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for version, root, point in mounts:
            ours = not controllers if version == "2" else controller in controllers.split(",")
            if ours and (version == "2" or controller in version.split(",")):
                yield _Hierarchy(2 if version == "2" else 1, _below(point, root, path), Path(point))


def _mounts(proc: Path) -> Iterator[tuple[str, str, str]]:
    """Yield ("2" or the v1 options, root, mount point) of each mounted cgroup hierarchy."""
    for line in _read(proc / "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(None, 2)
        if kind == "cgroup2":
            yield "2", fields[3], fields[4]
        elif kind == "cgroup":
            yield options, fields[3], fields[4]


def _below(point: str, root: str, path: str) -> Path:
    """Return the folder of our group; inside a cgroup namespace that is the mount point itself."""
    inner = path.removeprefix(root) if root != "/" and path.startswith(root) else path
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
    stat = dict(line.split(None, 1) for line in _read(folder / "memory.stat").splitlines())
    return MemoryLimit(limit=limit, used=max(0, used - int(stat.get(cache_key, 0))), path=str(folder))


def _cpus_at(folder: Path, version: int) -> float | None:
    if version == 2:
        quota, _, period = _read(folder / "cpu.max").partition(" ")
    else:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if not quota.strip().isdigit() or not period.strip().isdigit():
        return None
    return int(quota) / int(period)


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    """Return a file's text, nothing where it is not there or not for us."""
    try:
        return path.read_text()
    except OSError:
        return ""
