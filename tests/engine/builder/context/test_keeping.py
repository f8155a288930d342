"""Contexts stay between builds: brought up to date by what changed, lent to one build at a time, and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import anyio
import pytest

from engine.builder.context.keeping import MOST_FILES, Contexts, Kept, beyond
from engine.builder.context.tree import Tree, digest, find
from engine.errors import EngineError
from engine.kernel.mounts import mount_points, unmount
from engine.wire.ignore import Ignore
from tests.engine.storage.archives import archive, entry, folder, symlink

pytestmark = pytest.mark.anyio

root = pytest.mark.root
MARKS: Mapping[str, bytes] = {"file": b"mark"}


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tmp").mkdir()
    yield tmp_path
    for point in reversed(list(mount_points(tmp_path))):
        unmount(point, lazily=True)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def filled(kept: Kept | None, content: bytes, stale: tuple[str, ...] = ()) -> Tree:
    assert kept is not None
    tree = await kept.fill(pieces(content), stale)
    kept.settle(MARKS, len(content))
    return tree


def idle(number: int, size_bytes: int, *, is_in_memory: bool = True, files: int = 1) -> Kept:
    kept = Kept(str(number), "context", Path("/nowhere"))
    kept.idle_since, kept.is_in_memory = float(number), is_in_memory
    kept.settle({str(name): b"" for name in range(files)}, size_bytes)
    return kept


@root
async def test_the_next_build_has_the_files_and_takes_what_changed(builds: Path) -> None:
    contexts = Contexts(builds)
    before = archive(folder("d"), entry("d/same", content=b"same"), entry("d/gone"), entry("d/kind"), entry("top"))
    async with contexts.lending() as lending:
        await filled(lending.take("context", "client"), before)
    async with contexts.lending() as lending:
        kept = lending.take("context", "client")
        assert kept is not None
        assert kept.marks == MARKS
        after = archive(
            folder("d", mtime=500.0), folder("d/kind"), entry("d/kind/new", content=b"new"), symlink("top", "d")
        )
        found = (await filled(kept, after, ("d/gone", "d/kind", "top"))).root
        assert sorted(str(path.relative_to(found)) for path in found.rglob("*")) == [
            "d",
            "d/kind",
            "d/kind/new",
            "d/same",
            "top",
        ]
        assert (found / "d" / "same").read_bytes() == b"same"
        assert (found / "top").readlink() == Path("d")
        assert (found / "d").stat().st_mtime == 500.0
    for kept in contexts:
        await contexts.remove(kept)
    assert list(mount_points(builds)) == []
    assert list((builds / "tmp").iterdir()) == []


@root
async def test_only_what_changed_is_read_again(builds: Path) -> None:
    contexts = Contexts(builds)
    async with contexts.lending() as lending:
        tree = await filled(lending.take("context", "client"), archive(entry("changed", content=b"1"), entry("same")))
        before = digest(tree, find(tree, "."), Ignore([]))
    async with contexts.lending() as lending:
        tree = await filled(lending.take("context", "client"), archive(entry("changed", content=b"2")), ("changed",))
        assert tree.digests is not None
        assert list(tree.digests) == [str(tree.root / "same")]
        after = digest(tree, find(tree, "."), Ignore([]))
        assert after == digest(Tree(tree.root), find(tree, "."), Ignore([]))
        assert after != before
    for kept in contexts:
        await contexts.remove(kept)


@root
async def test_another_build_of_the_same_context_does_without_meanwhile(builds: Path) -> None:
    contexts = Contexts(builds)
    async with contexts.lending() as one, contexts.lending() as two:
        await filled(one.take("context", "client"), archive(entry("file")))
        assert two.take("context", "client") is None
        assert two.take("context", "") is None
        await filled(two.take("context", "other"), archive(entry("file")))
    assert [kept.in_use for kept in contexts] == [False, False]
    for kept in contexts:
        await contexts.remove(kept)


@root
async def test_half_a_context_is_thrown_away(builds: Path) -> None:
    contexts = Contexts(builds)
    with pytest.raises(EngineError, match="no tar archive"):
        async with contexts.lending() as lending:
            await filled(lending.take("context", "client"), archive(entry("file", content=bytes(4000)))[:600])
    assert list(contexts) == []
    assert list((builds / "tmp").iterdir()) == []


@root
async def test_nothing_stays_when_the_engine_stops(builds: Path) -> None:
    contexts = Contexts(builds)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(contexts.expire)
        async with contexts.lending() as lending:
            await filled(lending.take("context", "client"), archive(entry("file")))
        async with contexts.lending() as late:
            await filled(late.take("other", "client"), archive(entry("file")))
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
    assert list(contexts) == []
    assert list((builds / "tmp").iterdir()) == []


async def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    one, two, three = idle(1, 10), idle(2, 10), idle(3, 10)
    assert beyond([three, one, two], 30) == []
    assert beyond([three, one, two], 20) == [one]
    assert beyond([three, one, two], 0) == [three, two, one]


async def test_memory_disk_and_the_number_of_files_have_their_own_bounds() -> None:
    on_disk = idle(1, 1 << 30, is_in_memory=False)
    assert beyond([on_disk, idle(2, 10)], 10) == []
    more_on_disk = idle(0, 3 << 30, is_in_memory=False)
    assert beyond([on_disk, more_on_disk], 0) == [more_on_disk]
    crowded = idle(0, 1, files=MOST_FILES)
    assert beyond([crowded, idle(1, 1)], 10) == [crowded]
    assert not idle(0, 1, files=MOST_FILES + 1).is_whole
