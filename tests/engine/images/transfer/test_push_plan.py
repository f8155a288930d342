"""What a push decides before it sends anything."""

from __future__ import annotations

import pytest

from engine.images.record import Image
from engine.images.transfer.push_plan import build_manifest, mount_source
from engine.registry.manifest import Descriptor
from engine.registry.reference import Reference
from engine.wire.containers import ContainerConfig
from tests.fakes.registry import digest_of

BLOB = digest_of(b"blob")
# As Docker 28 writes it.
MANIFEST = """\
{
   "schemaVersion": 2,
   "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
   "config": {
      "mediaType": "application/vnd.docker.container.image.v1+json",
      "size": 7,
      "digest": "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
   },
   "layers": [
      {
         "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
         "size": 5,
         "digest": "%s"
      }
   ]
}"""


def image(*digests: str, content: tuple[str, ...] = (BLOB,)) -> Image:
    return Image(
        id="sha256:" + "c" * 64,
        config=ContainerConfig(),
        chain_ids=[],
        diff_ids=[],
        repo_digests=list(digests),
        content=list(content),
    )


def named(repository: str) -> str:
    return f"{repository}@{digest_of(b'manifest')}"


@pytest.mark.parametrize(
    ("known", "target", "source"),
    [
        (["reg.lan/team/base"], "reg.lan/team/app", "team/base"),
        (["reg.lan/other/x", "reg.lan/team/base"], "reg.lan/team/app", "team/base"),
        (["reg.lan/b", "reg.lan/a"], "reg.lan/team/app", "a"),
        (["reg.lan/team/app"], "reg.lan/team/app", ""),
        (["other.lan/team/base"], "reg.lan/team/app", ""),
        (["redis"], "me/app", "library/redis"),
        ([], "reg.lan/app", ""),
    ],
)
def test_a_blob_is_mounted_from_the_nearest_repository_of_the_registry(
    known: list[str], target: str, source: str
) -> None:
    assert mount_source([image(*map(named, known))], Reference.parse(target), BLOB) == source


def test_a_blob_that_an_image_does_not_have_is_mounted_from_nowhere() -> None:
    other = image(named("reg.lan/base"), content=(digest_of(b"other"),))
    assert mount_source([other], Reference.parse("reg.lan/app"), BLOB) == ""


def test_a_manifest_is_dockers_to_the_letter() -> None:
    gzip = Descriptor(BLOB, 5, "application/vnd.docker.image.rootfs.diff.tar.gzip")
    assert build_manifest(image(), 7, [gzip]).body.decode() == MANIFEST % BLOB


def test_a_layer_that_is_only_there_as_zstd_makes_an_oci_manifest() -> None:
    zstd = Descriptor(BLOB, 5, "application/vnd.oci.image.layer.v1.tar+zstd")
    gzip = Descriptor(digest_of(b"2"), 6, "application/vnd.docker.image.rootfs.diff.tar.gzip")
    document = build_manifest(image(), 7, [zstd, gzip])
    assert document.media_type == "application/vnd.oci.image.manifest.v1+json"
    text = document.body.decode()
    assert "docker" not in text
    assert text.count("tar+zstd") == text.count("tar+gzip") == 1
