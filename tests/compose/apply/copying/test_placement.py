"""Where copies go: the table of `docker cp`."""

from __future__ import annotations

import pytest

from compose.apply.copying.placement import Placement, Source, Target, placement, renamed
from compose.errors import UsageError

FILE, DIRECTORY, CONTENTS = Source("/a/f", False), Source("/a/d", True), Source("/a/d/.", True)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (FILE, Target("/x/new"), ("/x", "new")),
        (FILE, Target("/x/old", exists=True), ("/x", "old")),
        (FILE, Target("/x/dir", exists=True, is_directory=True), ("/x/dir", "f")),
        (FILE, Target("new"), (".", "new")),
        (DIRECTORY, Target("/x/new"), ("/x", "new")),
        (DIRECTORY, Target("/x/new/"), ("/x", "new")),
        (DIRECTORY, Target("/x/dir", exists=True, is_directory=True), ("/x/dir", "d")),
        (CONTENTS, Target("/x/new"), ("/x", "new")),
        (CONTENTS, Target("/x/dir", exists=True, is_directory=True), ("/x/dir", ".")),
        (Source(".", True), Target("/x/dir", exists=True, is_directory=True), ("/x/dir", ".")),
        (Source("/a/d/", True), Target("/x/dir/", exists=True, is_directory=True), ("/x/dir/", "d")),
    ],
)
def test_a_copy_goes_where_docker_puts_it(source: Source, target: Target, expected: tuple[str, str]) -> None:
    assert placement(source, target) == Placement(*expected)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (DIRECTORY, Target("/x/file", exists=True), "cannot copy the directory /a/d onto the file /x/file"),
        (CONTENTS, Target("/x/file", exists=True), "cannot copy the directory /a/d/. onto the file /x/file"),
        (FILE, Target("/x/no/"), "the directory /x/no/ does not exist"),
        (FILE, Target("/x/file/", exists=True), "the directory /x/file/ is not a directory"),
    ],
)
def test_what_cannot_go_there_is_refused(source: Source, target: Target, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        placement(source, target)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("name", "first", "expected"),
    [
        ("d", "new", "new"),
        ("d/", "new", "new"),
        ("d/sub/x", "new", "new/sub/x"),
        ("./x", "d", "d/x"),
        ("/d/x", ".", "./x"),
    ],
)
def test_the_first_part_of_a_name_is_replaced(name: str, first: str, expected: str) -> None:
    assert renamed(name, first) == expected
