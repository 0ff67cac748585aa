"""A made-up /proc and /sys/fs/cgroup in a folder, laid out as the kernel does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

V1_NO_LIMIT = 9223372036854771712


@dataclass(frozen=True)
class Tree:
    """The folder of one test: `proc` goes to the functions, `sys` is where hierarchies are mounted."""

    root: Path

    @property
    def proc(self) -> str:
        """The folder to read instead of /proc."""
        return str(self.root / "proc")

    def mounted(self, name: str) -> Path:
        """Return the mount point of a hierarchy."""
        return self.root / "sys/fs/cgroup" / name

    def write(self, *, cgroup: str, mountinfo: str) -> "Tree":
        """Write both files of /proc/self; {sys} in mountinfo is where hierarchies are mounted."""
        folder = self.root / "proc/self"
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(cgroup)
        (folder / "mountinfo").write_text(mountinfo.format(sys=self.root / "sys/fs/cgroup"))
        return self

    def group(self, path: str, files: Mapping[str, object]) -> "Tree":
        """Make the folder of a group with its files."""
        folder = self.root / "sys/fs/cgroup" / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(f"{content}\n")
        return self


def v2(limit: object, used: int, inactive: int = 0) -> dict[str, object]:
    """Return the memory files of a version 2 group."""
    stat = f"anon {used - inactive}\nfile {inactive}\ninactive_file {inactive}\nactive_file 0"
    return {"memory.max": limit, "memory.current": used, "memory.stat": stat}


def v1(limit: int, used: int, inactive: int = 0) -> dict[str, object]:
    """Return the memory files of a version 1 group, in which only the total counts its children."""
    stat = f"cache {inactive}\ninactive_file 1\ntotal_inactive_file {inactive}"
    return {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used, "memory.stat": stat}
