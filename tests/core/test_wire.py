"""The pipe between worker and supervisor: rubbish, cuts, size, and a fork that must stay silent."""

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health_cli.core.wire import MAX_RECORD, Reader, Writer

TOKEN = "0123456789abcdef"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe; the test may close the second."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            assert fd == ends[1]


def line(**fields: object) -> bytes:
    """A record as the writer puts it."""
    body = json.dumps({"record": "x", **fields}).encode()
    return b"\n%s%08x%s\n" % (TOKEN.encode(), crc32(body), body)


def numbers(*chunks: bytes) -> list[int]:
    """The numbers of the records that come out of these chunks."""
    reader = Reader(TOKEN)
    return [record["n"] for chunk in chunks for record in reader.feed(chunk)]


def test_what_is_sent_arrives(pipe: tuple[int, int]) -> None:
    assert Writer(pipe[1], TOKEN).send("result", text="\u00e9\n\0 \ud83d", deep={"list": [1, None, 0.5]})
    assert list(Reader(TOKEN).feed(os.read(pipe[0], 1 << 16))) == [
        {"record": "result", "text": "\u00e9\n\0 \ud83d", "deep": {"list": [1, None, 0.5]}}
    ]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([line(n=1), line(n=2)], [1, 2]),
        ([line(n=1) + line(n=2)], [1, 2]),
        ([line(n=1)[:20], line(n=1)[20:]], [1]),
        ([b"rubbish" + line(n=1) + b"more" + line(n=2)], [1, 2]),
        ([b"\0\xff\x80\n\n\n" + line(n=1)], [1]),
        ([line(n=1)[:20] + b"rubbish" + line(n=1)[20:] + line(n=2)], [2]),
        ([line(n=1)[:-4] + b"\n" + line(n=2)], [2]),
        ([line(n=1)[:-1]], []),
        ([line(n=1)[:30] + line(n=2)], [2]),
        ([line(n=1).replace(TOKEN.encode(), b"fedcba9876543210") + line(n=2)], [2]),
        ([line(n=1).replace(b"\n0", b"\n 0") + line(n=2)], [2]),
        ([f'\n{TOKEN}["n"]\n{TOKEN}1\n{TOKEN}null\n{TOKEN}\n'.encode() + line(n=2)], [2]),
        ([f"\n{TOKEN}".encode() + b'{"n": "\xff"}\n' + line(n=2)], [2]),
        ([], []),
        ([b""], []),
    ],
    ids=[
        "two chunks", "one chunk", "in two halves", "rubbish around", "bytes that are no text", "rubbish inside",
        "cut at the end", "not ended yet", "the next one in the middle", "another token", "token not at the start",
        "JSON that is no record", "JSON that is no text", "nothing", "empty chunk",
    ],
)  # fmt: skip
def test_rubbish_spoils_at_most_its_own_line(chunks: list[bytes], expected: list[int]) -> None:
    assert numbers(*chunks) == expected


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=12), st.binary(max_size=40).filter(lambda rubbish: b"\n" not in rubbish))
def test_records_arrive_however_the_stream_is_cut(cuts: list[int], rubbish: bytes) -> None:
    stream = line(n=1) + rubbish + line(n=2) + line(n=3)
    chunks = []
    for cut in cuts:
        chunks.append(stream[:cut])
        stream = stream[cut:]
    assert numbers(*chunks, stream) == [1, 2, 3]


def test_a_record_over_the_limit_is_not_sent(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], TOKEN)
    assert not writer.send("result", text="x" * MAX_RECORD)
    assert writer.send("result", n=1)
    assert [record["n"] for record in Reader(TOKEN).feed(os.read(pipe[0], 1 << 16))] == [1]


def test_a_record_at_the_limit_goes_through(pipe: tuple[int, int]) -> None:
    writer, reader, got = Writer(pipe[1], TOKEN), Reader(TOKEN), []
    room = MAX_RECORD - len(f'\n{TOKEN}12345678{{"record": "r", "text": ""}}\n')
    sender = threading.Thread(target=lambda: [writer.send("r", text="x" * room), os.close(pipe[1])])
    sender.start()
    while chunk := os.read(pipe[0], 1 << 16):
        got += reader.feed(chunk)
    sender.join()
    assert [len(record["text"]) for record in got] == [room]
    assert not writer.send("r", text="x" * (room + 1)), "one byte more is refused, before the closed pipe is seen"


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, math.nan, math.inf], ids=lambda value: type(value).__name__)
def test_what_is_no_json_is_refused_and_nothing_sent(pipe: tuple[int, int], value: object) -> None:
    os.set_blocking(pipe[0], False)
    with pytest.raises((TypeError, ValueError)):
        Writer(pipe[1], TOKEN).send("result", value=value)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)


def test_a_flood_without_a_line_is_dropped_and_what_follows_is_read() -> None:
    reader = Reader(TOKEN)
    for _ in range(40):
        assert list(reader.feed(b"x" * (1 << 16))) == []
        assert len(reader._rest) <= MAX_RECORD
    assert [record["n"] for record in reader.feed(b"tail" + line(n=1))] == [1]


def test_many_threads_do_not_mix_their_records(pipe: tuple[int, int]) -> None:
    writer, reader, got = Writer(pipe[1], TOKEN), Reader(TOKEN), []
    fields = [{"n": n, "text": str(n) * 5000} for n in range(8)]
    threads = [threading.Thread(target=writer.send, args=("r",), kwargs=item) for item in fields]
    for thread in threads:
        thread.start()
    while len(got) < len(threads):
        got += reader.feed(os.read(pipe[0], 1000))
    for thread in threads:
        thread.join()
    assert sorted(({"n": r["n"], "text": r["text"]} for r in got), key=lambda item: item["n"]) == fields


# In a process of its own: forking one that runs threads is deprecated, and pytest may have some.
FORKED = """
import os, sys
from health_cli.core.wire import Writer
records, end = os.pipe()
writer = Writer(end, "token")
writer.send("parent", n=1)
child = os.fork()
if not child:
    writer.send("child", n=2)
    os._exit(9)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
writer.send("parent", n=3)
os.close(end)
print(code, os.read(records, 1 << 16))
"""


def test_a_process_that_a_check_forked_stays_silent() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=20)
    code, _, sent = done.stdout.partition(" ")
    assert code == "0", "it ended itself where it would have spoken"
    assert "child" not in sent
    assert sent.count("parent") == 2
