"""Image calls."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Iterable, Mapping

from msgspec import UNSET

from engine.client.errors import ApiError
from engine.client.transport import Parameters, Transport, parsed
from engine.wire.codec import encode
from engine.wire.filters import format_filters
from engine.wire.http import quoted
from engine.wire.images import AuthConfig, DistributionInspect, ImageDeleteItem, ImageInspect, ImageSummary, Progress


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
        async with self.open("GET", path, headers=_credentials(auth)) as answer:
            return parsed(await answer.body(), DistributionInspect)

    async def pull_image(
        self, reference: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Pull (`:latest` without a tag or digest) and give the progress. Raises `ApiError` also half-way.

        Leaving the loop early, with the iterator closed, ends the pull.
        """
        image, tag = split_reference(reference)
        parameters: Parameters = {"fromImage": image, "tag": tag, "platform": platform}
        async with self.open("POST", "/images/create", parameters, headers=_credentials(auth)) as answer:
            async for line in answer.lines(Progress):
                if line.error is not UNSET:
                    raise ApiError(500, str(line.error))
                yield line

    async def tag_image(self, name: str, repository: str, tag: str) -> None:
        """Give it one more name."""
        await self.call("POST", f"/images/{quoted(name)}/tag", {"repo": repository, "tag": tag})

    async def remove_image(self, name: str, *, force: bool = False, prune: bool = True) -> list[ImageDeleteItem]:
        """Remove a name, and the image with its last name."""
        parameters: Parameters = {"force": force, "noprune": not prune}
        return await self.fetch(list[ImageDeleteItem], "DELETE", f"/images/{quoted(name)}", parameters)


def _credentials(auth: AuthConfig | None) -> list[tuple[str, str]]:
    return [("X-Registry-Auth", base64.urlsafe_b64encode(encode(auth)).decode())] if auth else []


def split_reference(reference: str) -> tuple[str, str]:
    """`fromImage` and `tag` of a reference; a digest is given as a tag, as the API wants it."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return name, digest
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")
