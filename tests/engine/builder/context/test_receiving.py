from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from engine.builder.context.receiving import Received, receive
from engine.builder.context.workspace import working
from engine.builder.order import BuildOrder
from engine.errors import BadRequest
from engine.storage.snapshots import Snapshots
from engine.wire.building import Enclosure
from engine.wire.codec import encode

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def received(builds: Path, dockerfile: bytes, enclosed: bytes = b"", *, claimed: int | None = None) -> Received:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(dockerfile)
        tar.addfile(member, io.BytesIO(dockerfile))

    async def chunks() -> AsyncIterator[bytes]:
        body = enclosed + archive.getvalue()
        for at in range(0, len(body), 700):
            yield body[at : at + 700]

    order = BuildOrder(enclosed_bytes=len(enclosed) if claimed is None else claimed)

    # No stage is built, so nothing asks for layers.
    async with working(builds, cast("Snapshots", None)) as workspace:
        return await receive(order, chunks(), workspace)


async def test_a_comment_in_another_encoding_does_not_make_a_dockerfile_unreadable(tmp_path: Path) -> None:
    found = await received(tmp_path, "# für alle\nFROM busybox\n".encode("latin-1"))
    assert [stage.start.text for stage in found.dockerfile.stages] == ["FROM busybox"]


async def test_a_dockerfile_of_white_space_is_empty(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="cannot be empty"):
        await received(tmp_path, b" \n\n")


async def test_secrets_come_before_the_context_and_never_as_files(tmp_path: Path) -> None:
    enclosed = encode(Enclosure({"token": b"s" * 3000}))
    found = await received(tmp_path, b"FROM busybox\n", enclosed)
    assert found.secrets == {"token": b"s" * 3000}
    assert "sss" not in repr(Enclosure(dict(found.secrets)))


@pytest.mark.parametrize(
    ("enclosed", "claimed", "words"),
    [
        (b"{", None, "cannot be read"),
        (b"{}", 1 << 20, "the body ends before the build's context"),
        (b"{}", 1 << 40, "take more than"),
    ],
)
async def test_what_comes_before_the_context_is_checked(
    tmp_path: Path, enclosed: bytes, claimed: int | None, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        await received(tmp_path, b"FROM busybox\n", enclosed, claimed=claimed)
