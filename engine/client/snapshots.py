"""Calls about the file system of containers and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from engine.client.transport import Parameters, Transport
from engine.wire.containers import IdResponse
from engine.wire.http import quoted


class SnapshotCalls(Transport):
    """`/containers/{name}/export` and `/commit`."""

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
