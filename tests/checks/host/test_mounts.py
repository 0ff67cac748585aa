"""Mounts: which of the kernel's many are watched, from lists as real hosts have them, and one real mount."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from health_cli.checks.host.mounts import NETWORK, PSEUDO, watched
from health_cli.config.hosts import host
from health_cli.config.setting import HealthSetting
from health_cli.config.source import Source
from health_cli.core.check import verify_name

ROOT = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
OVERLAY = "500 400 0:45 / / rw,relatime - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for mount points: only those that are folders are watched."""
    return tmp_path / "mnt"


def line(point: Path | str, kind: str, device: str = "8:17", root: str = "/") -> str:
    escaped = str(point).replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    return f"60 27 {device} {root} {escaped} rw,relatime shared:9 - {kind} /dev/sdb1 rw\n"


def listed(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "mountinfo").write_text(text)
    return watched(str(tmp_path / "mountinfo"))


def made(folder: Path, name: str) -> Path:
    point = folder / name
    point.mkdir(parents=True, exist_ok=True)
    return point


@pytest.mark.parametrize("kind", ["ext4", "ext3", "xfs", "btrfs", "zfs", "vfat", "f2fs", "fuseblk", "bcachefs"])
def test_local_file_systems_are_watched(tmp_path: Path, folder: Path, kind: str) -> None:
    point = made(folder, "data")
    assert listed(tmp_path, ROOT + line(point, kind)) == ["/", str(point)]


@pytest.mark.parametrize("kind", sorted(PSEUDO | {"overlay"}))
def test_pseudo_file_systems_are_not(tmp_path: Path, folder: Path, kind: str) -> None:
    point = made(folder, "pseudo")
    assert listed(tmp_path, ROOT + line(point, kind)) == ["/"]


@pytest.mark.parametrize(
    "kind",
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs fusectl hugetlbfs iso9660 mqueue nsfs "
    "overlay proc procfs pstore rpc_pipefs securityfs selinuxfs squashfs sysfs tracefs ramfs efivarfs fuse.lxcfs "
    "fuse.snapfuse fuse.gvfsd-fuse".split(),
)
def test_the_types_that_node_exporter_leaves_out_are_left_out(kind: str) -> None:
    assert kind in PSEUDO | {"overlay"}


@pytest.mark.parametrize(
    "kind", sorted({*NETWORK, "nfs4", "cifs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse"})
)
def test_network_file_systems_are_left_out(tmp_path: Path, folder: Path, kind: str) -> None:
    point = made(folder, "share")
    assert listed(tmp_path, ROOT + line(point, kind, "0:50")) == ["/"]


@pytest.mark.parametrize("text", [OVERLAY, ROOT, ROOT.replace("ext4", "tmpfs"), ROOT.replace("ext4", "nfs4")])
def test_the_root_is_watched_whatever_it_is(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path, text) == ["/"]


def test_a_container_with_a_volume_and_bound_files(tmp_path: Path, folder: Path) -> None:
    volume, file = made(folder, "volume"), folder / "resolv.conf"
    file.touch()
    text = OVERLAY + line(file, "ext4", "254:0", "/var/lib/docker/containers/1/resolv.conf")
    text += line(volume, "xfs", "8:33", "/volumes/shop/_data") + line("/dev/shm", "tmpfs", "0:46")
    assert listed(tmp_path, text) == ["/", str(volume)]


def test_bind_mounts_are_watched_once_at_the_shortest_path(tmp_path: Path, folder: Path) -> None:
    points = [made(folder, name) for name in ("data/bound/deeper", "srv", "data/bound")]
    text = ROOT + "".join(line(point, "ext4") for point in points)
    assert listed(tmp_path, text) == ["/", str(folder / "srv")]


def test_a_bind_mount_of_the_root_is_the_root(tmp_path: Path, folder: Path) -> None:
    assert listed(tmp_path, ROOT + line(made(folder, "again"), "ext4", "254:0")) == ["/"]
    assert listed(tmp_path, line(made(folder, "before"), "ext4", "254:0") + ROOT) == ["/"]


def test_two_file_systems_are_two(tmp_path: Path, folder: Path) -> None:
    one, two = made(folder, "one"), made(folder, "two")
    assert listed(tmp_path, ROOT + line(two, "ext4", "8:1") + line(one, "xfs", "8:2")) == ["/", str(one), str(two)]


def test_zfs_datasets_are_watched_once_for_their_pool(tmp_path: Path, folder: Path) -> None:
    pool, home = made(folder, "tank"), made(folder, "tank-home")
    text = line(pool, "zfs", "0:60").replace("/dev/sdb1", "tank")
    text += line(home, "zfs", "0:61").replace("/dev/sdb1", "tank/home")
    assert listed(tmp_path, ROOT + text) == ["/", str(pool)]


