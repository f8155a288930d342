"""The store keeps what was put, across re-opening, and its mirror never disagrees with the file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import anyio
import msgspec
import pytest

from engine.errors import EngineError, Unavailable
from engine.kernel.mounts import mount, unmount
from engine.state.store import MIGRATIONS, Store


class Fruit(msgspec.Struct, frozen=True):
    id: str
    name: str
    weight: int = 0


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same database each time it is called, as another engine would."""
    with ExitStack() as stores:
        yield lambda: stores.enter_context(closing(Store.open(tmp_path / "state.db")))


@pytest.mark.anyio
async def test_a_record_that_was_put_is_there_after_reopening(opened: Callable[[], Store]) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    await fruits.put(Fruit("1", "apple"))
    await fruits.put(Fruit("2", "pear"))
    await fruits.put(Fruit("1", "apple", 5))
    store.close()

    assert list(opened().table("fruit", Fruit)) == [
        Fruit("1", "apple", 5),
        Fruit("2", "pear"),
    ]


@pytest.mark.anyio
async def test_tables_of_different_kinds_do_not_see_each_other(opened: Callable[[], Store]) -> None:
    store = opened()
    await store.table("fruit", Fruit).put(Fruit("1", "apple"))
    assert len(store.table("berry", Fruit)) == 0


@pytest.mark.anyio
async def test_a_deleted_record_is_gone_and_deleting_it_again_is_fine(opened: Callable[[], Store]) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    await fruits.put(Fruit("1", "apple"))
    await fruits.delete("1")
    await fruits.delete("1")
    assert fruits.get("1") is None
    assert len(opened().table("fruit", Fruit)) == 0


@pytest.mark.anyio
async def test_a_record_deleted_soon_is_gone_at_once_and_from_disk_with_a_write(
    opened: Callable[[], Store],
) -> None:
    store = opened()
    fruits, others = store.table("fruit", Fruit), store.table("other", Fruit)
    await fruits.put(Fruit("1", "apple"))
    fruits.delete_soon("1")
    assert fruits.get("1") is None
    assert list(opened().table("fruit", Fruit)) == [Fruit("1", "apple")]  # as after a crash

    await others.put(Fruit("2", "pear"))
    assert list(opened().table("fruit", Fruit)) == []
    assert list(opened().table("other", Fruit)) == [Fruit("2", "pear")]


@pytest.mark.anyio
async def test_a_record_deleted_soon_and_put_again_stays(opened: Callable[[], Store]) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    await fruits.put(Fruit("1", "apple"))
    fruits.delete_soon("1")
    await fruits.put(Fruit("1", "apple", 5))
    assert list(opened().table("fruit", Fruit)) == [Fruit("1", "apple", 5)]


@pytest.mark.anyio
async def test_a_record_deleted_soon_is_gone_from_disk_when_the_store_is_closed(
    opened: Callable[[], Store],
) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    await fruits.put(Fruit("1", "apple"))
    fruits.delete_soon("1")
    store.close()
    assert list(opened().table("fruit", Fruit)) == []


@pytest.mark.anyio
async def test_what_was_to_be_written_soon_and_fails_is_logged_and_fails_nobody_else(
    opened: Callable[[], Store], caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    store.write_soon(lambda database: database.execute("nonsense"))
    await fruits.put(Fruit("1", "apple"))
    assert list(opened().table("fruit", Fruit)) == [Fruit("1", "apple")]
    assert "could not be written" in caplog.text


@pytest.mark.anyio
async def test_a_failed_transaction_changes_nothing(opened: Callable[[], Store]) -> None:
    store = opened()

    def half_done(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO records VALUES ('fruit', '1', '{}')")
        raise sqlite3.OperationalError("disk full")

    with pytest.raises(sqlite3.OperationalError):
        await store.write(half_done)
    assert len(store.table("fruit", Fruit)) == 0


@pytest.mark.anyio
@pytest.mark.root
async def test_a_full_disk_leaves_room_to_record_what_is_removed(tmp_path: Path) -> None:
    mount("tmpfs", tmp_path, "tmpfs", options="size=8m")
    try:
        with closing(Store.open(tmp_path / "state.db")) as store:
            fruits = store.table("fruit", Fruit)
            for number in range(50):
                await fruits.put(Fruit(str(number), "apple" * 200))
            fill(tmp_path / "filling")
            for number in range(50):
                await fruits.delete(str(number))
            with pytest.raises(EngineError, match="no space left"):
                await fruits.put(Fruit("large", "x" * (8 << 20)))
            assert len(fruits) == 0
            (tmp_path / "filling").unlink()
            await fruits.put(Fruit("1", "apple"))
    finally:
        unmount(tmp_path)


def fill(path: Path) -> None:
    """Write until nothing more can be written."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.anyio
async def test_writers_at_the_same_time_all_succeed(opened: Callable[[], Store]) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(fruits.put, Fruit(str(number), "apple"))
    assert len(opened().table("fruit", Fruit)) == 50


def test_the_database_carries_the_number_of_its_last_migration(tmp_path: Path) -> None:
    Store.open(tmp_path / "state.db").close()
    Store.open(tmp_path / "state.db").close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
    assert version == len(MIGRATIONS)


@pytest.mark.anyio
async def test_a_write_that_fails_among_others_fails_alone(opened: Callable[[], Store]) -> None:
    store = opened()
    fruits = store.table("fruit", Fruit)
    failed: list[str] = []

    async def fail() -> None:
        try:
            await store.write(lambda database: database.execute("INSERT INTO nowhere VALUES (1)"))
        except sqlite3.OperationalError as exc:
            failed.append(str(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fruits.put, Fruit("1", "apple"))
        tasks.start_soon(fruits.put, Fruit("2", "pear"))
        tasks.start_soon(fail)
        tasks.start_soon(fruits.put, Fruit("3", "plum"))
    assert failed == ["no such table: nowhere"]
    assert [fruit.name for fruit in opened().table("fruit", Fruit)] == [
        "apple",
        "pear",
        "plum",
    ]


def test_a_damaged_database_is_named_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(Unavailable, match=str(path)) as raised:
        Store.open(path)
    assert "move it away" in (raised.value.hint or "")
