"""Builds are known after they are over, by their records and their progress: the newest, and those that are pinned."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from engine.buildkit.control.history import History
from engine.buildkit.messages.control_pb2 import StatusResponse
from engine.buildkit.messages.history_pb2 import (
    COMPLETE,
    DELETED,
    STARTED,
    BuildHistoryEvent,
    BuildHistoryRecord,
    BuildHistoryRequest,
    UpdateBuildHistoryRequest,
)
from engine.buildkit.solving.board import Board
from engine.buildkit.transport.status import CallFailed, Code

pytestmark = pytest.mark.anyio


async def build(history: History, ref: str, error: Exception | None = None) -> None:
    board = Board(ref)
    async with history.keeping(BuildHistoryRecord(ref=ref), board.recording), board.doing(f"step of {ref}") as vertex:
        await vertex.log(1, b"said")
        if error is not None:
            raise error


async def listed(
    history: History, *, ref: str = "", limit: int = 0, active_only: bool = False
) -> list[BuildHistoryEvent]:
    request = BuildHistoryRequest(early_exit=True, ref=ref, limit=limit, active_only=active_only)
    return [event async for event in history.listen(request)]


async def told(history: History, ref: str) -> list[StatusResponse]:
    return [message async for message in history.status(ref)]


async def test_a_build_is_known_to_the_next_engine_with_its_progress(tmp_path: Path) -> None:
    await build(History(tmp_path), "one")
    with pytest.raises(CallFailed):
        await build(History(tmp_path), "two", CallFailed(Code.UNKNOWN, "it broke"))
    history = History(tmp_path)
    events = await listed(history)
    assert [(event.type, event.record.ref) for event in events] == [(COMPLETE, "two"), (COMPLETE, "one")]
    two, one = (event.record for event in events)
    assert (one.num_total_steps, one.num_completed_steps, one.num_cached_steps) == (1, 1, 0)
    assert one.completed_at.ToNanoseconds() >= one.created_at.ToNanoseconds()
    assert two.error.message == "it broke"
    assert not one.HasField("error")
    messages = await told(history, "one")
    assert messages[0].vertexes[0].name == "step of one"
    assert [log.msg for message in messages for log in message.logs] == [b"said"]
    assert messages[-1].vertexes[0].HasField("completed")
    with pytest.raises(CallFailed, match="no build record for ref three"):
        await told(history, "three")


async def test_what_is_asked_for_is_one_build_or_a_few_or_those_that_go_on(tmp_path: Path) -> None:
    history = History(tmp_path)
    for ref in ("one", "two", "three"):
        await build(history, ref)
    assert [event.record.ref for event in await listed(history, ref="two")] == ["two"]
    assert [event.record.ref for event in await listed(history, limit=2)] == ["three", "two"]
    async with history.keeping(BuildHistoryRecord(ref="four"), Board("four").recording):
        assert [(event.type, event.record.ref) for event in await listed(history, active_only=True)] == [
            (STARTED, "four")
        ]
    assert await listed(history, active_only=True) == []


async def test_who_listens_hears_of_beginnings_ends_and_deletions(tmp_path: Path) -> None:
    history = History(tmp_path)
    heard: list[tuple[int, str]] = []
    listens, deleted = anyio.Event(), anyio.Event()
    await build(history, "one")

    async def listen() -> None:
        async for event in history.listen(BuildHistoryRequest()):
            listens.set()
            heard.append((event.type, event.record.ref))
            if event.type == DELETED:
                deleted.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await listens.wait()
            await build(history, "two")
            await history.update(UpdateBuildHistoryRequest(ref="one", delete=True))
            await deleted.wait()
            tasks.cancel_scope.cancel()
    assert heard == [(COMPLETE, "one"), (STARTED, "two"), (COMPLETE, "two"), (DELETED, "one")]
    assert [event.record.ref for event in await listed(History(tmp_path))] == ["two"]
    await history.update(UpdateBuildHistoryRequest(ref="one", delete=True))
    with pytest.raises(CallFailed, match="no build record for ref one"):
        await history.update(UpdateBuildHistoryRequest(ref="one", pinned=True))


async def test_fifty_builds_stay_and_those_that_are_pinned(tmp_path: Path) -> None:
    history = History(tmp_path)
    await build(history, "pinned")
    await history.update(UpdateBuildHistoryRequest(ref="pinned", pinned=True))
    for number in range(52):
        await build(history, str(number))
    refs = [event.record.ref for event in await listed(history)]
    assert refs == [*(str(number) for number in range(51, 1, -1)), "pinned"]
    assert len(list((tmp_path / "history").iterdir())) == 2 * 51


async def test_a_build_that_is_called_off_says_so(tmp_path: Path) -> None:
    history = History(tmp_path)
    with anyio.CancelScope() as scope:
        async with history.keeping(BuildHistoryRecord(ref="one"), Board("one").recording):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    (event,) = await listed(history)
    assert (event.record.error.code, event.record.error.message) == (Code.CANCELLED, "context canceled")


async def test_the_progress_of_a_build_that_goes_on_is_followed_from_its_beginning(tmp_path: Path) -> None:
    history = History(tmp_path)
    board = Board("one")
    begun = anyio.Event()
    found: list[StatusResponse] = []

    async def follow() -> None:
        async for message in history.status("one"):
            found.append(message)
            begun.set()

    with anyio.fail_after(60):
        async with (
            anyio.create_task_group() as tasks,
            history.keeping(BuildHistoryRecord(ref="one"), board.recording),
            board.doing("step"),
        ):
            tasks.start_soon(follow)
            await begun.wait()
    assert [bool(message.vertexes[0].HasField("completed")) for message in found] == [False, True]


async def test_output_is_cut_off_at_two_megabytes(tmp_path: Path) -> None:
    history = History(tmp_path)
    board = Board("one")
    async with history.keeping(BuildHistoryRecord(ref="one"), board.recording), board.doing("step") as vertex:
        for _ in range(40):
            await vertex.log(1, bytes(100_000))
    lines = [log.msg for message in await told(history, "one") for log in message.logs]
    assert len(lines) == 21
    assert lines[-1] == b"[output clipped, log limit 2MiB reached]\n"


async def test_a_record_that_is_broken_hides_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await build(History(tmp_path), "one")
    (tmp_path / "history" / "broken.record").write_bytes(b"\xff\xff")
    assert [event.record.ref for event in await listed(History(tmp_path))] == ["one"]
    assert "broken.record" in caplog.text
