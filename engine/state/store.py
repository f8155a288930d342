"""The engine's database: tables of typed records in SQLite, mirrored in memory.

Reads are plain dictionary look-ups. Writes go to SQLite first, then to the mirror, so that a record that was seen
is a record that survives `kill -9` (WAL with `synchronous=NORMAL`: an operating system crash may lose the last
writes but never corrupts). One writer at a time; one engine per database, which `lock.py` guarantees.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from engine.errors import EngineError, Unavailable
from engine.kernel.threads import Crew
from engine.state.reserve import Reserve
from engine.wire.typed import decoder

log = logging.getLogger(__name__)

# One thread: what is asked for while a transaction runs goes together into the next.
_WRITER: Final = Crew("records", 1)

# Append only: entry N brings a database from version N to N + 1.
MIGRATIONS = (
    "CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id))",
)


# In place: a row that is replaced is deleted and made anew, which writes twice as many pages.
_PUT: Final = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"


class Record(Protocol):
    """A frozen msgspec Struct with an identity."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Record)


Act = Callable[[sqlite3.Connection], object]


class _Waiting(Struct):
    """A write that waits for its transaction."""

    act: Act
    is_awaited: bool = True
    is_done: bool = False
    error: BaseException | None = None


class Store:
    """The database. `open` reads everything; `close` is only for tidiness, a crash needs none."""

    def __init__(self, path: Path, connection: sqlite3.Connection, reserve: Reserve) -> None:
        self.path = path
        self._connection = connection
        self._reserve = reserve
        self._queue: deque[_Waiting] = deque()

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open or create the database and bring it to the newest version. Raises `Unavailable` if it is damaged."""
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _upgrade(connection)
        except sqlite3.Error as exc:
            connection.close()
            raise _unusable(path, exc) from exc
        reserve = Reserve(path.with_name("reserve"))
        reserve.fill()
        return cls(path, connection, reserve)

    def close(self) -> None:
        """Close the database, after what was to be written soon."""
        self._commit_waiting()
        self._connection.close()

    def table(self, kind: str, record_type: type[R]) -> Table[R]:
        """The table of one kind of record; read whole, once. Records that cannot be read are logged and kept aside.

        Raises `Unavailable` if the database is damaged.
        """
        try:
            rows: list[tuple[str, bytes]] = self._connection.execute(
                "SELECT id, body FROM records WHERE kind = ?", (kind,)
            ).fetchall()
        except sqlite3.Error as exc:
            raise _unusable(self.path, exc) from exc
        reader = decoder(record_type)
        records: dict[str, R] = {}
        unreadable: dict[str, str] = {}
        for record_id, body in rows:
            try:
                records[record_id] = reader.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                unreadable[record_id] = str(exc)
                log.error("the record of %s %s cannot be read: %s", kind, record_id, exc)
        return Table(self, kind, records, unreadable)

    def write_soon(self, act: Act) -> None:
        """Run `act` in the transaction of whoever writes next, or in an earlier one. What it raises is logged.

        For what has to be written before the next record and needs no answer: an engine that dies before has written
        neither.
        """
        self._queue.append(_Waiting(act, is_awaited=False))

    async def write(self, act: Act) -> None:
        """Run `act` in a transaction on the writer's thread; what others ask for meanwhile shares the next one.

        Raises what `act` raises, and then nothing of it is done.
        """
        mine = _Waiting(act)
        self._queue.append(mine)
        # Whoever is cancelled: the mirror and the file must not be left apart.
        await _WRITER.see_through(self._commit_queued, mine)
        if mine.error is not None:
            raise mine.error

    def _commit_queued(self, mine: _Waiting) -> None:
        if not mine.is_done:  # else it went along with another
            self._commit_waiting()

    def _commit_waiting(self) -> None:
        if batch := [self._queue.popleft() for _ in range(len(self._queue))]:
            self._commit(batch)

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            self._transact([waiting.act for waiting in batch])
        except BaseException as exc:
            if len(batch) == 1:
                batch[0].error = exc
                if not batch[0].is_awaited:
                    log.exception("a record could not be written")
            else:  # one fails them all: find out whose it was
                for waiting in batch:
                    self._commit([waiting])
        for waiting in batch:
            waiting.is_done = True

    def _transact(self, acts: Sequence[Act]) -> None:
        while True:
            try:
                return self._try_to_transact(acts)
            except sqlite3.OperationalError as exc:
                if getattr(exc, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                    raise
                if not self._reserve.give():
                    raise EngineError(
                        "no space left on the device of the engine's state directory",
                        hint="delete something there that is not the engine's",
                    ) from exc

    def _try_to_transact(self, acts: Sequence[Act]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for act in acts:
                act(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors have rolled back already
                self._connection.execute("ROLLBACK")
            raise


def peek(path: Path) -> list[tuple[str, bytes]]:
    """Every record's kind and JSON, read beside a running engine. Raises `Unavailable` if the database is damaged."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT kind, body FROM records").fetchall()
    except sqlite3.Error as exc:
        raise Unavailable(f"the engine's database {path} cannot be used: {exc}") from exc


def _unusable(path: Path, why: sqlite3.Error) -> Unavailable:
    return Unavailable(
        f"the engine's database {path} cannot be used: {why}",
        hint="move it away to begin with an empty one; volumes and images stay where they are, but unknown",
    )


def _upgrade(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, statement in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


class Table(Generic[R]):
    """Records of one kind by id, in the order in which they were first put.

    `unreadable` are those that could not be read (a damaged disk, an engine older than what wrote them), with the
    reason; they are in no listing and can only be deleted.
    """

    def __init__(self, store: Store, kind: str, records: dict[str, R], unreadable: dict[str, str]) -> None:
        self._store = store
        self._kind = kind
        self._records = records
        self.unreadable = unreadable

    def get(self, record_id: str) -> R | None:
        """The record with that id, or None."""
        return self._records.get(record_id)

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    async def put(self, record: R) -> None:
        """Insert or replace a record."""
        body = msgspec.json.encode(record)
        await self._store.write(lambda database: database.execute(_PUT, (self._kind, record.id, body)))
        self._records[record.id] = record

    async def delete(self, record_id: str) -> None:
        """Forget a record; a missing one is fine."""
        await self._store.write(self._deletion(record_id))
        self._forget(record_id)

    def delete_soon(self, record_id: str) -> None:
        """Forget a record at once here, and on disk with whatever is written next (`Store.write_soon`)."""
        self._store.write_soon(self._deletion(record_id))
        self._forget(record_id)

    def _deletion(self, record_id: str) -> Act:
        return lambda database: database.execute(
            "DELETE FROM records WHERE kind = ? AND id = ?", (self._kind, record_id)
        )

    def _forget(self, record_id: str) -> None:
        self._records.pop(record_id, None)
        self.unreadable.pop(record_id, None)
