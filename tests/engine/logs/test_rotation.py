"""Keeping logs small, with a writer that does what conmon does."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.errors import Conflict
from engine.logs.files import LogFiles
from engine.logs.reader import Follow, read_log
from engine.logs.rotation import Retention, keep_small
from engine.logs.watch import LogWatch

pytestmark = pytest.mark.anyio

STAMP = "2026-11-21T13:50:57.000000000+00:00 stdout F "


class Monitor:
    """Writes lines, and begins a new file between two of them when it is told to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reopen = threading.Event()
        self._file = path.open("w")

    def reopen(self) -> None:
        self._reopen.set()

    def write(self, numbers: range) -> None:
        for number in numbers:
            if self._reopen.is_set():
                self._reopen.clear()
                self._file.close()
                fresh = self._path.with_suffix(".tmp")
                self._file = fresh.open("w")
                fresh.rename(self._path)
            self._file.write(f"{STAMP}{number}\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


@pytest.fixture
async def watch() -> AsyncGenerator[LogWatch]:
    watch = LogWatch()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        yield watch
        tasks.cancel_scope.cancel()


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def numbers_of(log: LogFiles, follow: Follow | None = None) -> list[int]:
    return [int(entry.message) async for batch in read_log(log, follow=follow) for entry in batch]


async def write_all(monitor: Monitor, count: int, then: Callable[[], None]) -> None:
    await anyio.to_thread.run_sync(monitor.write, range(count))
    then()


@pytest.mark.parametrize("retention", [Retention(50_000), Retention(100_000, 3), Retention(100_000, 3, True)])
async def test_a_follower_loses_no_line_and_sees_none_twice_whatever_is_deleted(
    tmp_path: Path, watch: LogWatch, retention: Retention
) -> None:
    log, ended = LogFiles(tmp_path / "log"), anyio.Event()
    monitor = Monitor(log.path)
    seen: list[int] = []

    async def follow() -> None:
        seen.extend(await numbers_of(log, Follow(watch, ended)))
        tasks.cancel_scope.cancel()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_small, log, retention, watch, monitor.reopen)
            tasks.start_soon(follow)
            tasks.start_soon(write_all, monitor, 40_000, ended.set)
    monitor.close()
    assert seen == list(range(40_000))
    assert len(log.full()) < retention.files + 1
    assert log.current > 4
    # What is left is an unbroken end of the log.
    left = await numbers_of(log)
    assert left == list(range(40_000))[-len(left) :]
    assert any(name.endswith(".gz") for name in names(tmp_path)) == retention.is_compressed


class RotatedMeanwhile(LogFiles):
    """A log that is rotated just after somebody looked at which files it has."""

    def full(self) -> list[int]:
        found = super().full()
        monitor = Monitor(self.path.with_name("next"))
        monitor.write(range(self.current, self.current + 1))
        monitor.close()
        self.set_aside()
        self.path.with_name("next").rename(self.path)
        assert self.settle()
        return found


async def test_a_reader_misses_no_file_that_becomes_full_while_it_looks(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"{STAMP}0\n")
    log = RotatedMeanwhile(path)
    assert await numbers_of(log) == [0, 1]


async def test_a_follower_reads_a_file_that_was_begun_with_the_last_words(tmp_path: Path, watch: LogWatch) -> None:
    log, ended = LogFiles(tmp_path / "log"), anyio.Event()
    monitor = Monitor(log.path)
    monitor.write(range(1))
    entries = read_log(log, follow=Follow(watch, ended))
    seen = [int(entry.message) for entry in await anext(entries)]
    assert log.set_aside()
    monitor.reopen()
    monitor.write(range(1, 2))
    monitor.close()
    ended.set()
    with anyio.fail_after(60):
        seen += [int(entry.message) async for batch in entries for entry in batch]
    assert seen == [0, 1]


async def test_a_log_goes_on_being_rotated_when_a_reader_noticed_the_new_file_first(
    tmp_path: Path, watch: LogWatch
) -> None:
    log, told = LogFiles(tmp_path / "log"), 0
    monitor = Monitor(log.path)

    def reopen() -> None:
        nonlocal told
        told += 1
        if told == 3:
            raise Conflict("the container is not running")
        monitor.reopen()
        monitor.write(range(10))
        log.settle()

    monitor.write(range(10))
    with anyio.fail_after(60):
        await keep_small(log, Retention(100), watch, reopen)
    monitor.close()
    assert told == 3


async def test_a_log_is_no_longer_kept_small_when_its_monitor_is_gone(tmp_path: Path, watch: LogWatch) -> None:
    log = LogFiles(tmp_path / "log")
    log.path.write_text("x" * 100)

    def reopen() -> None:
        raise Conflict("the container is not running")

    with anyio.fail_after(60):
        await keep_small(log, Retention(10, 2), watch, reopen)
    assert names(tmp_path) == ["log"]


async def test_a_slow_reader_is_spared_files_only_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.logs.files._SPARED_BYTES", 50)
    for number in range(1, 5):
        (tmp_path / f"log.{number}").write_text("x" * 20)
    log = LogFiles(tmp_path / "log")
    log.keep = 1
    log.readers["slow"] = 1
    log.prune()
    assert log.full() == [3, 4]
    log.readers.clear()
    log.prune()
    assert log.full() == []
