"""Files on their way into containers."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from compose.apply.develop.syncing import _is_text, _outermost, _pack
from compose.errors import ComposeError


def packed(files: dict[str, str]) -> dict[str, tarfile.TarInfo]:
    output = io.BytesIO()
    _pack(files, output)
    output.seek(0)
    with tarfile.open(fileobj=output, errors="surrogateescape") as tar:
        return {member.name: member for member in tar}


def test_what_is_in_a_removed_directory_goes_with_it() -> None:
    assert _outermost(["/app/old/x", "/app/old", "/app/older", "/app/old/sub/y"]) == ["/app/old", "/app/older"]


def test_names_are_told_to_the_engine_only_as_text() -> None:
    assert _is_text("/app/é\n*")
    assert not _is_text(os.fsdecode(b"/app/\xff"))


def test_links_stay_links_and_names_stay_bytes(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    odd = tmp_path / os.fsdecode(b"\xff")
    odd.write_text("1")
    members = packed({"/app/link": f"{tmp_path}/link", os.fsdecode(b"/app/\xff"): str(odd)})
    assert members["app/link"].issym()
    assert set(members) == {"app/link", os.fsdecode(b"app/\xff")}


def test_files_that_are_gone_meanwhile_are_left_out(tmp_path: Path) -> None:
    assert packed({"/app/gone": f"{tmp_path}/gone"}) == {}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    with pytest.raises(ComposeError, match=f"cannot copy {tmp_path}/file/below"):
        packed({"/app/below": f"{tmp_path}/file/below"})
