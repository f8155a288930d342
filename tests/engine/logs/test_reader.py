"""Reading and following logs in conmon's format."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from engine.logs.k8s_file import STDERR, STDOUT, parse_stamp
from engine.logs.reader import read_log

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_795_269_057 * SECOND  # 2026-11-21T13:50:57Z


def line(text: str, *, at: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-11-21T13:50:57.{at:09d}+00:00 {stream} {tag} {text}\n"


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


async def messages(path: Path, **options: object) -> list[bytes]:
    return [entry.message async for entry in read_log(path, **options)]  # type: ignore[arg-type] # as a user would


def test_times_are_read_to_the_nanosecond_with_any_offset() -> None:
    assert parse_stamp(b"2026-11-21T13:50:57.123456789+00:00") == START + 123_456_789
    assert parse_stamp(b"2026-11-21T15:50:57.000000001+02:00") == START + 1
    assert parse_stamp(b"nonsense") == 0


async def test_entries_come_with_stream_time_and_newline(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("one", at=5) + line("two", at=6, stream="stderr"))
    entries = [(entry.stream, entry.time_ns, entry.message) async for entry in read_log(log)]
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


async def test_an_endless_line_is_handed_on_in_pieces(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("x" * 8192, tag="P") * 300)
    found = await messages(log)
    assert len(found) > 1
    assert sum(map(len, found)) == 300 * 8192


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


async def test_a_follower_sees_what_is_written_and_ends_with_the_container(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("before"))
    ended = anyio.Event()
    seen: list[bytes] = []
    with anyio.fail_after(10):
        async for entry in read_log(log, follow_until=ended):
            seen.append(entry.message)
            if len(seen) < 4:
                append(log, line(f"more {len(seen)}"))
            elif not ended.is_set():
                # Written before the end is told, so it belongs to the log.
                append(log, line("last words"))
                ended.set()
    assert seen == [b"before\n", b"more 1\n", b"more 2\n", b"more 3\n", b"last words\n"]


async def test_a_follower_waits_for_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ended = anyio.Event()
    seen: list[bytes] = []

    async def follow() -> None:
        async for entry in read_log(log, follow_until=ended):
            seen.append(entry.message)
            ended.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            log.write_text(line("hello"))
    assert seen == [b"hello\n"]


async def test_a_follower_goes_on_with_the_file_that_replaces_a_full_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("old"))
    ended = anyio.Event()
    seen: list[bytes] = []

    async def follow() -> None:
        async for entry in read_log(log, follow_until=ended):
            seen.append(entry.message)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            fresh = tmp_path / "log.tmp"
            fresh.write_text(line("new"))
            append(log, line("late"))
            fresh.rename(log)
            await anyio.wait_all_tasks_blocked()
            ended.set()
    assert seen == [b"old\n", b"late\n", b"new\n"]


async def test_following_ends_at_a_time_in_the_past(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("one"))
    with anyio.fail_after(10):
        assert await messages(log, until_ns=START + SECOND, follow_until=anyio.Event()) == [b"one\n"]
