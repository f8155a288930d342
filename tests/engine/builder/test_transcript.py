"""What a build says comes in the order of its Dockerfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream

from engine.builder.dockerfile.stages import parse_dockerfile
from engine.builder.telling import Step
from engine.builder.transcript import Transcript
from engine.images.record import Image
from engine.wire.containers import ContainerConfig
from engine.wire.images import Progress, ProgressDetail

pytestmark = pytest.mark.anyio


@contextmanager
def transcript(
    *stages: int, is_quiet: bool = False
) -> Iterator[tuple[Transcript, MemoryObjectReceiveStream[Progress]]]:
    send, receive = anyio.create_memory_object_stream[Progress](1000)
    with send, receive:
        yield Transcript(send, stages, is_quiet=is_quiet), receive


def said(lines: MemoryObjectReceiveStream[Progress]) -> list[str]:
    found = []
    while True:
        try:
            found.append(str(lines.receive_nowait().stream))
        except anyio.WouldBlock:
            return found


async def test_the_first_unfinished_stage_speaks_at_once_and_the_others_wait() -> None:
    with transcript(0, 2) as (script, lines):
        await script.remark(2, "c")
        await script.remark(0, "a")
        assert said(lines) == ["a"]
        await script.finish(2)
        assert said(lines) == []
        await script.remark(0, "b")
        await script.finish(0)
        assert said(lines) == ["b", "c"]


async def test_a_stage_whose_turn_has_come_speaks_on() -> None:
    with transcript(0, 1) as (script, lines):
        await script.remark(1, "b")
        await script.finish(0)
        await script.remark(1, "c")
        assert said(lines) == ["b", "c"]


async def test_how_far_something_is_counts_only_for_the_stage_that_speaks() -> None:
    measure = Progress(id="l", status="Downloading", progress_detail=ProgressDetail(current=1))
    with transcript(0, 1) as (script, lines):
        await script.tell(0, measure)
        await script.tell(1, measure)
        await script.finish(0)
        assert len(said(lines)) == 1


async def test_of_a_stage_that_says_too_much_before_its_turn_the_end_is_kept() -> None:
    with transcript(0, 1) as (script, lines):
        for number in range(40):
            await script.remark(1, f"{number:02}" + "x" * (1 << 15))
        await script.finish(0)
        found = said(lines)
        assert found[0] == "[earlier output was dropped]\n"
        assert found[-1].startswith("39x")
        assert sum(map(len, found)) <= (1 << 20) + 64


async def test_a_failed_stage_is_heard_before_its_turn_and_nobody_after_it() -> None:
    with transcript(0, 1) as (script, lines):
        await script.remark(1, "why")
        await script.release(1, ValueError())
        await script.remark(0, "late")
        assert said(lines) == ["why"]


async def test_a_step_is_told_in_one_message_and_its_newline_in_another_as_docker_does() -> None:
    instruction = parse_dockerfile("FROM alpine\nEXPOSE 9000\n").stages[0].instructions[0]
    with transcript(0) as (script, lines):
        await script.begin(0, Step(instruction, 2, 2))
        assert said(lines) == ["Step 2/2 : EXPOSE 9000", "\n"]


async def test_a_quiet_build_says_only_its_end() -> None:
    with transcript(0, is_quiet=True) as (script, lines):
        await script.remark(0, "a")
        await script.close(Image(id="sha256:1", config=ContainerConfig(), chain_ids=[], diff_ids=[]), ["x"])
        assert said(lines)[1:] == ["sha256:1\n"]
