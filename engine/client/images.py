"""Image calls with whole answers; for those that move images, see `engine.client.transfers`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.client.calls import Calls, Parameters
from engine.wire.filters import format_filters
from engine.wire.http import quoted
from engine.wire.images import (
    AuthConfig,
    AuthResult,
    ImageDeleteItem,
    ImageInspect,
    ImageSummary,
)


class ImageCalls(Calls):
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
