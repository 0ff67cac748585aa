"""Control groups of every kind, in trees made as the kernel makes them."""

from pathlib import Path

import pytest

from health_cli.checks.host.cgroup import cpu_limit, memory_limit
from tests.checks.host.proc_tree import V1_NO_LIMIT, Tree, v1, v2

MIB = 1 << 20
GIB = 1 << 30
V2_MOUNT = "30 23 0:26 / {sys} rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MEMORY = "35 31 0:32 / {sys}/memory rw,relatime - cgroup cgroup rw,memory\n"
V1_CPU = "36 31 0:33 / {sys}/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
V1_CPUSET = "34 31 0:31 / {sys}/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
UNIFIED = "41 31 0:38 / {sys}/unified rw,relatime - cgroup2 cgroup2 rw\n"
OTHERS = (
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard\n"
)


def cpus_of(proc: str) -> float | None:
    """The CPUs of the tightest quota."""
    found = cpu_limit(proc)
    return found.cpus if found else None


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_v2_reads_limit_and_use_without_the_inactive_page_cache(tree: Tree) -> None:
    tree.write(cgroup="0::/system.slice/shop.service\n", mountinfo=OTHERS + V2_MOUNT)
    tree.group("system.slice/shop.service", v2(512 * MIB, 300 * MIB, 100 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.used) == (512 * MIB, 200 * MIB)
    assert found.path == str(tree.mounted("system.slice/shop.service"))


def test_v2_takes_the_tightest_limit_which_is_on_a_parent(tree: Tree) -> None:
    tree.write(cgroup="0::/shop.slice/web.slice/web.service\n", mountinfo=V2_MOUNT)
    tree.group("shop.slice", v2(256 * MIB, 250 * MIB))
    tree.group("shop.slice/web.slice", v2("max", 200 * MIB))
    tree.group("shop.slice/web.slice/web.service", v2(1 * GIB, 100 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.used, found.path) == (256 * MIB, 250 * MIB, str(tree.mounted("shop.slice")))


def test_v2_takes_the_tightest_limit_which_is_our_own(tree: Tree) -> None:
    tree.write(cgroup="0::/shop.slice/web.service\n", mountinfo=V2_MOUNT)
    tree.group("shop.slice", v2(1 * GIB, 900 * MIB))
    tree.group("shop.slice/web.service", v2(128 * MIB, 1 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.limit == 128 * MIB


def test_v2_max_everywhere_is_no_limit(tree: Tree) -> None:
    tree.write(cgroup="0::/a/b\n", mountinfo=V2_MOUNT)
    tree.group("a", v2("max", 1)).group("a/b", {**v2("max", 1), "cpu.max": "max 100000"})
    assert memory_limit(tree.proc) is None
    assert cpus_of(tree.proc) is None


def test_v2_in_a_cgroup_namespace_the_files_are_at_the_mount_point(tree: Tree) -> None:
    tree.write(cgroup="0::/\n", mountinfo=V2_MOUNT)
    tree.group("", {**v2(64 * MIB, 10 * MIB), "cpu.max": "150000 100000"})
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.path) == (64 * MIB, str(tree.mounted("")).rstrip("/"))
    assert cpus_of(tree.proc) == 1.5


def test_a_container_that_sees_the_hosts_path_but_only_its_own_group(tree: Tree) -> None:
    tree.write(
        cgroup="4:memory:/docker/0123abcd\n0::/docker/0123abcd\n",
        mountinfo="35 31 0:32 /docker/0123abcd {sys}/memory ro,relatime - cgroup cgroup rw,memory\n",
    )
    tree.group("memory", v1(200 * MIB, 50 * MIB, 10 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.used, found.path) == (200 * MIB, 40 * MIB, str(tree.mounted("memory")))


def test_v1_a_group_below_the_one_that_is_mounted(tree: Tree) -> None:
    tree.write(
        cgroup="4:memory:/docker/0123abcd/inner\n",
        mountinfo="35 31 0:32 /docker/0123abcd {sys}/memory ro,relatime - cgroup cgroup rw,memory\n",
    )
    tree.group("memory", v1(200 * MIB, 50 * MIB)).group("memory/inner", v1(100 * MIB, 20 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.path == str(tree.mounted("memory/inner"))


def test_v1_a_mount_whose_root_only_begins_like_our_path(tree: Tree) -> None:
    tree.write(
        cgroup="4:memory:/docker/abcdef\n",
        mountinfo="35 31 0:32 /docker/abc {sys}/memory ro,relatime - cgroup cgroup rw,memory\n",
    )
    tree.group("memory", v1(300 * MIB, 1)).group("memory/def", v1(1 * MIB, 1))
    found = memory_limit(tree.proc)
    assert found is None or found.limit != 1 * MIB, "the limit of a group that is none of ours"


def test_v1_reads_limit_use_and_the_total_inactive_file(tree: Tree) -> None:
    tree.write(cgroup="5:cpu,cpuacct:/shop\n4:memory:/shop\n1:name=systemd:/shop\n", mountinfo=V1_CPU + V1_MEMORY)
    tree.group("memory/shop", v1(1 * GIB, 700 * MIB, 200 * MIB)).group("memory", v1(V1_NO_LIMIT, 8 * GIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.used) == (1 * GIB, 500 * MIB)


@pytest.mark.parametrize("no_limit", [V1_NO_LIMIT, 9223372036854775807, 9223372036854710272])
def test_v1_the_largest_number_is_no_limit(tree: Tree, no_limit: int) -> None:
    tree.write(cgroup="4:memory:/shop\n", mountinfo=V1_MEMORY)
    tree.group("memory", v1(no_limit, 8 * GIB)).group("memory/shop", v1(no_limit, 1 * GIB))
    assert memory_limit(tree.proc) is None


def test_v1_takes_the_tightest_limit_which_is_on_a_parent(tree: Tree) -> None:
    tree.write(cgroup="4:memory:/kubepods/burstable/pod1\n", mountinfo=V1_MEMORY)
    tree.group("memory", v1(V1_NO_LIMIT, 8 * GIB)).group("memory/kubepods", v1(2 * GIB, 1 * GIB))
    tree.group("memory/kubepods/burstable", v1(V1_NO_LIMIT, 1 * GIB))
    tree.group("memory/kubepods/burstable/pod1", v1(4 * GIB, 1 * GIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert (found.limit, found.path) == (2 * GIB, str(tree.mounted("memory/kubepods")))


def test_hybrid_reads_memory_where_the_controller_is(tree: Tree) -> None:
    tree.write(
        cgroup="9:name=systemd:/shop\n4:memory:/shop\n3:cpuset:/\n2:cpu,cpuacct:/shop\n0::/shop\n",
        mountinfo=OTHERS + V1_CPUSET + V1_CPU + V1_MEMORY + UNIFIED,
    )
    tree.group("unified/shop", {"cgroup.procs": 1}).group("memory/shop", v1(400 * MIB, 40 * MIB))
    tree.group("cpu,cpuacct/shop", {"cpu.cfs_quota_us": 50000, "cpu.cfs_period_us": 100000})
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.path == str(tree.mounted("memory/shop"))
    assert cpus_of(tree.proc) == 0.5


def test_the_cpuset_controller_is_not_taken_for_the_cpu_controller(tree: Tree) -> None:
    tree.write(cgroup="3:cpuset:/shop\n", mountinfo=V1_CPUSET)
    tree.group("cpuset/shop", {"cpu.cfs_quota_us": 50000, "cpu.cfs_period_us": 100000})
    assert cpus_of(tree.proc) is None


@pytest.mark.parametrize(("quota", "cpus"), [("200000 100000", 2.0), ("5000 10000", 0.5), ("max 100000", None)])
def test_v2_cpu_quota(tree: Tree, quota: str, cpus: float | None) -> None:
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", {"cpu.max": quota})
    assert cpus_of(tree.proc) == cpus


def test_v2_the_tightest_cpu_quota_is_on_a_parent(tree: Tree) -> None:
    tree.write(cgroup="0::/a/b/c\n", mountinfo=V2_MOUNT).group("a", {"cpu.max": "100000 100000"})
    tree.group("a/b", {"cpu.max": "max 100000"}).group("a/b/c", {"cpu.max": "400000 100000"})
    assert cpus_of(tree.proc) == 1.0


@pytest.mark.parametrize(("quota", "cpus"), [(-1, None), (25000, 0.25), (400000, 4.0)])
def test_v1_cpu_quota_of_minus_one_is_none(tree: Tree, quota: int, cpus: float | None) -> None:
    tree.write(cgroup="2:cpu,cpuacct:/shop\n", mountinfo=V1_CPU)
    tree.group("cpu,cpuacct/shop", {"cpu.cfs_quota_us": quota, "cpu.cfs_period_us": 100000})
    assert cpus_of(tree.proc) == cpus


def test_use_is_never_negative(tree: Tree) -> None:
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", v2(10 * MIB, 1 * MIB, 2 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.used == 0


@pytest.mark.parametrize("missing", ["memory.max", "memory.current"])
def test_a_group_without_its_files_says_nothing(tree: Tree, missing: str) -> None:
    files = v2(10 * MIB, 1 * MIB)
    del files[missing]
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", files)
    assert memory_limit(tree.proc) is None


def test_without_memory_stat_all_use_counts(tree: Tree) -> None:
    files = v2(10 * MIB, 4 * MIB, 1 * MIB)
    del files["memory.stat"]
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", files)
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.used == 4 * MIB


def test_a_path_whose_folder_is_gone_falls_back_to_the_mount_point(tree: Tree) -> None:
    tree.write(cgroup="0::/../other\n", mountinfo=V2_MOUNT).group("", v2(32 * MIB, 1 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.limit == 32 * MIB


def test_no_proc_at_all_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(str(tmp_path)) is None
    assert cpus_of(str(tmp_path)) is None


def test_a_proc_without_mounted_hierarchies_is_no_limit(tree: Tree) -> None:
    tree.write(cgroup="0::/shop\n", mountinfo=OTHERS)
    assert memory_limit(tree.proc) is None


def test_a_mount_with_an_empty_source_is_read_past(tree: Tree) -> None:
    """`mount -t tmpfs '' /mnt` gives a line with two blanks where the source should be."""
    tree.write(cgroup="0::/shop\n", mountinfo="42 27 0:39 / /mnt rw,relatime - tmpfs  rw,size=1024k\n" + V2_MOUNT)
    tree.group("shop", v2(10 * MIB, 1 * MIB))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.limit == 10 * MIB


def test_a_mount_whose_name_is_no_utf_8_is_read_past(tree: Tree) -> None:
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", v2(10 * MIB, 1 * MIB))
    path = Path(tree.proc, "self/mountinfo")
    path.write_bytes(b"43 27 0:40 / /mnt/f\xfcr rw,relatime - tmpfs x rw\n" + path.read_bytes())
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.limit == 10 * MIB


def test_a_hierarchy_mounted_below_a_name_with_a_blank(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "with blank")
    (tmp_path / "with blank").mkdir()
    tree.write(cgroup="0::/shop\n", mountinfo=V2_MOUNT).group("shop", v2(10 * MIB, 1 * MIB))
    path = Path(tree.proc, "self/mountinfo")
    path.write_text(path.read_text().replace("with blank", "with\\040blank"))
    found = memory_limit(tree.proc)
    assert found is not None
    assert found.limit == 10 * MIB


def test_the_real_proc_can_be_read() -> None:
    found = memory_limit()
    assert found is None or 0 <= found.used <= found.limit * 2
    quota = cpu_limit()
    assert quota is None or quota.cpus > 0
