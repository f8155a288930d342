"""Reading and following logs in conmon's format."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import pytest

from engine.logs.files import LogFiles, pack
from engine.logs.k8s_file import PIECE_BYTES, STDERR, STDOUT, parse_stamp
from engine.logs.reader import Follow, read_log
from engine.logs.watch import LogWatch

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_795_269_057 * SECOND  # 2026-11-21T13:50:57Z


def line(text: str, *, at: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-11-21T13:50:57.{at:09d}+00:00 {stream} {tag} {text}\n"


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


async def messages(path: Path, **options: object) -> list[bytes]:
    batches = read_log(LogFiles(path), **options)  # type: ignore[arg-type] # as a user would
    return [entry.message async for batch in batches for entry in batch]


@pytest.fixture
async def watch() -> AsyncGenerator[LogWatch]:
    watch = LogWatch()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        yield watch
        tasks.cancel_scope.cancel()


async def follow(log: LogFiles, watch: LogWatch, react: Callable[[list[bytes], anyio.Event], None]) -> list[bytes]:
    """Follow a log until `react`, which is called after each batch with all that was seen, sets its event."""
    ended, seen = anyio.Event(), list[bytes]()
    with anyio.fail_after(60):
        async for batch in read_log(log, follow=Follow(watch, ended)):
            seen += [entry.message for entry in batch]
            react(seen, ended)
    return seen


def test_times_are_read_to_the_nanosecond_with_any_offset() -> None:
    assert parse_stamp(b"2026-11-21T13:50:57.123456789+00:00") == START + 123_456_789
    assert parse_stamp(b"2026-11-21T15:50:57.000000001+02:00") == START + 1
    assert parse_stamp(b"nonsense") == 0


async def test_entries_come_with_stream_time_and_newline(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("one", at=5) + line("two", at=6, stream="stderr"))
    batches = [batch async for batch in read_log(LogFiles(log))]
    entries = [(entry.stream, entry.time_ns, entry.message) for batch in batches for entry in batch]
    assert entries == [(STDOUT, START + 5, b"one\n"), (STDERR, START + 6, b"two\n")]


async def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert await messages(tmp_path / "none") == []


async def test_parts_of_a_line_are_joined_per_stream(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("a", tag="P") + line("e1", stream="stderr", tag="P") + line("b") + line("e2", stream="stderr"))
    assert await messages(log) == [b"ab\n", b"e1e2\n"]


async def test_the_first_line_of_a_run_is_new_though_the_run_before_left_an_unfinished_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("done", at=1) + line("unfinished", at=2, tag="P") + line("hello", at=9))
    assert await messages(log, since_ns=START + 5) == [b"hello\n"]


async def test_a_last_line_without_newline_is_delivered_without_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("done") + line("prompt> ", tag="P"))
    assert await messages(log) == [b"done\n", b"prompt> "]


async def test_a_long_line_is_handed_on_in_pieces_as_docker_does(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("x" * 8192, tag="P") * 5 + line("end") + line("y" * PIECE_BYTES))
    sizes = [len(message) for message in await messages(log)]
    assert sizes == [PIECE_BYTES, PIECE_BYTES, 8192 + 4, PIECE_BYTES, 1]


@pytest.mark.parametrize("count", range(7))
async def test_the_tail_counts_the_pieces_of_a_long_line(tmp_path: Path, count: int) -> None:
    log = tmp_path / "log"
    log.write_text(line("first") + line("x" * 8192, tag="P") * 5 + line("end") + line("short"))
    everything = await messages(log)
    assert len(everything) == 5
    assert await messages(log, tail=count) == everything[max(0, 5 - count) :]


async def test_only_the_wanted_stream_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("out") + line("err", stream="stderr"))
    assert await messages(log, streams=frozenset({STDERR})) == [b"err\n"]


async def test_since_and_until_are_inclusive(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(line(str(at), at=at) for at in range(6)))
    assert await messages(log, since_ns=START + 2, until_ns=START + 4) == [b"2\n", b"3\n", b"4\n"]


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 5000])
async def test_the_tail_counts_lines_of_the_wanted_streams(tmp_path: Path, count: int) -> None:
    log = tmp_path / "log"
    streams = ("stdout", "stderr")
    log.write_text("".join(line(f"{n} {'x' * 200}", stream=streams[n % 2]) for n in range(2000)))
    found = await messages(log, tail=count, streams=frozenset({STDERR}))
    assert [int(message.split()[0]) for message in found] == list(range(1, 2000, 2))[max(0, 1000 - count) :]


async def test_the_tail_counts_a_joined_line_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("one") + line("t", tag="P") + line("w", tag="P") + line("o") + line("thr", tag="P"))
    assert await messages(log, tail=2) == [b"two\n", b"thr"]


async def test_a_follower_sees_what_is_written_and_ends_with_the_container(tmp_path: Path, watch: LogWatch) -> None:
    log = tmp_path / "log"
    log.write_text(line("before"))

    def write(seen: list[bytes], ended: anyio.Event) -> None:
        if len(seen) < 4:
            append(log, line(f"more {len(seen)}"))
        elif not ended.is_set():
            # Written before the end is told, so it belongs to the log.
            append(log, line("last words"))
            ended.set()

    seen = await follow(LogFiles(log), watch, write)
    assert seen == [b"before\n", b"more 1\n", b"more 2\n", b"more 3\n", b"last words\n"]


async def test_a_follower_waits_for_a_log_that_is_not_there_yet(tmp_path: Path, watch: LogWatch) -> None:
    log = tmp_path / "log"
    async with anyio.create_task_group() as tasks:

        async def write() -> None:
            await anyio.wait_all_tasks_blocked()
            log.write_text(line("hello"))

        tasks.start_soon(write)
        assert await follow(LogFiles(log), watch, lambda _, ended: ended.set()) == [b"hello\n"]


async def test_an_emptied_log_is_followed_from_its_beginning(tmp_path: Path, watch: LogWatch) -> None:
    log = tmp_path / "log"
    log.write_text(line("a long line before somebody empties the file"))

    def write(seen: list[bytes], ended: anyio.Event) -> None:
        if len(seen) == 1:
            log.write_text(line("new"))
        else:
            ended.set()

    assert (await follow(LogFiles(log), watch, write))[1:] == [b"new\n"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def rotate(log: LogFiles, first_line: str) -> None:
    """What the rotation and conmon do together."""
    log.set_aside()
    fresh = log.path.with_suffix(".tmp")
    fresh.write_text(first_line)
    fresh.rename(log.path)
    log.settle()


async def test_a_follower_goes_on_with_the_files_that_follow_a_full_one(tmp_path: Path, watch: LogWatch) -> None:
    log = LogFiles(tmp_path / "log")
    log.keep = 2
    log.path.write_text(line("old"))

    def write(seen: list[bytes], ended: anyio.Event) -> None:
        if len(seen) == 1:
            append(log.path, line("late"))
            for number in range(5):
                rotate(log, line(f"new {number}"))
                pack(log.place(log.current - 1))
                log.prune()
        elif b"new 4\n" in seen:
            ended.set()

    assert await follow(log, watch, write) == [b"old\n", b"late\n", *(b"new %d\n" % number for number in range(5))]
    # Nobody reads them any more: what is left are as many as wanted.
    assert names(tmp_path) == ["log", "log.5.gz"]


async def test_all_files_are_read_in_order_and_the_tail_reaches_over_them(tmp_path: Path) -> None:
    log = LogFiles(tmp_path / "log")
    log.keep = 9
    log.path.write_text(line("0") + line("1"))
    for number in range(2, 12, 2):
        rotate(log, line(str(number)) + line(str(number + 1)))
    pack(log.place(2))
    everything = [b"%d\n" % number for number in range(12)]
    assert await messages(log.path) == everything
    for count in range(14):
        assert await messages(log.path, tail=count) == everything[max(0, 12 - count) :]


async def test_a_line_that_was_cut_by_a_rotation_is_one_line(tmp_path: Path) -> None:
    log = LogFiles(tmp_path / "log")
    log.keep = 2
    log.path.write_text(line("one") + line("tw", tag="P"))
    rotate(log, line("o") + line("three"))
    assert await messages(log.path) == [b"one\n", b"two\n", b"three\n"]
    assert await messages(log.path, tail=2) == [b"two\n", b"three\n"]


async def test_a_rotation_that_an_engine_began_and_no_monitor_made_is_forgotten(tmp_path: Path) -> None:
    log = LogFiles(tmp_path / "log")
    log.path.write_text(line("one"))
    log.set_aside()
    assert await messages(log.path) == [b"one\n"]
    assert names(tmp_path) == ["log"]


async def test_a_log_that_is_just_being_set_aside_is_read_once(tmp_path: Path) -> None:
    log = LogFiles(tmp_path / "log")
    log.path.write_text(line("one"))
    log.set_aside()
    assert [entry.message async for batch in read_log(log) for entry in batch] == [b"one\n"]


async def test_following_ends_at_a_time_in_the_past(tmp_path: Path, watch: LogWatch) -> None:
    log = tmp_path / "log"
    log.write_text(line("one"))
    with anyio.fail_after(60):
        assert await messages(log, until_ns=START + SECOND, follow=Follow(watch, anyio.Event())) == [b"one\n"]
