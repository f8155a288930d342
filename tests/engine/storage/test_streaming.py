"""Bytes between threads and coroutines."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import anyio
import pytest

from engine.storage.streaming import BrokenOff, consumed, piped, streamed

pytestmark = pytest.mark.anyio

MUCH = bytes(3_000_000)


def drain(read: Callable[[int], bytes]) -> int:
    total = 0
    while data := read(65536):
        total += len(data)
    return total


async def chunks_of(*chunks: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if error:
        raise error


def test_what_one_thread_writes_the_other_reads() -> None:
    assert piped(lambda write: write(MUCH), drain)[1] == len(MUCH)


def test_the_producers_error_counts_more_than_what_it_led_to() -> None:
    def produce(write: Callable[[bytes], object]) -> None:
        write(b"half")
        raise ValueError("cause")

    def consume(read: Callable[[int], bytes]) -> None:
        drain(read)
        raise KeyError("effect")

    with pytest.raises(ValueError, match="cause"):
        piped(produce, consume)


def test_a_consumer_that_fails_ends_the_producer() -> None:
    def consume(read: Callable[[int], bytes]) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        piped(lambda write: [write(MUCH) for _ in range(10)], consume)


async def test_what_a_thread_writes_is_yielded_and_then_its_error_raised() -> None:
    def produce(write: Callable[[bytes], object]) -> None:
        write(MUCH)
        raise ValueError("afterwards")

    size = 0
    with pytest.raises(ValueError, match="afterwards"):
        async for chunk in streamed(produce):
            size += len(chunk)
    assert size == len(MUCH)


async def test_who_stops_reading_ends_the_thread() -> None:
    ended = threading.Event()

    def produce(write: Callable[[bytes], object]) -> None:
        try:
            while True:
                write(MUCH)
        finally:
            ended.set()

    async with aclosing(streamed(produce)) as chunks:
        assert await anext(chunks)
    assert ended.is_set()


async def test_a_thread_is_fed_and_its_result_returned() -> None:
    assert await consumed(chunks_of(MUCH, b"more"), drain) == len(MUCH) + 4


async def test_what_a_thread_does_not_want_is_let_go() -> None:
    assert await consumed(chunks_of(MUCH, MUCH), lambda read: read(10)) == MUCH[:10]


async def test_an_end_that_came_too_early_is_not_taken_for_the_end() -> None:
    seen: list[Exception] = []

    def consume(read: Callable[[int], bytes]) -> None:
        try:
            drain(read)
        except BrokenOff as exc:
            seen.append(exc)
            raise

    with pytest.raises(ValueError, match="gone"):
        await consumed(chunks_of(b"half", error=ValueError("gone")), consume)
    assert len(seen) == 1


async def test_a_cancelled_feeder_ends_its_thread() -> None:
    seen: list[Exception] = []

    async def endless() -> AsyncIterator[bytes]:
        yield b"some"
        await anyio.sleep_forever()

    def consume(read: Callable[[int], bytes]) -> None:
        begun.set()
        try:
            drain(read)
        except BrokenOff as exc:
            seen.append(exc)
            raise

    begun = threading.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(consumed, endless(), consume)
        await anyio.to_thread.run_sync(begun.wait)
        tasks.cancel_scope.cancel()
    assert len(seen) == 1


async def test_the_consumers_error_is_raised() -> None:
    def consume(read: Callable[[int], bytes]) -> None:
        read(1)
        raise ValueError("not like this")

    with pytest.raises(ValueError, match="not like this"):
        await consumed(chunks_of(MUCH, MUCH), consume)
