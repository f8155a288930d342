"""Container paths never lead outside of the container's root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import BadRequest
from engine.storage.rooted import open_in_root, resolve_in_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc/conf.d").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    (tmp_path / "passwd").write_text("outside")
    for name, target in {
        "abs": "/etc",
        "rel": "etc/conf.d",
        "up": "../../../../etc",
        "far": "/../../../passwd",
        "chain": "abs/conf.d/..",
        "loop": "loop2",
        "loop2": "loop",
        "etc/conf.d/passwd": "../../etc/passwd",
    }.items():
        (root / name).symlink_to(target)
    return root


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "."),
        ("", "."),
        ("/etc/passwd", "etc/passwd"),
        ("etc//./passwd", "etc/passwd"),
        ("/abs/passwd", "etc/passwd"),
        ("/up/passwd", "etc/passwd"),
        ("/rel/passwd", "etc/passwd"),
        ("/rel/../passwd", "etc/passwd"),
        ("/chain/passwd", "etc/passwd"),
        ("/far", "passwd"),
        ("/../../passwd", "passwd"),
        ("/etc/none/deep/../file", "etc/none/file"),
        ("/etc/passwd/x", "etc/passwd/x"),
    ],
)
def test_a_path_is_resolved_inside_the_root(root: Path, path: str, place: str) -> None:
    assert resolve_in_root(root, path) == (root / place)


def test_symlinks_in_a_circle_are_refused(root: Path) -> None:
    with pytest.raises(BadRequest, match="too many levels"):
        resolve_in_root(root, "/loop/x")


def test_the_kernel_opens_inside_the_root_too(root: Path) -> None:
    for path in ("/up/passwd", "rel/passwd", "/../../etc/passwd"):
        descriptor = open_in_root(root, path, os.O_RDONLY)
        with os.fdopen(descriptor) as file:
            assert file.read() == "inside"
    with pytest.raises(FileNotFoundError):
        open_in_root(root, "/far", os.O_RDONLY)
