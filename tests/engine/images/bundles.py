"""Archives of images for the tests, entry by entry so that they can be hostile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from tests.engine.storage.archives import Member, archive, entry


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_of(*layers: bytes, **more: Any) -> bytes:
    """A config for uncompressed layers."""
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["run"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
            "history": [{"created_by": f"step {number}"} for number, _ in enumerate(layers)],
            **more,
        }
    ).encode()


def old_bundle(
    *layers: bytes,
    tags: Sequence[str] = ("app:1",),
    config: bytes | None = None,
    more: Sequence[Member] = (),
    **item: Any,
) -> bytes:
    """What `docker save` wrote before it wrote OCI layouts."""
    body = config or config_of(*layers)
    manifest = [
        {
            "Config": f"{digest(body)[7:]}.json",
            "RepoTags": list(tags),
            "Layers": [f"{number}/layer.tar" for number, _ in enumerate(layers)],
            **item,
        }
    ]
    return archive(
        *(entry(f"{number}/layer.tar", content=layer) for number, layer in enumerate(layers)),
        entry(f"{digest(body)[7:]}.json", content=body),
        *more,
        entry("manifest.json", content=json.dumps(manifest).encode()),
    )


def blob(content: bytes) -> Member:
    return entry(f"blobs/sha256/{digest(content)[7:]}", content=content)


def descriptor(content: bytes, media_type: str = "", **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content), **more}


def oci_manifest(config: bytes, *layers: bytes) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers],
        }
    ).encode()


def index_of(*manifests: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": list(manifests)}).encode()


async def in_pieces(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
