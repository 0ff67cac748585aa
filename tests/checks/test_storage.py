"""storage: on file systems that are well, full, read-only and gone, and on storages that do not keep their word."""

import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checks.made import Project

FILES = "django.core.files.storage.FileSystemStorage"

ODD = """
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    class KeepsAll(FileSystemStorage):
        def delete(self, name):
            pass

    class Garbles(FileSystemStorage):
        def open(self, name, mode="rb"):
            return ContentFile(b"something else")

    class Remote(FileSystemStorage):
        def save(self, name, content, max_length=None):
            raise RuntimeError("403 AccessDenied for key AKIA")

        def listdir(self, path):
            self.save(path, None)

    class Keeps(FileSystemStorage):
        def delete(self, name):
            raise PermissionError(1, "Operation not permitted")

    class Forgets(FileSystemStorage):
        def delete(self, name):
            if not self.exists(name):
                raise FileNotFoundError(2, "No such file")
            super().delete(name)

    class Closed(FileSystemStorage):
        def exists(self, name):
            if not name.startswith("health-cli-probe-"):
                return False
            raise PermissionError(13, "ListBucket is not allowed")

        def get_available_name(self, name, max_length=None):
            return name

    class Unreadable(FileSystemStorage):
        def open(self, name, mode="rb"):
            raise TimeoutError("read timed out")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose uploads are in a folder."""
    (tmp_path / "media").mkdir()
    return Project(tmp_path).set().write("odd.py", ODD)


def look(project: Project, backend: str = FILES, options: Any = None, **more: Any) -> dict[str, Any]:
    place = {"location": str(project.folder / "media")}
    storages = {"default": {"BACKEND": backend, "OPTIONS": place}, "staticfiles": {"BACKEND": FILES}}
    setting = {"OPTIONS": {"storage:default": options}} if options else {}
    return project.set(**{"STORAGES": storages, "HEALTH_CLI": setting, **more}).look("storage:default")


def left(project: Project) -> list[str]:
    return [path.name for path in (project.folder / "media").iterdir()]


def test_it_writes_reads_and_deletes(project: Project) -> None:
    found = look(project)
    assert found["status"] == "healthy", found["message"]
    assert all(0 < seconds < 1 for seconds in found["metrics"].values()) and len(found["metrics"]) == 3
    assert found["message"].startswith("write ") and ", delete " in found["message"]
    assert found["data"] == {"storage": str(project.folder / "media")} and left(project) == []


def test_it_is_on_request_and_the_static_files_are_no_part_of_it(project: Project) -> None:
    assert "storage" not in project.health("run", "-f", "json").out
    assert "On request:" in (text := project.health("list").out) and "storage:default" in text
    assert "storage:staticfiles" not in text


def test_read_only_writes_nothing(project: Project) -> None:
    (project.folder / "media").chmod(0o555)
    found = look(project, options={"read_only": True})
    assert (found["status"], found["metrics"]["write_time"]) == ("healthy", None)
    lost = look(project, options={"read_only": True, "file": "2026/report.pdf"})
    assert (lost["status"], lost["kind"], lost["summary"]) == ("critical", "missing", "no file 2026/report.pdf")
    project.write("media/2026/report.pdf", "here")
    there = look(project, options={"read_only": True, "file": "2026/report.pdf"})
    assert there["status"] == "healthy" and there["metrics"]["read_time"] > 0


@pytest.fixture
def mounted(project: Project) -> Iterator[Path]:
    """The folder of the uploads on a file system of its own, of 64 KiB."""
    folder = project.folder / "media"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_and_a_read_only_file_system(project: Project, mounted: Path) -> None:
    filling = mounted / "big"
    with pytest.raises(OSError, match="No space"):
        filling.write_bytes(b"x" * 100_000)
    found = look(project)
    assert (found["status"], found["kind"]) == ("critical", "full"), found["message"]
    assert "No space left on device" in found["message"] and left(project) == ["big"]
    filling.unlink()
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    found = look(project)
    assert (found["status"], found["kind"]) == ("critical", "read-only")
    assert look(project, options={"read_only": True})["status"] == "healthy"


def test_a_folder_that_is_not_there_is_not_made(project: Project) -> None:
    (project.folder / "media").rmdir()
    found = look(project)
    assert (found["status"], found["summary"]) == ("critical", "no such folder")
    assert not (project.folder / "media").exists()


def test_without_a_place_for_files_it_is_skipped(project: Project) -> None:
    found = look(project, STORAGES={"default": {"BACKEND": FILES}})
    assert (found["status"], found["summary"], found["hint"]) == ("skipped", "no files are kept", "")
    assert found["kind"] is None and "MEDIA_ROOT" in found["message"]


@pytest.mark.parametrize(
    ("backend", "status", "summary", "remains"),
    [
        ("odd.KeepsAll", "warning", "deletes nothing", 1),
        ("odd.Garbles", "critical", "gives back something else", 0),
        ("odd.Remote", "critical", "write: RuntimeError", 0),
        ("odd.Unreadable", "critical", "read: TimeoutError", 0),
        ("no.such.Storage", "critical", "no storage", 0),
    ],
)
def test_a_storage_that_does_not_keep_its_word(
    project: Project, backend: str, status: str, summary: str, remains: int
) -> None:
    found = look(project, backend)
    assert (found["status"], found["summary"], len(left(project))) == (status, summary, remains), found["message"]
    assert found["hint"]


def test_in_read_only_mode_a_refusal_shows(project: Project) -> None:
    found = look(project, "odd.Remote", options={"read_only": True})
    assert (found["status"], found["kind"]) == ("critical", "refused")
    assert "To list" in found["message"]


def test_what_can_not_be_deleted_is_named_and_no_other_is_written(project: Project) -> None:
    first = look(project, "odd.Keeps")
    assert (first["status"], first["summary"]) == ("critical", "delete: PermissionError")
    assert left(project)[0] in first["message"] and len(left(project)) == 1
    again = look(project, "odd.Keeps")
    assert again["status"] == "critical" and left(project)[0] in again["message"] and len(left(project)) == 1
    assert look(project)["status"] == "healthy" and left(project) == []
    look(project, "odd.Keeps")
    (project.folder / "media" / left(project)[0]).unlink()
    assert look(project, "odd.Forgets")["status"] == "healthy", "somebody has deleted it by hand"
    for _ in range(3):
        kept = look(project, "odd.KeepsAll")
    assert (kept["status"], kept["summary"], len(left(project))) == ("warning", "deletes nothing", 1)


def test_an_account_that_may_not_ask_what_is_there_may_do_the_rest(project: Project) -> None:
    found = look(project, "odd.Closed")
    assert (found["status"], left(project)) == ("healthy", []), found["message"]


def test_a_storage_that_needs_the_models_gets_them(project: Project) -> None:
    project.write("needy.py", "from health_cli.models import HealthRun\n" + textwrap.dedent(ODD))
    assert look(project, "needy.KeepsAll")["summary"] == "deletes nothing"
