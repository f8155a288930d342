"""A build's progress is shown whole to a reader, and costs little without one."""

from __future__ import annotations

import anyio
import pytest
from msgspec import UNSET

from engine.builder.dockerfile.stages import parse_dockerfile
from engine.builder.telling import Step
from engine.buildkit.messages.control_pb2 import StatusResponse
from engine.buildkit.solving.board import Board
from engine.buildkit.solving.vertices import Vertices
from engine.wire.images import Progress, ProgressDetail

pytestmark = pytest.mark.anyio


async def shown(board: Board) -> StatusResponse:
    board.close()
    found = StatusResponse()
    async for message in board.read():
        found.MergeFrom(message)
    return found


async def test_a_vertex_begins_ends_and_says_what_happened_meanwhile() -> None:
    board = Board("ref")
    async with board.doing("RUN make") as vertex:
        await vertex.log(2, b"oops")
    found = await shown(board)
    assert [message.name for message in found.vertexes] == ["RUN make", "RUN make"]
    assert not found.vertexes[0].HasField("completed")
    assert found.vertexes[1].HasField("completed")
    assert (found.logs[0].stream, found.logs[0].msg, found.logs[0].vertex) == (2, b"oops", vertex.digest)


async def test_a_vertex_fails_with_its_block() -> None:
    board = Board("ref")
    with pytest.raises(ValueError, match="no"):
        async with board.doing("x"):
            raise ValueError("no")
    assert (await shown(board)).vertexes[-1].error == "no"


async def test_steps_within_a_vertex_are_complete_when_the_next_begins() -> None:
    board = Board("ref")
    async with board.doing("exporting") as vertex:
        await vertex.step("one")
        await vertex.step("two")
    complete = {status.id for status in (await shown(board)).statuses if status.HasField("completed")}
    assert complete == {"one", "two"}


async def test_a_layer_is_complete_once_when_it_is_here_and_once_when_it_is_unpacked() -> None:
    board = Board("ref")
    dockerfile = parse_dockerfile("FROM tiny\n")
    vertices = Vertices(board, dockerfile, {0: "tiny"})
    await vertices.begin(0, Step(dockerfile.stages[0].start, 1, 1))
    for status in ("Downloading", "Download complete", "Extracting", "Pull complete"):
        detail = ProgressDetail(current=1, total=2) if status.endswith("ing") else UNSET
        await vertices.tell(0, Progress(id="layer", status=status, progress_detail=detail))
    await vertices.finish(0)
    complete = [status.id for status in (await shown(board)).statuses if status.HasField("completed")]
    assert complete == ["layer", "extracting layer"]


async def test_without_a_reader_the_oldest_is_forgotten() -> None:
    board = Board("ref")
    vertex = board.vertex("noise")
    for number in range(100):
        await vertex.log(1, b"%03d" % number + bytes(100_000))
    logs = (await shown(board)).logs
    assert 5 < len(logs) < 15
    assert logs[-1].msg.startswith(b"099")


async def test_who_writes_waits_for_a_reader_that_is_behind() -> None:
    board = Board("ref")
    vertex = board.vertex("noise")
    messages = board.read()
    received = 0

    async def write() -> None:
        for _ in range(100):
            await vertex.log(1, bytes(100_000))
        board.close()

    with anyio.fail_after(60):
        await vertex.begin()
        await anext(messages)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            async for message in messages:
                received += len(message.logs)
    assert received == 100
