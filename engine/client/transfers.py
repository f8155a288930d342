"""Image calls that speak to registries, with the user's credentials for them."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Final

from msgspec import UNSET

from engine.client.answers import parsed
from engine.client.calls import Parameters
from engine.client.errors import ApiError
from engine.client.images import ImageCalls
from engine.client.transport import Answer, Transport
from engine.wire.codec import encode
from engine.wire.http import quoted
from engine.wire.images import AuthConfig, DistributionInspect, Progress

# Docker refuses to push without the header, even where nobody has to be known.
_NO_CREDENTIALS: Final = ("X-Registry-Auth", base64.urlsafe_b64encode(b"{}").decode())


class ImageTransfers(ImageCalls, Transport):
    """Pulls and pushes, and what a registry says of an image."""

    async def inspect_distribution(self, reference: str, *, auth: AuthConfig | None = None) -> DistributionInspect:
        """What a reference stands for in its registry; `ApiError` 404 if that does not know it."""
        path = f"/distribution/{quoted(reference)}/json"
        async with self.open("GET", path, headers=await self._credentials(reference, auth)) as answer:
            return parsed(await answer.body(), DistributionInspect)

    async def pull_image(
        self, reference: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Pull (`:latest` without a tag or digest) and give the progress. Raises `ApiError` also half-way.

        Leaving the loop early, with the iterator closed, ends the pull.
        """
        image, tag = split_reference(reference)
        parameters: Parameters = {"fromImage": image, "tag": tag, "platform": platform}
        headers = await self._credentials(reference, auth)
        async with self.open("POST", "/images/create", parameters, headers=headers) as answer:
            async for line in _progress(answer):
                yield line

    async def push_image(self, reference: str, *, auth: AuthConfig | None = None) -> AsyncGenerator[Progress, None]:
        """Push one tag (`latest` if none is named) and give the progress. Raises `ApiError` also half-way."""
        image, tag = split_reference(reference)
        headers = await self._credentials(reference, auth) or [_NO_CREDENTIALS]
        async with self.open("POST", f"/images/{quoted(image)}/push", {"tag": tag}, headers=headers) as answer:
            async for line in _progress(answer):
                yield line

    async def _credentials(self, reference: str, auth: AuthConfig | None) -> list[tuple[str, str]]:
        if auth is None and self._find_auth is not None:
            auth = await self._find_auth(reference)
        return [("X-Registry-Auth", base64.urlsafe_b64encode(encode(auth)).decode())] if auth else []


async def _progress(answer: Answer) -> AsyncGenerator[Progress, None]:
    async for line in answer.lines(Progress):
        if line.error is not UNSET:
            raise ApiError(500, str(line.error))
        yield line


def split_reference(reference: str) -> tuple[str, str]:
    """`fromImage` and `tag` of a reference; a digest is given as a tag, as the API wants it."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return name, digest
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")
