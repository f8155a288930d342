"""Builds that are over, as `buildx history` lists them and tells of them: the newest fifty of the last two days, and
those that are pinned. Each is a few files:

    builds/history/<id>.record   what was asked for and what came of it, as a message of BuildKit's
    builds/history/<id>.log      its progress (`solving.recording`), written first
    builds/history/<id>.from     where its result comes from (`solving.provenance`), if it has one
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectSendStream
from google.protobuf.message import DecodeError
from msgspec import Struct

from engine.buildkit.messages.control_pb2 import StatusResponse
from engine.buildkit.messages.gateway_pb2 import RpcStatus
from engine.buildkit.messages.history_pb2 import (
    COMPLETE,
    DELETED,
    STARTED,
    BuildHistoryEvent,
    BuildHistoryRecord,
    BuildHistoryRequest,
    Descriptor,
    UpdateBuildHistoryRequest,
)
from engine.buildkit.solving.board import now
from engine.buildkit.solving.provenance import PREDICATE, Facts, predicate
from engine.buildkit.solving.recording import Recording, unpacked
from engine.buildkit.transport.status import CallFailed, Code
from engine.storage.content import digest_of
from engine.wire.times import rfc3339

log = logging.getLogger(__name__)

_MOST: Final = 50
_LONGEST_NS: Final = 48 * 3600 * 10**9
_BACKLOG: Final = 256


class Entry(Struct):
    """A build that goes on."""

    record: BuildHistoryRecord
    recording: Recording
    provenance: bytes = b""

    def attest(self, facts: Facts) -> None:
        """Have it said with the record where the result comes from."""
        started, finished = (rfc3339(moment.ToNanoseconds()) for moment in (self.record.created_at, now()))
        self.provenance = predicate(facts, ref=self.record.ref, started=started, finished=finished)
        statement = Descriptor(
            media_type="application/vnd.in-toto+json",
            digest=digest_of(self.provenance),
            size=len(self.provenance),
            annotations={"in-toto.io/predicate-type": PREDICATE},
        )
        self.record.result.attestations.append(statement)


class History:
    """Of one engine, below the directory of its builds. Reads what there is when it is first asked for."""

    def __init__(self, builds: Path) -> None:
        self._root = builds / "history"
        self._running: dict[str, Entry] = {}
        self._over: dict[str, BuildHistoryRecord] | None = None
        self._listeners: set[MemoryObjectSendStream[BuildHistoryEvent]] = set()
        self._lock = anyio.Lock()
        self._reading = anyio.Lock()

    @asynccontextmanager
    async def keeping(self, record: BuildHistoryRecord, recording: Recording) -> AsyncIterator[Entry]:
        """Keep a build that goes on in the block; an error that leaves it is the build's."""
        record.created_at.CopyFrom(now())
        entry = self._running[record.ref] = Entry(record, recording)
        self._tell(BuildHistoryEvent(type=STARTED, record=record))
        try:
            yield entry
        except Exception as exc:
            record.error.CopyFrom(
                exc.report if isinstance(exc, CallFailed) else RpcStatus(code=Code.UNKNOWN, message=str(exc))
            )
            raise
        except BaseException:
            record.error.CopyFrom(RpcStatus(code=Code.CANCELLED, message="context canceled"))
            raise
        finally:
            entry.recording.close()
            with anyio.CancelScope(shield=True):
                await self._keep(entry)

    async def status(self, ref: str) -> AsyncGenerator[StatusResponse, None]:
        """The progress of a build that goes on or is over, from its beginning. Raises `CallFailed` without one."""
        if entry := self._running.get(ref):
            async with aclosing(entry.recording.read()) as messages:
                async for message in messages:
                    yield message
            return
        await self._record(ref)
        for message in unpacked(await anyio.to_thread.run_sync(self._path(ref, "log").read_bytes)):
            yield message

    async def document(self, digest: str) -> bytes:
        """What says where the result of a build comes from, by its digest. Raises `CallFailed` without one."""
        for record in (await self._known()).values():
            if any(item.digest == digest for item in record.result.attestations):
                return await anyio.to_thread.run_sync(self._path(record.ref, "from").read_bytes)
        raise CallFailed(Code.NOT_FOUND, f"content {digest}: not found")

    async def has(self, ref: str) -> bool:
        """Whether a build is over and known."""
        return ref in await self._known()

    async def listen(self, request: BuildHistoryRequest) -> AsyncGenerator[BuildHistoryEvent, None]:
        """What the client wants to know: what there is, and unless it exits early, what happens from then on."""
        send, events = anyio.create_memory_object_stream[BuildHistoryEvent](_BACKLOG)
        async with send, events:
            self._listeners.add(send)
            try:
                for event in _chosen([*self._active(), *await self._ended()], request):
                    yield event
                if request.early_exit:
                    return
                async for event in events:
                    if not request.ref or request.ref == event.record.ref:
                        yield event
            finally:
                self._listeners.discard(send)

    async def update(self, request: UpdateBuildHistoryRequest) -> None:
        """Delete, pin or unpin a record; one that is gone is as good as deleted. Raises `CallFailed`."""
        async with self._lock:
            if request.delete:
                record = (await self._known()).get(request.ref)
                await self._delete([record] if record else [])
            elif not request.finalize:  # which is about traces, and there are none
                record = await self._record(request.ref)
                record.pinned = request.pinned
                record.generation += 1
                await anyio.to_thread.run_sync(self._write, record)
                self._tell(BuildHistoryEvent(type=COMPLETE, record=record))

    async def _keep(self, entry: Entry) -> None:
        record = entry.record
        total, complete, cached, warnings = entry.recording.counts()
        record.num_total_steps, record.num_completed_steps = total, complete
        record.num_cached_steps, record.num_warnings = cached, warnings
        record.completed_at.CopyFrom(now())
        try:
            async with self._lock:
                known = await self._known()
                await anyio.to_thread.run_sync(self._write, record, entry)
                known[record.ref] = record
                await self._delete(_outdated(list(known.values())))
        except OSError:
            log.exception("the build %s cannot be recorded", record.ref)  # it is done all the same
        del self._running[record.ref]
        self._tell(BuildHistoryEvent(type=COMPLETE, record=record))

    async def _delete(self, records: list[BuildHistoryRecord]) -> None:
        known = await self._known()
        for record in records:
            await anyio.to_thread.run_sync(self._unlink, record.ref)
            known.pop(record.ref, None)
            self._tell(BuildHistoryEvent(type=DELETED, record=record))

    async def _record(self, ref: str) -> BuildHistoryRecord:
        record = (await self._known()).get(ref)
        if record is None:
            raise CallFailed(Code.NOT_FOUND, f"no build record for ref {ref}")
        return record

    async def _known(self) -> dict[str, BuildHistoryRecord]:
        async with self._reading:
            if self._over is None:
                self._over = await anyio.to_thread.run_sync(self._read)
            return self._over

    def _active(self) -> Iterator[BuildHistoryEvent]:
        for entry in self._running.values():
            shown = BuildHistoryRecord()
            shown.CopyFrom(entry.record)
            shown.num_total_steps, shown.num_completed_steps, shown.num_cached_steps, _ = entry.recording.counts()
            yield BuildHistoryEvent(type=STARTED, record=shown)

    async def _ended(self) -> list[BuildHistoryEvent]:
        known = await self._known()
        records = sorted(known.values(), key=lambda record: record.created_at.ToNanoseconds(), reverse=True)
        return [BuildHistoryEvent(type=COMPLETE, record=record) for record in records]

    def _tell(self, event: BuildHistoryEvent) -> None:
        for listener in self._listeners:
            try:
                listener.send_nowait(event)
            except (anyio.WouldBlock, anyio.BrokenResourceError):
                log.warning("who listens to the history of builds is behind, and misses some of it")

    def _path(self, ref: str, kind: str) -> Path:
        """The file of a record: clients choose refs, so these are no names of files."""
        return self._root / f"{hashlib.sha256(ref.encode()).hexdigest()[:32]}.{kind}"

    def _read(self) -> dict[str, BuildHistoryRecord]:
        found: dict[str, BuildHistoryRecord] = {}
        for path in sorted(self._root.glob("*.record")):
            try:
                record = BuildHistoryRecord.FromString(path.read_bytes())
            except (OSError, DecodeError):
                log.exception("the record of a build cannot be read: %s", path)
                continue
            found[record.ref] = record
        return found

    def _write(self, record: BuildHistoryRecord, entry: Entry | None = None) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if entry is not None:
            _replace(self._path(record.ref, "log"), entry.recording.packed())
            if entry.provenance:
                _replace(self._path(record.ref, "from"), entry.provenance)
        _replace(self._path(record.ref, "record"), record.SerializeToString())

    def _unlink(self, ref: str) -> None:
        for kind in ("record", "log", "from"):
            self._path(ref, kind).unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole. What a crash of the machine takes away is no loss that builds should wait for."""
    temporary = path.with_suffix(f"{path.suffix}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def _chosen(events: list[BuildHistoryEvent], request: BuildHistoryRequest) -> list[BuildHistoryEvent]:
    """Those that are asked for. Filters are the client's own work, which it does again for engines such as this."""
    found = [event for event in events if not request.ref or event.record.ref == request.ref]
    if request.active_only:
        found = [event for event in found if event.type == STARTED]
    return found[: request.limit] if request.limit > 0 and not request.filter else found


def _outdated(records: list[BuildHistoryRecord]) -> list[BuildHistoryRecord]:
    """Records that are too old, or too many."""
    loose = sorted(
        (record for record in records if not record.pinned), key=lambda record: record.completed_at.ToNanoseconds()
    )
    oldest_ns = time.time_ns() - _LONGEST_NS
    return [
        record
        for number, record in enumerate(loose)
        if number < len(loose) - _MOST or record.completed_at.ToNanoseconds() < oldest_ns
    ]
