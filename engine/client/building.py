"""Build calls, by the classic API."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from msgspec import UNSET

from engine.client.calls import Parameters
from engine.client.errors import ApiError
from engine.client.transport import Transport
from engine.wire.codec import encode
from engine.wire.http import TAR
from engine.wire.images import AuthConfig, Progress


class BuildCalls(Transport):
    """`/build`."""

    async def auth_for(self, reference: str) -> AuthConfig | None:
        """The user's credentials for an image's registry, None where there are none."""
        return await self._find_auth(reference) if self._find_auth is not None else None

    async def build_image(
        self, context: AsyncIterator[bytes], parameters: Parameters, *, auths: Mapping[str, AuthConfig]
    ) -> AsyncGenerator[Progress, None]:
        """Build from a tar archive and give what the engine says. `auths` are by registry.

        Raises `ApiError`, also half-way: then with status 500 and the engine's words. Leaving the loop early, with the
        iterator closed, ends the build.
        """
        headers = [("Content-Type", TAR)]
        if auths:
            headers.append(("X-Registry-Config", base64.urlsafe_b64encode(encode(auths)).decode()))
        async with self.open("POST", "/build", parameters, headers=headers, upload=context) as answer:
            async for line in answer.lines(Progress):
                if line.error is not UNSET:
                    raise ApiError(500, str(line.error))
                yield line
