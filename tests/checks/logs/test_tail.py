"""What is new in a file, whatever happens to it between two looks."""

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from health_cli.checks.logs.tail import LINE, NoFile, Position, first_look, new_lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that has been looked at up to its end."""
    file = tmp_path / "app.log"
    file.write_text("one\ntwo\n")
    return file


def add(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def test_the_first_look_is_at_the_end(log: Path) -> None:
    piece = first_look(str(log))
    assert (piece.data, piece.skipped, piece.position.offset) == (b"one\ntwo\n", 0, 8)
    cut = first_look(str(log), most=6)
    assert (cut.data, cut.skipped) == (b"two\n", 2)


def test_only_what_is_new_is_read_and_never_half_a_line(log: Path) -> None:
    known = first_look(str(log)).position
    assert new_lines(str(log), known).data == b""
    add(log, "three\nfo")
    piece = new_lines(str(log), known)
    assert (piece.data, piece.position.offset) == (b"three\n", 14)
    add(log, "ur\n")
    assert new_lines(str(log), piece.position).data == b"four\n"
    add(log, "x" * (LINE + 1))
    assert len(new_lines(str(log), piece.position).data) == LINE + 6, "a line that never ends is taken as it is"


def test_of_much_the_end_is_read_and_the_rest_counted(log: Path) -> None:
    known = first_look(str(log)).position
    add(log, "".join(f"{number:09}\n" for number in range(1_000)))
    piece = new_lines(str(log), known, most=105)
    assert piece.data.splitlines()[0] == b"000000990"
    assert piece.skipped == 10_000 - 105
    assert new_lines(str(log), piece.position).data == b""


def rename(log: Path) -> None:
    log.rename(f"{log}.1")
    log.write_text("new\n")


def rename_twice(log: Path) -> None:
    log.rename(f"{log}.2")
    Path(f"{log}.1").write_text("between\n")
    os.utime(f"{log}.1", (os.stat(f"{log}.2").st_mtime + 1,) * 2)
    log.write_text("new\n")


def copy_and_truncate(log: Path) -> None:
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    add(log, "new\n")


def copy_and_truncate_and_grow(log: Path) -> None:
    shutil.copy(log, f"{log}-20261125")
    os.truncate(log, 0)
    add(log, "new\n" * 20)


def compress(log: Path) -> None:
    with gzip.open(f"{log}.1.gz", "wb") as packed:
        packed.write(log.read_bytes())
    log.unlink()
    log.write_text("new\n")


def by_date(log: Path) -> None:
    log.rename(log.with_name("app-2026-11-25.log"))
    log.write_text("new\n")


@pytest.mark.parametrize(
    ("rotate", "expected"),
    [
        (rename, b"late\nnew\n"),
        (rename_twice, b"late\nbetween\nnew\n"),
        (copy_and_truncate, b"late\nnew\n"),
        (copy_and_truncate_and_grow, b"late\n" + b"new\n" * 20),
        (compress, b"late\nnew\n"),
        (by_date, b"late\nnew\n"),
    ],
)
def test_rotation_loses_nothing(log: Path, rotate: Callable[[Path], None], expected: bytes) -> None:
    known = first_look(str(log)).position
    (log.parent / "app.log.9").write_text("of another time\n")
    os.utime(log.parent / "app.log.9", (1, 1))
    add(log, "late\n")
    rotate(log)
    piece = new_lines(str(log), known)
    assert (piece.data, piece.note, piece.skipped) == (expected, "", 0)
    assert new_lines(str(log), piece.position).data == b""


def test_an_inode_that_is_used_again_is_another_file(log: Path) -> None:
    known = first_look(str(log)).position
    log.write_text("another one, longer than that before\n")
    assert os.stat(log).st_ino == known.inode
    piece = new_lines(str(log), known)
    assert piece.data == b"another one, longer than that before\n"
    assert "was not found" in piece.note


def test_what_was_rotated_away_and_deleted_is_said(log: Path) -> None:
    known = first_look(str(log)).position
    log.unlink()
    log.write_text("new\n")
    piece = new_lines(str(log), replace(known, inode=1))
    assert (piece.data, "was not found" in piece.note) == (b"new\n", True)


def test_a_damaged_archive_is_no_matter(log: Path) -> None:
    known = first_look(str(log)).position
    (log.parent / "app.log.1.gz").write_bytes(b"\x1f\x8b no gzip at all")
    log.unlink()
    log.write_text("new\n")
    assert new_lines(str(log), known).data.endswith(b"new\n")


def test_a_file_that_was_empty_is_no_copy_of_any_other(log: Path) -> None:
    log.write_text("")
    known = first_look(str(log)).position
    (log.parent / "app.log.1").write_text("of yesterday\n")
    log.unlink()
    log.write_text("new\n")
    assert new_lines(str(log), known).data == b"new\n"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path, make: Callable[[str], None]) -> None:
    make(str(tmp_path / "x.log"))
    with pytest.raises(NoFile):
        first_look(str(tmp_path / "x.log"))


def test_a_huge_file_costs_no_more_than_a_small_one(tmp_path: Path) -> None:
    """Ten gigabytes, most of them a hole: of these only the end is looked at."""
    file = tmp_path / "huge.log"
    with file.open("wb") as opened:
        opened.truncate(10 << 30)
        opened.seek(0, os.SEEK_END)
        opened.write(b"\nthe end\n")
    piece = first_look(str(file))
    assert piece.data == b"the end\n"
    with file.open("ab") as opened:
        opened.write(b"more\n")
    again = new_lines(str(file), piece.position)
    assert (again.data, again.skipped) == (b"more\n", 0)


def test_a_position_is_kept_as_json(log: Path) -> None:
    position = first_look(str(log)).position
    assert Position.from_json(position.to_json()) == position
