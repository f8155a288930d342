"""The files that layers become."""

from __future__ import annotations

import pytest

from compose.artifact.files import files_of
from compose.artifact.manifest import Descriptor, env_file_layer, file_layer
from compose.errors import ComposeError


def layers(*found: Descriptor) -> list[tuple[Descriptor, bytes]]:
    return [(layer, layer.data) for layer in found]


def test_compose_files_are_one_and_what_they_mention_lies_beside() -> None:
    found = files_of(
        "x",
        layers(
            file_layer("base.yaml", b"a: 1", "v"),
            file_layer("over.yaml", b"b: 2\n", "v"),
            file_layer("0f.yaml", b"c: 3\n", "v", is_extended=True),
            env_file_layer("aa.env", b"X=1\n", "v"),
            Descriptor("application/octet-stream", "sha256:0", 1, data=b"?"),
        ),
    )
    assert found == {"compose.yaml": b"a: 1\n---\nb: 2\n", "0f.yaml": b"c: 3\n", "aa.env": b"X=1\n"}


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "a\\b", "..", ".", "", "a\0b"])
def test_no_file_lands_elsewhere(name: str) -> None:
    main = file_layer("compose.yaml", b"a: 1", "v")
    for layer in (env_file_layer(name, b"", "v"), file_layer(name, b"", "v", is_extended=True)):
        with pytest.raises(ComposeError, match="not a valid application"):
            files_of("x", layers(main, layer))


def test_without_a_compose_file_there_is_no_application() -> None:
    with pytest.raises(ComposeError, match="no Compose file"):
        files_of("x", layers(env_file_layer("a.env", b"", "v")))
