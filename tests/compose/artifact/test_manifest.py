"""The manifest of an application, as docker compose writes and reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compose.artifact.manifest import (
    PROJECT_TYPE,
    Descriptor,
    Version,
    application_index,
    chosen_manifest,
    env_file_layer,
    file_layer,
    layers_in,
    manifest,
)
from compose.errors import ComposeError

CREATED = "2026-01-02T03:04:05Z"


def made(version: Version) -> dict[str, Any]:
    layers = [
        file_layer("compose.yaml", b"a", "2.40.3"),
        file_layer("x.yaml", b"b", "2.40.3", is_extended=True),
        env_file_layer("y.env", b"c", "2.40.3"),
    ]
    document: dict[str, Any] = json.loads(manifest(layers, version, CREATED))
    return document


def test_the_form_is_docker_composes() -> None:
    document = made("1.1")
    assert list(document) == ["schemaVersion", "mediaType", "artifactType", "config", "layers", "annotations"]
    assert document["artifactType"] == "application/vnd.docker.compose.project"
    assert document["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
        "data": "e30=",
    }
    assert document["annotations"] == {"org.opencontainers.image.created": CREATED}
    first, extended, env_file = document["layers"]
    assert first == {
        "mediaType": "application/vnd.docker.compose.file+yaml",
        "digest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "size": 1,
        "annotations": {"com.docker.compose.file": "compose.yaml", "com.docker.compose.version": "2.40.3"},
        "data": "YQ==",
    }
    assert extended["annotations"]["com.docker.compose.extends"] == "true"
    assert env_file["mediaType"] == "application/vnd.docker.compose.envfile"
    assert env_file["annotations"]["com.docker.compose.envfile"] == "y.env"


def test_without_artifact_types_the_config_says_what_it_is() -> None:
    document = made("1.0")
    assert "artifactType" not in document
    assert document["config"]["mediaType"] == "application/vnd.docker.compose.config.empty.v1+json"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_is_written_can_be_read(version: Version) -> None:
    layer = file_layer("compose.yaml", b"a", "2.40.3")
    assert list(layers_in("x", manifest([layer], version, CREATED))) == [layer]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"config": {"mediaType": "application/vnd.oci.image.config.v1+json"}}, "a container image"),
        ({"artifactType": "application/spdx+json"}, "application/spdx"),
        ({"config": {"mediaType": "application/vnd.oci.empty.v1+json"}}, "vnd.oci.empty"),
        ({}, "something else"),
    ],
)
def test_other_artifacts_are_refused_by_what_they_are(document: dict[str, Any], words: str) -> None:
    if "config" in document:
        document["config"] |= {"digest": "sha256:0", "size": 2}
    with pytest.raises(ComposeError, match=words):
        layers_in("x", json.dumps({"schemaVersion": 2, **document}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b'{"schemaVersion":"2"}', b'{"schemaVersion":2,"layers":[{}]}'])
def test_what_is_no_manifest_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(ComposeError, match="cannot be read"):
        layers_in("x", body)


def test_an_index_is_looked_through_for_an_application() -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    entries = [Descriptor("m", "sha256:1", 1), Descriptor("m", "sha256:2", 1, artifact_type=PROJECT_TYPE)]
    index = application_index(entries, b"{}", PROJECT_TYPE, "2.40.3")
    assert chosen_manifest("x", kind, index) == "sha256:2"
    with pytest.raises(ComposeError, match="without a Compose application"):
        chosen_manifest("x", kind, application_index(entries[:1], b"{}", "", "2.40.3"))
    assert chosen_manifest("x", "", manifest([], "1.1", CREATED)) is None
