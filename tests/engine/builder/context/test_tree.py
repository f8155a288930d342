"""What COPY finds, and what counts of it for the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.builder.context.tree import Tree, digest, find
from engine.errors import BadRequest
from engine.wire.ignore import Ignore, read_ignore

NOTHING = Ignore([])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "x-1", "x-2"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("a.txt", ["a.txt"]),
        ("/a.txt", ["a.txt"]),
        ("../../a.txt", ["a.txt"]),
        (".", [""]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("*/c.txt", ["sub/c.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("x-[1]", ["x-1"]),
        ("x-[^1]", ["x-2"]),
        ("x-[0-9]", ["x-1", "x-2"]),
    ],
)
def test_a_source_is_a_path_or_a_pattern_inside_the_tree(root: Path, pattern: str, paths: list[str]) -> None:
    assert sorted({found.path for found in find(Tree(root), pattern)}) == paths


@pytest.mark.parametrize("pattern", ["none", "*.none", "sub/none", "link"])
def test_what_is_not_there_is_named(root: Path, pattern: str) -> None:
    (root / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadRequest, match="COPY failed"):
        find(Tree(root), pattern)


def test_what_is_ignored_is_not_there(root: Path) -> None:
    tree = Tree(root, Ignore(read_ignore("*.txt\nsub\n!sub/deep")))
    with pytest.raises(BadRequest):
        find(tree, "a.txt")
    assert [found.path for found in find(tree, "sub/deep/d.txt")] == ["sub/deep/d.txt"]


def test_times_do_not_count_and_contents_modes_and_names_do(root: Path) -> None:
    tree = Tree(root)

    def now() -> str:
        return digest(tree, find(tree, "."), NOTHING)

    before = now()
    os.utime(root / "a.txt", (1, 1))
    assert now() == before
    (root / "a.txt").write_text("other")
    changed = now()
    assert changed != before
    (root / "a.txt").chmod(0o755)
    assert now() != changed
    (root / "a.txt").write_text("a.txt")
    (root / "a.txt").chmod((root / "b.txt").stat().st_mode)
    assert now() == before
    (root / "sub/deep/d.txt").rename(root / "sub/deep/e.txt")
    assert now() != before


def test_what_is_left_out_does_not_count(root: Path) -> None:
    tree, excludes = Tree(root), Ignore(["sub/*.txt"])
    before = digest(tree, find(tree, "."), excludes)
    (root / "sub/c.txt").write_text("other")
    assert digest(tree, find(tree, "."), excludes) == before


@pytest.mark.root
def test_owners_count_only_where_they_mean_something(root: Path) -> None:
    kept, lost = Tree(root, keeps_owners=True), Tree(root)
    before = digest(kept, find(kept, "."), NOTHING), digest(lost, find(lost, "."), NOTHING)
    os.chown(root / "a.txt", 5, 6)
    assert digest(kept, find(kept, "."), NOTHING) != before[0]
    assert digest(lost, find(lost, "."), NOTHING) == before[1]
