from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from engine.builder.order import BuildOrder
from engine.builder.receiving import Received, receive
from engine.builder.workspace import working
from engine.errors import BadRequest
from engine.storage.snapshots import Snapshots

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def received(builds: Path, dockerfile: bytes) -> Received:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(dockerfile)
        tar.addfile(member, io.BytesIO(dockerfile))

    async def chunks() -> AsyncIterator[bytes]:
        yield archive.getvalue()

    # No stage is built, so nothing asks for layers.
    async with working(builds, cast("Snapshots", None)) as workspace:
        return await receive(BuildOrder(), chunks(), workspace)


async def test_a_comment_in_another_encoding_does_not_make_a_dockerfile_unreadable(tmp_path: Path) -> None:
    found = await received(tmp_path, "# für alle\nFROM busybox\n".encode("latin-1"))
    assert [stage.start.text for stage in found.dockerfile.stages] == ["FROM busybox"]


async def test_a_dockerfile_of_white_space_is_empty(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="cannot be empty"):
        await received(tmp_path, b" \n\n")
