"""Image calls."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final

from msgspec import UNSET

from engine.client.answers import parsed
from engine.client.errors import ApiError
from engine.client.transport import Answer, Parameters, Transport
from engine.wire.codec import encode
from engine.wire.filters import format_filters
from engine.wire.http import quoted
from engine.wire.images import (
    AuthConfig,
    AuthResult,
    DistributionInspect,
    ImageDeleteItem,
    ImageInspect,
    ImageSummary,
    Progress,
)

# Docker refuses to push without the header, even where nobody has to be known.
_NO_CREDENTIALS: Final = ("X-Registry-Auth", base64.urlsafe_b64encode(b"{}").decode())


class ImageCalls(Transport):
    """`/images/…`."""

    async def list_images(
        self, *, everything: bool = False, filters: Mapping[str, Iterable[str]] | None = None
    ) -> list[ImageSummary]:
        """The local images."""
        parameters: Parameters = {"all": everything, "filters": format_filters(filters) if filters else ""}
        return await self.fetch(list[ImageSummary], "GET", "/images/json", parameters)

    async def inspect_image(self, name: str) -> ImageInspect:
        """Everything about one; `ApiError` 404 if it is not here."""
        return await self.fetch(ImageInspect, "GET", f"/images/{quoted(name)}/json")

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

    async def log_in(self, auth: AuthConfig) -> AuthResult:
        """Have the engine show credentials to the registry that they name; `ApiError` 401 if that refuses them."""
        return await self.fetch(AuthResult, "POST", "/auth", body=auth)

    async def tag_image(self, name: str, repository: str, tag: str) -> None:
        """Give it one more name."""
        await self.call("POST", f"/images/{quoted(name)}/tag", {"repo": repository, "tag": tag})

    async def remove_image(self, name: str, *, force: bool = False, prune: bool = True) -> list[ImageDeleteItem]:
        """Remove a name, and the image with its last name."""
        parameters: Parameters = {"force": force, "noprune": not prune}
        return await self.fetch(list[ImageDeleteItem], "DELETE", f"/images/{quoted(name)}", parameters)

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
