"""Definitions of steps are followed as far as they say where something comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.buildkit.messages.control_pb2 import Definition, Input, Op, SourceOp
from engine.buildkit.solving.fetched import read, remote_address, source_of
from engine.errors import BadRequest, NotImplementedHere


def definition(*sources: SourceOp) -> Definition:
    steps = [*(Op(source=source) for source in sources), Op(inputs=[Input(digest="sha256:1")])]
    found = Definition()
    getattr(found, "def").extend(step.SerializeToString() for step in steps)
    return found


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (SourceOp(identifier="https://example.com/Dockerfile"), "https://example.com/Dockerfile"),
        (SourceOp(identifier="git://example.com/x.git#main:sub"), "git://example.com/x.git#main:sub"),
        (
            SourceOp(identifier="git://example.com/x#v1", attrs={"git.fullurl": "https://example.com/x.git"}),
            "https://example.com/x.git#v1",
        ),
        (SourceOp(identifier="pycompose-result://a/b"), ""),
    ],
)
def test_a_source_is_an_address(source: SourceOp, address: str) -> None:
    assert remote_address(source_of(definition(source))) == address


def test_a_graph_of_other_steps_is_refused() -> None:
    with pytest.raises(NotImplementedHere):
        source_of(definition(SourceOp(identifier="https://a/b"), SourceOp(identifier="https://a/c")))
    with pytest.raises(NotImplementedHere):
        source_of(Definition())


def test_files_are_read_inside_of_their_directory_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("in")
    (tmp_path / "secret").write_text("out")
    (root / "link").symlink_to("../secret")
    assert read(root, "file") == b"in"
    for name in ("link", "../secret", ".", "nothing"):
        with pytest.raises(BadRequest):
            read(root, name)
