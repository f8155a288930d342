"""A client's directory becomes an archive, whatever the order in which the client sends its parts."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Mapping

import anyio
import pytest

from engine.buildkit.messages.session_pb2 import Packet, Stat
from engine.buildkit.session.filesync import Wish, files, incoming
from engine.buildkit.transport.calls import Call
from engine.errors import BadRequest
from tests.engine.buildkit.wires import connected

pytestmark = pytest.mark.anyio

METHOD = "/moby.filesync.v1.FileSync/DiffCopy"
DIRECTORY = 1 << 31
SYMLINK = 1 << 27
SETUID = 1 << 23
LONG = random.Random(0).randbytes(9 << 20)
TREE: Mapping[str, tuple[int, bytes]] = {
    "a": (0o644, b"one"),
    "big": (0o600, LONG),
    "dir": (DIRECTORY | 0o755, b""),
    "dir/empty": (0o644, b""),
    "dir/run": (SETUID | 0o755, b"#!"),
    "link": (SYMLINK | 0o777, b"a"),
    **{f"many{number:03}": (0o644, b"%d" % number) for number in range(300)},
}


class Sender:
    """The client's side; `cut` bytes are missing at the end of each file."""

    def __init__(self, tree: Mapping[str, tuple[int, bytes]], *, cut: int = 0, problem: str = "") -> None:
        self._tree = tree
        self._cut = cut
        self._problem = problem
        self.metadata: list[tuple[str, str]] = []
        self.asked: list[int] = []

    async def handle(self, call: Call) -> None:
        self.metadata = [pair for pair in call.metadata if pair[0] in ("dir-name", "followpaths", "exclude-patterns")]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._list, call)
            while (packet := await call.receive(Packet)).type != Packet.FIN:
                self.asked.append(packet.id)
                await self._send(call, packet.id)
        assert len(self.asked) == len(set(self.asked))
        await call.send(Packet(type=Packet.FIN))

    async def _list(self, call: Call) -> None:
        for name, (mode, content) in self._tree.items():
            is_link = bool(mode & SYMLINK)
            found = Stat(path=name, mode=mode, size=0 if is_link else len(content), mod_time=1_000_000_001)
            found.linkname = content.decode() if is_link else ""
            await call.send(Packet(type=Packet.STAT, stat=found))
        if self._problem:
            await call.send(Packet(type=Packet.ERR, data=self._problem.encode()))
        await call.send(Packet(type=Packet.STAT))

    async def _send(self, call: Call, number: int) -> None:
        content = list(self._tree.values())[number][1]
        content = content[: len(content) - self._cut]
        for start in range(0, len(content), 32768):
            await call.send(Packet(type=Packet.DATA, id=number, data=content[start : start + 32768]))
        await call.send(Packet(type=Packet.DATA, id=number))


async def taken(sender: Sender, wish: Wish) -> tarfile.TarFile:
    async with connected({METHOD: sender.handle}) as (client, _), incoming(client, wish) as found:
        body = b"".join([chunk async for chunk in found.archive()])
    return tarfile.open(fileobj=io.BytesIO(body))


async def test_every_file_comes_with_its_mode_and_contents() -> None:
    with anyio.fail_after(60):
        found = await taken(Sender(TREE), Wish("context"))
    assert found.getnames() == list(TREE)
    for name, (mode, content) in TREE.items():
        member = found.getmember(name)
        if mode & SYMLINK:
            assert member.linkname == content.decode()
        elif mode & DIRECTORY:
            assert member.isdir()
        else:
            stream = found.extractfile(member)
            assert stream is not None
            assert stream.read() == content
    assert found.getmember("dir/run").mode == 0o4755
    assert found.getmember("a").mtime == pytest.approx(1.000000001)


async def test_the_wish_is_sent_along_in_ascii() -> None:
    sender = Sender({})
    await taken(sender, Wish("context", excludes=("*.o", "!a"), paths=("ü b",)))
    assert sender.metadata == [
        ("dir-name", "context"),
        ("exclude-patterns", "*.o"),
        ("exclude-patterns", "!a"),
        ("followpaths", "%C3%BC+b"),
    ]


async def test_a_few_files_are_read_as_a_whole() -> None:
    async with connected({METHOD: Sender(TREE).handle}) as (client, _):
        found = await files(client, Wish("dockerfile"))
    assert found["a"] == b"one"
    assert found["big"] == LONG
    assert "dir" not in found


async def test_a_file_that_became_shorter_is_an_error() -> None:
    with pytest.raises(BadRequest, match="a became shorter while it was sent"):
        await taken(Sender({"a": (0o644, b"one")}, cut=1), Wish("context"))


async def test_what_the_client_cannot_read_is_told_in_its_words() -> None:
    with anyio.fail_after(60), pytest.raises(BadRequest, match="open x: permission denied"):
        await taken(Sender({}, problem="open x: permission denied"), Wish("context"))


async def test_only_what_changed_since_is_asked_for() -> None:
    before = Sender(TREE)
    async with connected({METHOD: before.handle}) as (client, _), incoming(client, Wish("context")) as found:
        assert [chunk async for chunk in found.archive()]
    assert sorted(before.asked) == sorted(number for number, (mode, _) in enumerate(TREE.values()) if mode < SETUID * 2)
    changed = {**TREE, "a": (0o600, b"one"), "dir": (0o644, b"a file")}
    kept = {name: item for name, item in changed.items() if not name.startswith(("dir/", "many"))}
    after = Sender(kept)
    async with connected({METHOD: after.handle}) as (client, _), incoming(client, Wish("c"), found.marks) as later:
        stale = await later.stale()
        body = b"".join([chunk async for chunk in later.archive()])
    assert [list(kept)[number] for number in after.asked] == ["a", "dir"]
    assert sorted(stale) == sorted(name for name in TREE if name not in ("big", "link"))
    with tarfile.open(fileobj=io.BytesIO(body)) as sent:
        assert sent.getnames() == ["a", "dir"]
    assert set(later.marks) == set(kept)
    assert later.size_bytes == len(LONG) + 3 + 6
