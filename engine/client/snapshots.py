"""Calls about the files of containers and what becomes of them."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from engine.client.answers import parsed
from engine.client.calls import Parameters
from engine.client.errors import ApiError
from engine.client.transport import Transport
from engine.wire.containers import IdResponse
from engine.wire.http import quoted
from engine.wire.paths import STAT_HEADER, PathStat


class SnapshotCalls(Transport):
    """`/containers/{name}/archive`, `/containers/{name}/export` and `/commit`."""

    async def stat_path(self, container: str, path: str) -> PathStat:
        """What is at a path of it, of a symlink the link itself; `ApiError` 404 if there is nothing."""
        try:
            async with self.open("HEAD", _archive(container), {"path": path}) as answer:
                return parsed(base64.b64decode(answer.head.headers.get(STAT_HEADER.lower(), "")), PathStat)
        except ApiError as exc:
            if exc.status != 404:  # such an answer has no body: what is wrong is told to who asks for the files
                async with self.open("GET", _archive(container), {"path": path}):
                    raise
            raise

    async def put_archive(
        self,
        container: str,
        path: str,
        tar: bytes | AsyncIterator[bytes],
        *,
        keeps_kinds: bool = False,
        keeps_owners: bool = False,
    ) -> None:
        """Unpack a tar into a directory of it. `keeps_kinds`: a directory replaces no file, nor a file a directory."""
        parameters: Parameters = {"path": path, "noOverwriteDirNonDir": keeps_kinds, "copyUIDGID": keeps_owners}
        async with self.open("PUT", _archive(container), parameters, upload=tar) as answer:
            await answer.body()

    async def get_archive(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        """A path of it as a tar stream, whose names begin with the last part of the path."""
        async with self.open("GET", _archive(container), {"path": path}) as answer:
            async for chunk in answer.chunks():
                yield chunk

    async def export_container(self, container: str) -> AsyncGenerator[bytes, None]:
        """Its files as a tar archive, without volumes."""
        async with self.open("GET", f"/containers/{quoted(container)}/export") as answer:
            async for chunk in answer.chunks():
                yield chunk

    async def commit_container(  # noqa: PLR0913  # the endpoint's parameters
        self,
        container: str,
        *,
        repository: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        changes: Sequence[str] = (),
        pause: bool = True,
    ) -> str:
        """Make an image of it and return its id; `changes` are lines of a Dockerfile for the image's configuration."""
        parameters: Parameters = {
            "container": container, "repo": repository, "tag": tag, "author": author, "comment": comment,
            "changes": "\n".join(changes), "pause": str(int(pause)),
        }  # fmt: skip
        return (await self.fetch(IdResponse, "POST", "/commit", parameters)).id


def _archive(container: str) -> str:
    return f"/containers/{quoted(container)}/archive"
