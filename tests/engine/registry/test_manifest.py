"""Which documents of a registry are images that can be used here."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from engine.errors import NotFound, RegistryError
from engine.registry.manifest import Document, Index, Manifest, choose, parse
from engine.registry.platforms import Platform
from tests.fakes.registry import digest_of

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
MANIFESTS = {
    "oci": (f"{OCI}manifest.v1+json", f"{OCI}config.v1+json"),
    "docker": (f"{DOCKER}distribution.manifest.v2+json", f"{DOCKER}container.image.v1+json"),
}


def entry(media_type: str, size: int = 5, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(media_type.encode()), "size": size, **more}


def document(content: Mapping[str, object], media_type: str = "") -> Document:
    body = json.dumps(content).encode()
    return Document(digest_of(body), media_type, body)


def manifest(kind: str, *layers: str) -> Document:
    outer, config = MANIFESTS[kind]
    described = [entry(layer) for layer in layers]
    return document({"schemaVersion": 2, "mediaType": outer, "config": entry(config), "layers": described})


@pytest.mark.parametrize("kind", ["oci", "docker"])
@pytest.mark.parametrize(
    "layer",
    [
        f"{OCI}layer.v1.tar",
        f"{OCI}layer.v1.tar+gzip",
        f"{OCI}layer.v1.tar+zstd",
        f"{DOCKER}image.rootfs.diff.tar.gzip",
        f"{DOCKER}image.rootfs.diff.tar.zstd",
    ],
)
def test_layers_may_be_plain_gzip_or_zstd_in_either_dialect(kind: str, layer: str) -> None:
    found = parse(manifest(kind, layer))
    assert isinstance(found, Manifest)
    assert found.layers[0].media_type == layer


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (f"{DOCKER}image.rootfs.foreign.diff.tar.gzip", "is foreign"),
        (f"{OCI}layer.nondistributable.v1.tar+gzip", "is foreign"),
        (f"{OCI}layer.v1.tar+brotli", "is of type .*brotli.*, which is not supported"),
        (f"{OCI}layer.v1.tar+gzip+encrypted", "encrypted.*not supported"),
        ("application/x-erofs", "not supported"),
    ],
)
def test_other_layers_are_refused_by_their_type(layer: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words) as raised:
        parse(manifest("oci", layer))
    assert raised.value.hint


@pytest.mark.parametrize(
    "old",
    [
        document({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": []}),
        document({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        document({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}),
    ],
)
def test_schema_1_is_refused_clearly(old: Document) -> None:
    with pytest.raises(RegistryError, match=r"schema . .*is not supported") as raised:
        parse(old)
    assert "too old" in (raised.value.hint or "")


def test_what_is_no_image_says_so() -> None:
    chart = entry("application/vnd.cncf.helm.config.v1+json")
    with pytest.raises(RegistryError, match=r"not a container image: its config is of type .*helm"):
        parse(document({"schemaVersion": 2, "config": chart, "layers": []}))


@pytest.mark.parametrize("size", [-1, 1 << 60])
def test_sizes_out_of_bounds_are_refused(size: int) -> None:
    outer, config = MANIFESTS["oci"]
    content = {"schemaVersion": 2, "mediaType": outer, "config": entry(config), "layers": [entry("", size)]}
    with pytest.raises(RegistryError, match="out of bounds"):
        parse(document(content))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"schemaVersion": 2, "layers": []}', b"[" * 100_000])
def test_what_is_no_manifest_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(RegistryError):
        parse(Document(digest_of(body), "", body))


def test_an_index_is_known_by_its_content_where_nobody_names_its_type() -> None:
    index = parse(document({"schemaVersion": 2, "manifests": [entry("")]}))
    assert isinstance(index, Index)
    assert choose(index, Platform("linux", "amd64"), "app").size == 5


def test_the_platforms_there_are_come_with_the_refusal() -> None:
    offered = [
        entry("a", platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
        entry("b", platform={"os": "unknown", "architecture": "unknown"}),  # an attestation
    ]
    index = parse(document({"schemaVersion": 2, "mediaType": f"{OCI}index.v1+json", "manifests": offered}))
    assert isinstance(index, Index)
    with pytest.raises(NotFound, match="no matching manifest for linux/amd64") as raised:
        choose(index, Platform("linux", "amd64"), "app:1")
    assert raised.value.hint == "app:1 is there for linux/arm64"
