"""Archives between threads and tasks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest

from compose.apply.copying.pipes import consumed, produced

pytestmark = pytest.mark.anyio

SIZE = 3_000_000


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def chunks(count: int, error: Exception | None = None) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000
    if error:
        raise error


async def test_everything_that_is_written_arrives() -> None:
    before = open_files()
    received = 0
    async with produced(lambda file: _write(file, SIZE)) as output:
        async for chunk in output:
            received += len(chunk)
    assert received == SIZE
    assert open_files() == before


async def test_leaving_early_ends_the_writer() -> None:
    before = open_files()
    async with produced(lambda file: _write(file, 10**12)) as output:
        async for _ in output:
            break
    assert open_files() == before


async def test_the_writers_error_is_raised() -> None:
    def fail(_: BinaryIO) -> None:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        async with produced(fail) as output:
            async for _ in output:
                pass


async def test_a_part_is_not_taken_for_the_whole() -> None:
    ended = False

    def fail(output: BinaryIO) -> None:
        output.write(b"x" * SIZE)
        output.close()  # the reader sees the end before anybody can tell of the error
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        async with produced(fail) as output:
            async for _ in output:
                pass
            ended = True
    assert not ended


async def test_everything_that_comes_is_read() -> None:
    before = open_files()
    seen: list[int] = []
    await consumed(chunks(3_000), lambda file: seen.append(len(file.read())))
    assert seen == [SIZE]
    assert open_files() == before


async def test_a_reader_that_has_enough_ends_the_feeding() -> None:
    seen: list[bytes] = []
    await consumed(chunks(3_000), lambda file: seen.append(file.read(10)))
    assert seen == [b"x" * 10]


async def test_an_error_of_the_chunks_counts_more_than_what_the_reader_makes_of_it() -> None:
    def read(file: BinaryIO) -> None:
        file.read()
        raise ValueError("the archive breaks off")

    with pytest.raises(ConnectionError, match="the engine is gone"):
        await consumed(chunks(10, ConnectionError("the engine is gone")), read)


def _write(file: BinaryIO, size: int) -> None:
    block = os.urandom(1_000)
    for _ in range(size // len(block)):
        file.write(block)
