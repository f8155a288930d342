"""Applications brought into the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compose.artifact.cache import Cache
from compose.artifact.manifest import PROJECT_TYPE, Descriptor, env_file_layer, file_layer
from compose.artifact.pulling import pulled
from compose.artifact.registry import Registries, RegistryUnreachable
from compose.errors import ComposeError
from engine.registry.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry, serve_registry

REPOSITORY = "me/app"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve_registry() as served:
        yield served


class Place:
    """A cache, and registries as somebody without credentials sees them."""

    def __init__(self, directory: Path) -> None:
        self.cache = Cache(directory)
        self.warnings: list[str] = []

    def pull(self, reference: str) -> Path:
        registries = Registries(RegistrySettings(), lambda _: None)
        return pulled(f"oci://{reference}", registries, self.cache, self.warnings.append)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "cache")


def publish(registry: FakeRegistry, tag: str, *layers: Descriptor, **changes: Any) -> str:
    """Put an application into the registry; returns the digest of its manifest."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": PROJECT_TYPE,
        "config": {**registry.put_blob(REPOSITORY, b"{}"), "mediaType": "application/vnd.oci.empty.v1+json"},
        "layers": [
            {
                **registry.put_blob(REPOSITORY, layer.data),
                "mediaType": layer.media_type,
                "annotations": dict(layer.annotations),
            }
            for layer in layers
        ],
        **changes,
    }
    return str(registry.put_manifest(REPOSITORY, tag, document)["digest"])


def test_an_application_lies_in_the_cache_by_its_digest(registry: FakeRegistry, place: Place, tmp_path: Path) -> None:
    digest = publish(
        registry, "1", file_layer("a.yaml", b"services: {}\n", "v"), env_file_layer("x.env", b"A=1\n", "v")
    )
    file = place.pull(f"{registry.host}/{REPOSITORY}:1")
    assert file == tmp_path / "cache" / digest.removeprefix("sha256:") / "compose.yaml"
    assert (file.parent / "x.env").read_text() == "A=1\n"
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.name.startswith(".new")] == []


def test_what_a_tag_stands_for_is_asked_each_time(registry: FakeRegistry, place: Place) -> None:
    publish(registry, "1", file_layer("a.yaml", b"name: one\n", "v"))
    first = place.pull(f"{registry.host}/{REPOSITORY}:1")
    publish(registry, "1", file_layer("a.yaml", b"name: two\n", "v"))
    second = place.pull(f"{registry.host}/{REPOSITORY}:1")
    assert (first.read_text(), second.read_text()) == ("name: one\n", "name: two\n")


def test_of_what_is_there_nothing_is_fetched_again(registry: FakeRegistry, place: Place) -> None:
    digest = publish(registry, "1", file_layer("a.yaml", b"name: one\n", "v"))
    place.pull(f"{registry.host}/{REPOSITORY}:1")
    fetched = registry.blob_requests()
    place.pull(f"{registry.host}/{REPOSITORY}:1")
    assert registry.blob_requests() == fetched
    assert place.pull(f"127.0.0.1:1/{REPOSITORY}@{digest}").read_text() == "name: one\n"


def test_while_the_registry_is_away_a_tag_is_what_it_was(place: Place) -> None:
    with serve_registry() as registry:
        host = registry.host
        digest = publish(registry, "1", file_layer("a.yaml", b"name: one\n", "v"))
        place.pull(f"{host}/{REPOSITORY}:1")
    assert place.pull(f"{host}/{REPOSITORY}:1").read_text() == "name: one\n"
    (warning,) = place.warnings
    assert "cannot be reached" in warning
    assert digest in warning
    with pytest.raises(RegistryUnreachable):
        place.pull(f"{host}/{REPOSITORY}:2")


def test_a_tag_that_is_gone_is_gone(registry: FakeRegistry, place: Place) -> None:
    with pytest.raises(ComposeError, match=f"{REPOSITORY}:none not found"):
        place.pull(f"{registry.host}/{REPOSITORY}:none")


def test_a_blob_with_another_digest_is_refused_and_nothing_is_kept(
    registry: FakeRegistry, place: Place, tmp_path: Path
) -> None:
    layer = file_layer("a.yaml", b"name: one\n", "v")
    publish(registry, "1", layer)
    registry.answers[f"/v2/{REPOSITORY}/blobs/{layer.digest}"] = ("", b"name: two\n")
    with pytest.raises(ComposeError, match="does not have that digest"):
        place.pull(f"{registry.host}/{REPOSITORY}:1")
    assert not any((tmp_path / "cache").glob("*/compose.yaml"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"artifactType": "application/spdx+json"}, "not a Compose application"),
        ({"layers": []}, "no Compose file"),
        ({"layers": [{"mediaType": "x", "digest": "sha1:abc", "size": 1}]}, "is not a digest"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1 << 40}]}, "bytes"),
    ],
)
def test_what_is_no_application_is_refused(
    registry: FakeRegistry, place: Place, changes: dict[str, Any], words: str
) -> None:
    publish(registry, "1", **changes)
    with pytest.raises(ComposeError, match=words):
        place.pull(f"{registry.host}/{REPOSITORY}:1")


def test_an_index_leads_to_the_application_in_it(registry: FakeRegistry, place: Place) -> None:
    digest = publish(registry, "inner", file_layer("a.yaml", b"name: one\n", "v"))
    size = len(json.dumps({}))
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "m", "digest": digest, "size": size, "artifactType": PROJECT_TYPE}],
    }
    registry.put_manifest(REPOSITORY, "app", index, kind="application/vnd.oci.image.index.v1+json")
    assert place.pull(f"{registry.host}/{REPOSITORY}:app").read_text() == "name: one\n"


@pytest.mark.parametrize("reference", ["a b", "UPPER", "x:y z", ""])
def test_a_reference_that_cannot_be_is_said(place: Place, reference: str) -> None:
    with pytest.raises(ComposeError, match=r"invalid reference|no name"):
        place.pull(reference)
