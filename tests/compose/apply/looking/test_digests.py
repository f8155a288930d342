"""Images pinned to the digests that their registries say."""

from __future__ import annotations

from typing import cast

import pytest

from compose.apply.looking.digests import pinned
from compose.errors import EngineRefused
from engine.client import EngineClient
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.anyio

DIGEST = "sha256:" + "a" * 64


def registry_of(*references: str) -> EngineClient:
    engine = FakeEngine()
    engine.registry = dict.fromkeys(references, DIGEST)
    return cast("EngineClient", engine)


async def test_an_image_is_known_by_its_full_name_and_its_digest() -> None:
    engine = registry_of("docker.io/library/redis:latest", "ghcr.io/me/app:1")
    assert await pinned(engine, ["redis", "ghcr.io/me/app:1", "redis"]) == {
        "redis": f"docker.io/library/redis:latest@{DIGEST}",
        "ghcr.io/me/app:1": f"ghcr.io/me/app:1@{DIGEST}",
    }


async def test_an_image_that_has_a_digest_is_asked_of_nobody() -> None:
    assert await pinned(registry_of(), [f"me/app:1@{DIGEST}"]) == {
        f"me/app:1@{DIGEST}": f"docker.io/me/app@{DIGEST}",
    }


async def test_an_image_that_nobody_knows_is_an_error_with_its_name() -> None:
    with pytest.raises(EngineRefused, match=r"failed to resolve digest for docker\.io/library/nix:latest"):
        await pinned(registry_of(), ["nix"])
