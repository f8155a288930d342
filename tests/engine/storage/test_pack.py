"""Packing directories as layers' archives."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from engine.errors import InvalidLayer
from engine.storage.pack import Packed, pack
from engine.storage.unpack import unpack

pytestmark = pytest.mark.root

EMPTY_DIFF_ID = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


def packed(root: Path, *, is_upper: bool = True) -> tuple[Packed, bytes]:
    output = io.BytesIO()
    result = pack(root, output.write, is_upper=is_upper)
    assert result.diff_id == "sha256:" + hashlib.sha256(output.getvalue()).hexdigest()
    return result, output.getvalue()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    made = tmp_path / "upper"
    made.mkdir()
    return made


def furnish(root: Path) -> None:
    """One of everything that a container can leave behind."""
    (root / "etc").mkdir(mode=0o750)
    (root / "etc/passwd").write_text("root:x:0:0\n")
    os.utime(root / "etc/passwd", ns=(1, 1_700_000_000_123_456_789))
    os.chown(root / "etc/passwd", 12, 3_000_000)
    (root / "tool").write_bytes(b"\x7fELF" * 5000)
    (root / "tool").chmod(0o4755)
    os.setxattr(root / "tool", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.setxattr(root / "tool", "user.note", b"hello\nthere")
    os.link(root / "tool", root / "etc/tool-too")
    (root / "link").symlink_to("../somewhere/else")
    (root / "broken").symlink_to("n" * 300)
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(259, 70000))
    os.mknod(root / "etc/gone", stat.S_IFCHR)
    os.link(root / "etc/gone", root / "gone-too")  # as overlayfs makes them
    (root / "emptied").mkdir()
    os.setxattr(root / "emptied", "trusted.overlay.opaque", b"y")
    os.setxattr(root / "emptied", "trusted.overlay.origin", b"whatever")
    (root / "emptied/new").write_text("new")
    deep = root / "/".join(["directory-with-a-long-name" * 3] * 5)[:180].strip("/")
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("far down")
    (root / "grün").write_text("UTF-8")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_text("not UTF-8")
    with (root / "sparse").open("wb") as file:
        file.seek(3_000_000)
        file.write(b"end")


def test_what_is_packed_unpacks_to_the_same_directory_and_packs_again_to_the_same_bytes(
    upper: Path, tmp_path: Path
) -> None:
    furnish(upper)
    first, data = packed(upper)
    again = tmp_path / "again"
    again.mkdir()
    unpacked = unpack(io.BytesIO(data).read, again)
    assert (unpacked.diff_id, unpacked.size_bytes) == (first.diff_id, first.size_bytes)
    assert packed(again)[1] == data
    assert os.getxattr(again / "emptied", "trusted.overlay.opaque") == b"y"
    assert os.lstat(again / "etc/gone").st_rdev == 0
    assert (again / "tool").stat().st_mode & 0o7777 == 0o4755
    assert (again / "tool").samefile(again / "etc/tool-too")
    assert (again / "etc/passwd").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert os.getxattr(again / "tool", "security.capability") == os.getxattr(upper / "tool", "security.capability")


def test_other_readers_understand_the_archive(upper: Path) -> None:
    furnish(upper)
    _, data = packed(upper)
    found = members(data)
    assert found["etc/.wh.gone"].isreg()
    assert found[".wh.gone-too"].isreg()
    assert found["emptied/.wh..wh..opq"].isreg()
    assert found["tool"].islnk()
    assert found["tool"].linkname == "etc/tool-too"
    assert found["etc/tool-too"].pax_headers["SCHILY.xattr.user.note"] == "hello\nthere"
    assert found["etc/passwd"].gid == 3_000_000
    assert found["grün"].size == 5
    assert found["\udcff\udcfe"].size == 9
    assert (found["disk"].devmajor, found["disk"].devminor) == (259, 70000)
    assert found["sparse"].size == 3_000_003
    assert not [name for member in found.values() for name in member.pax_headers if "overlay" in name]
    listed = subprocess.run(["tar", "-t"], input=data, capture_output=True, check=True)
    assert len(listed.stdout.splitlines()) == len(found)


def test_names_are_sorted_with_parents_before_what_is_in_them(upper: Path) -> None:
    for name in ("b/2", "b/1", "a", "b-c", "B"):
        path = upper / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    names = list(members(packed(upper)[1]))
    assert names == ["B", "a", "b", "b/1", "b/2", "b-c"]


def test_an_empty_directory_has_the_digest_that_every_tool_gives_it(upper: Path) -> None:
    assert packed(upper)[0].diff_id == EMPTY_DIFF_ID


def test_sockets_and_names_that_no_layer_can_hold_are_left_out(upper: Path) -> None:
    (upper / "run").mkdir()
    (upper / "run/kept").touch()
    (upper / ".wh.innocent").touch()
    (upper / ".wh.data").mkdir()
    (upper / ".wh.data/inside").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(upper / "run/s"))
    result, data = packed(upper)
    assert list(members(data)) == ["run", "run/kept"]
    assert sorted(result.left_out) == [b".wh.data", b".wh.innocent", b"run/s"]


def test_a_plain_directory_has_no_whiteouts(upper: Path) -> None:
    os.mknod(upper / "device", stat.S_IFCHR)
    (upper / ".wh.name").touch()
    found = members(packed(upper, is_upper=False)[1])
    assert found["device"].ischr()
    assert ".wh.name" in found


def test_symlinks_are_not_followed_out_of_the_directory(upper: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("secret")
    (upper / "way-out").symlink_to(tmp_path / "secret")
    assert list(members(packed(upper)[1])) == ["way-out"]


@pytest.mark.parametrize(
    ("mtime_ns", "seconds"), [(0, 0), (-1_500_000_000, -1.5), (5_000_000_000, 5), (1_250_000_000, 1.25)]
)
def test_times_before_1970_and_between_seconds_are_kept(upper: Path, mtime_ns: int, seconds: float) -> None:
    (upper / "file").touch()
    os.utime(upper / "file", ns=(mtime_ns, mtime_ns))
    assert members(packed(upper)[1])["file"].mtime == seconds


def test_a_directory_that_is_nested_beyond_what_a_name_can_say_is_refused(upper: Path) -> None:
    at = os.open(upper, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 100, dir_fd=at)
        deeper = os.open("d" * 100, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = deeper
    os.close(at)
    with pytest.raises(InvalidLayer, match="nested too deeply"):
        packed(upper)


def test_the_writers_error_ends_the_packing(upper: Path) -> None:
    (upper / "file").write_bytes(bytes(1 << 20))

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        pack(upper, full)