@pytest.mark.parametrize("name", ["my disk", "tab\tbed", "back\\slash", "line\nbreak", "schön", "\\040"])
def test_octal_escapes_are_undone(tmp_path: Path, folder: Path, name: str) -> None:
    point = made(folder, name)
    assert listed(tmp_path, ROOT + line(point, "ext4")) == ["/", str(point)]


def test_a_name_that_is_no_utf_8_does_not_hide_the_others(tmp_path: Path, folder: Path) -> None:
    point = made(folder, "data")
    (tmp_path / "mountinfo").write_bytes(
        ROOT.encode() + b"61 27 8:49 / /mnt/f\xfcr rw - ext4 /dev/sdd1 rw\n" + line(point, "ext4").encode()
    )
    assert watched(str(tmp_path / "mountinfo"))[:2] == ["/", str(point)]


def test_a_line_without_optional_fields_or_source_is_read(tmp_path: Path, folder: Path) -> None:
    point = made(folder, "data")
    text = f"61 27 8:17 / {point} rw - ext4  rw\n62 27 0:39 / /mnt/none rw,relatime - tmpfs  rw,size=1024k\n"
    assert listed(tmp_path, ROOT + text) == ["/", str(point)]


def test_a_mount_point_that_is_gone_is_left_out(tmp_path: Path, folder: Path) -> None:
    assert listed(tmp_path, ROOT + line(folder / "gone", "ext4")) == ["/"]


@pytest.mark.parametrize("point", ["/proc/fs/x", "/sys/kernel/x", "/dev/x", "/snap/core/1", "/run/credentials/x"])
def test_places_of_the_system_are_left_out(tmp_path: Path, point: str) -> None:
    assert listed(tmp_path, ROOT + line(point, "ext4")) == ["/"]


def test_the_folder_for_temporary_files_is_watched_even_on_tmpfs(tmp_path: Path) -> None:
    temporary = tempfile.gettempdir()
    assert temporary in listed(tmp_path, ROOT + line(temporary, "tmpfs", "0:70"))


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be nobody for a while: for root, no folder is closed."""
    assert os.geteuid() == 0, "This test becomes another user for a moment, which needs root: run it with sudo."
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_mount_below_a_closed_folder_does_not_hide_the_others() -> None:
    """/var/lib/kubelet is closed to the user that Nagios runs as, and full of mounts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed, point = made(folder, "closed/pod"), made(folder, "data")
        closed.parent.chmod(0o700)
        (folder / "mountinfo").write_text(ROOT + line(closed, "ext4", "8:65") + line(point, "ext4"))
        with ordinary_user():
            assert str(point) in watched(str(folder / "mountinfo"))


@pytest.mark.parametrize("point", ["/var/lib/docker", "/var/lib/containers/storage"])
def test_a_disk_for_containers_alone_is_watched(point: str) -> None:
    """What is mounted below it is not, but this disk fills up more often than any other."""
    code = f"""
import os, sys
from health_cli.checks.host.mounts import watched
os.makedirs({point!r} + "/overlay2/x/merged")
with open("/var/lib/mountinfo", "w") as file:
    file.write({ROOT + line(point, "ext4") + line(point + "/overlay2/x/merged", "xfs", "8:18")!r})
print(watched("/var/lib/mountinfo"))
"""
    script = 'mount -t tmpfs -o size=1m tmpfs /var/lib && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"needs root and CAP_SYS_ADMIN, to mount in a namespace of its own: {done.stderr}"
    assert done.stdout.strip() == str(["/", point])


@pytest.mark.parametrize("mount", ["/", "/var", "/mnt/my disk", "/mnt/it's", "/mnt/a=b", "/mnt/line\nbreak"])
def test_the_check_of_any_mount_has_a_name_that_can_be_one(mount: str) -> None:
    names = [check.name for check in host(Source(name="test"), HealthSetting(MOUNTS=[mount]))]
    disks = [name for name in names if name.startswith("host.disk:")]
    assert len(disks) == 1
    assert verify_name(disks[0]) == disks[0]


def test_the_real_list_has_the_root_and_real_folders() -> None:
    found = watched()
    assert found[0] == "/"
    assert all(Path(point).is_dir() for point in found)
    assert not [point for point in found if point.startswith(("/proc", "/sys", "/dev"))]


def test_a_real_mount_with_a_blank_in_its_name_is_found(tmp_path: Path) -> None:
    image, point = tmp_path / "image", made(tmp_path, "my disk")
    with image.open("wb") as file:
        file.truncate(8 << 20)
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True, env={**os.environ, "PATH": path})
    done = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"needs root and CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN): {done.stderr}"
    try:
        assert str(point) in watched()
    finally:
        subprocess.run(["umount", str(point)], check=True, capture_output=True)
