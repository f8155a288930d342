"""This machine's files to an archive and back."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from compose.apply.copying.local import local_source, local_target, pack, unpack
from compose.apply.copying.placement import Placement
from compose.errors import ComposeError, UsageError


def packed(source: Path | str, name: str, *, follows_link: bool = False) -> io.BytesIO:
    output = io.BytesIO()
    pack(local_source(str(source), follows_link=follows_link), name, output, follows_link=follows_link)
    output.seek(0)
    return output


def archive(*members: tarfile.TarInfo) -> io.BytesIO:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    output.seek(0)
    return output


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.uid = kind, link, 0o755, 12345
    return info


def test_a_tree_comes_back_as_it_was_under_another_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_bytes(b"words")
    (source / "file").chmod(0o640)
    (source / "sub" / "link").symlink_to("/nowhere/else")
    os.link(source / "file", source / "sub" / "twin")
    os.utime(source / "sub", (1_000_000, 1_000_000))
    unpack(packed(source, "source"), Placement(str(tmp_path), "copy"))
    copy = tmp_path / "copy"
    assert (copy / "file").read_bytes() == b"words"
    assert (copy / "file").stat().st_mode & 0o7777 == 0o640
    assert (copy / "sub" / "link").readlink() == Path("/nowhere/else")
    assert (copy / "sub" / "twin").samefile(copy / "file")
    assert (copy / "sub").stat().st_mtime == 1_000_000


def test_contents_go_into_a_directory_that_is_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"words")
    (tmp_path / "target").mkdir()
    unpack(packed(f"{source}/.", "."), Placement(str(tmp_path / "target"), "."))
    assert (tmp_path / "target" / "file").read_bytes() == b"words"


def test_a_symlink_is_copied_as_one_unless_it_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"words")
    (tmp_path / "link").symlink_to("file")
    with tarfile.open(fileobj=packed(tmp_path / "link", "a")) as tar:
        assert tar.getmember("a").issym()
    with tarfile.open(fileobj=packed(tmp_path / "link", "a", follows_link=True)) as tar:
        assert tar.getmember("a").isreg()


def test_files_are_ours_whoever_owned_them_there(tmp_path: Path) -> None:
    unpack(archive(member("f")), Placement(str(tmp_path), "f"))
    assert (tmp_path / "f").stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    "members",
    [
        (member("d/../../outside"),),
        (member("d/out", tarfile.SYMTYPE, "/"), member("d/out/tmp-written")),
        (member("d/out", tarfile.LNKTYPE, "d/../../etc/passwd"),),
    ],
)
def test_nothing_is_written_outside_of_the_directory(tmp_path: Path, members: tuple[tarfile.TarInfo, ...]) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "d").mkdir()
    with pytest.raises(ComposeError, match="cannot unpack into"):
        unpack(archive(*members), Placement(str(place), "d"))
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        local_source(str(tmp_path / "no"), follows_link=False)
    with pytest.raises(UsageError, match="does not exist"):
        local_target(str(tmp_path / "no" / "file"))


def test_an_archive_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"words" * 10_000)
    whole = packed(tmp_path / "file", "file").getvalue()
    with pytest.raises(ComposeError, match="cannot unpack into"):
        unpack(io.BytesIO(whole[:20_000]), Placement(str(tmp_path), "copy"))
