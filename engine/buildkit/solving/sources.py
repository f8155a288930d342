"""The files of one build, from its client: first the Dockerfile, then what the Dockerfile needs of the contexts."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from msgspec import Struct

from engine.builder.context.keeping import Lending
from engine.builder.context.receiving import Received, fetch, read_dockerfile
from engine.builder.context.tree import Tree
from engine.builder.context.workspace import Workspace
from engine.builder.dockerfile.checks import check
from engine.builder.dockerfile.stages import Dockerfile, parse_dockerfile
from engine.buildkit.session.filesync import Wish, files, incoming
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.session.uploads import is_upload, uploaded
from engine.buildkit.solving.attributes import Wanted
from engine.buildkit.solving.board import Board, Vertex
from engine.buildkit.solving.questions import rule_page
from engine.buildkit.transport.calls import Client
from engine.errors import BadRequest
from engine.images.record import Image
from engine.wire.ignore import Ignore, read_ignore

_IGNORE: Final = ".dockerignore"
_DEFAULT: Final = "Dockerfile"

# The files of a context that are needed, None for all of them.
FindPaths = Callable[[], Collection[str] | None]


class Definition(Struct, frozen=True, kw_only=True):
    """A Dockerfile with its text, and the patterns of the `.dockerignore` that belongs to it alone, if there is one."""

    dockerfile: Dockerfile
    text: str
    ignore: str | None = None


class Ground(Struct, frozen=True):
    """Where the files of a build go: what is its own, and what stays for the next build."""

    workspace: Workspace
    lending: Lending


class Sources:
    """Of one build."""

    def __init__(self, wanted: Wanted, sessions: Sessions, session: str, board: Board) -> None:
        self._wanted = wanted
        self._sessions = sessions
        self._session = session
        self._board = board
        # Of a context that does not come from the client, who leaves out what is to be left out.
        self._ignore = Ignore([])
        # What was read last, for messages that point into it.
        self.last_text = ""

    async def client(self, directory: str = "") -> Client:
        """Who has a directory, or (without one) everything else. Raises `CallFailed`."""
        return await self._sessions.get(self._wanted.sessions.get(directory, self._session))

    async def definition(self) -> Definition:
        """Read the client's Dockerfile. Raises `BadRequest`, `DockerfileError`, `CallFailed`."""
        name = self._wanted.order.dockerfile
        async with self._board.doing(f"[internal] load build definition from {name}") as vertex:
            text, ignore = await self._read(vertex)
            dockerfile = parse_dockerfile(text, posixpath.normpath(name))
            for finding in check(text, name):
                await vertex.warn(
                    f"{finding.rule}: {finding.message} (line {finding.line})",
                    rule_page(finding.rule),
                    (name, text.encode()),
                    finding.line,
                )
        return Definition(dockerfile=dockerfile, text=text, ignore=ignore)

    async def text(self) -> str:
        """The client's Dockerfile as it is. Raises `BadRequest`, `CallFailed`."""
        async with self._board.doing(
            f"[internal] load build definition from {self._wanted.order.dockerfile}"
        ) as vertex:
            return (await self._read(vertex))[0]

    async def _read(self, vertex: Vertex) -> tuple[str, str | None]:
        """The Dockerfile, and the patterns that belong to it alone."""
        name, directory = self._wanted.order.dockerfile, self._wanted.dockerfile_name
        names = (name, f"{name}{_IGNORE}", posixpath.join(posixpath.dirname(name), _DEFAULT.lower()))
        found = await files(await self.client(directory), Wish(directory, paths=names))
        content = found.get(name)
        if content is None and posixpath.basename(name) == _DEFAULT:
            content = found.get(names[-1])
        if content is None:
            raise BadRequest(f"failed to read dockerfile: open {name}: no such file or directory")
        await vertex.step(f"transferring dockerfile: {len(content)}B")
        text, ignore = content.decode("utf-8", "replace"), found.get(names[1])
        self.last_text = text
        if not text.strip():
            raise BadRequest(f"the Dockerfile ({name}) cannot be empty")
        return text, None if ignore is None else ignore.decode("utf-8", "replace")

    async def take_remote(self, workspace: Workspace) -> Definition:
        """Fill the workspace with a context that is elsewhere, and read the Dockerfile in it, if it is in there."""
        order = self._wanted.order
        async with self._board.doing(f"[internal] load remote build context {order.remote}".rstrip()):
            if is_upload(order.remote):
                async with aclosing(uploaded(await self.client(), order.remote)) as chunks:
                    await workspace.unpack(chunks)
            else:
                await fetch(order.remote, workspace, order)
        if self._wanted.dockerfile_name:
            return await self.definition()
        dockerfile, text, self._ignore = await anyio.to_thread.run_sync(
            read_dockerfile, workspace.context, order.dockerfile
        )
        self.last_text = text
        return Definition(dockerfile=dockerfile, text=text)

    def received(
        self,
        ground: Ground,
        definition: Definition,
        find_paths: FindPaths,
        secrets: Mapping[str, bytes],
        images: Mapping[str, Image],
    ) -> Received:
        """What there is to build; the client's contexts are brought when a step needs them. `find_paths` says then
        which files of the build's own context are needed.
        """
        later: dict[str, Callable[[], Awaitable[Tree]]] = {
            name: partial(self._named, ground, name, directory) for name, directory in self._wanted.locals.items()
        }
        if not self._wanted.order.remote:
            later[""] = partial(self._context, ground, definition, find_paths)
        return Received(definition.dockerfile, definition.text, self._ignore, secrets, {}, images, later)

    async def _context(self, ground: Ground, definition: Definition, find_paths: FindPaths) -> Tree:
        name = self._wanted.context_name
        client = await self.client(name)
        text = definition.ignore
        if text is None:
            text = await self._read_ignore(client, name)
        wish = Wish(name, excludes=tuple(read_ignore(text)), paths=tuple(sorted(find_paths() or ())))
        return await self._transferred(ground, client, wish, "[internal] load build context")

    async def _read_ignore(self, client: Client, directory: str) -> str:
        async with self._board.doing("[internal] load .dockerignore") as vertex:
            found = await files(client, Wish(directory, paths=(_IGNORE,)))
            content = found.get(_IGNORE, b"")
            await vertex.step(f"transferring context: {len(content)}B")
        return content.decode("utf-8", "replace")

    async def _named(self, ground: Ground, name: str, directory: str) -> Tree:
        client = await self.client(directory)
        ignored = await files(client, Wish(directory, paths=(_IGNORE,)))
        patterns = read_ignore(ignored.get(_IGNORE, b"").decode("utf-8", "replace"))
        wish = Wish(directory, excludes=tuple(patterns))
        return await self._transferred(ground, client, wish, f"[context {name}] load from client")

    async def _transferred(self, ground: Ground, client: Client, wish: Wish, title: str) -> Tree:
        """The files of a wish; those that are here since an earlier build are not sent again."""
        session = self._wanted.sessions.get(wish.name, self._session)
        kept = ground.lending.take(wish.name, self._sessions.directories(session))
        async with (
            self._board.doing(title) as vertex,
            incoming(client, wish, kept.marks if kept else None) as found,
        ):
            stale = await found.stale() if kept and kept.marks else []
            async with aclosing(_counted(found.archive(), vertex)) as chunks:
                if kept is None:
                    return Tree(await ground.workspace.unpack(chunks, f"named-{wish.name.encode().hex()}"))
                tree = await kept.fill(chunks, stale)
            kept.settle(found.marks, found.size_bytes)
        return tree


async def _counted(chunks: AsyncGenerator[bytes, None], vertex: Vertex) -> AsyncGenerator[bytes, None]:
    """The same chunks; the vertex shows how much has come."""
    size = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            size += len(chunk)
            await vertex.measure("transferring context:", size)
            yield chunk
