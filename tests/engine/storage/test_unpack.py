"""Layers as they come out of registries, and as an attacker would write them."""

# ruff: noqa: PTH208 - names, not paths, are compared

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from engine.errors import InvalidLayer
from tests.engine.storage.archives import archive, entry, folder, hard_link, symlink, unpacked

pytestmark = pytest.mark.root

OPAQUE = "trusted.overlay.opaque"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_text("untouched")
    return tmp_path / "layer"


def test_owners_modes_times_and_kinds_are_kept(root: Path) -> None:
    result = unpacked(
        root,
        archive(
            folder("d", mode=0o2775, uid=10, gid=20, mtime=1000.5),
            entry("d/program", content=b"#!", mode=0o6755, uid=7, gid=8, mtime=2000.25),
            entry("d/sticky", content=b"", mode=0o1644),
            symlink("d/link", "../nowhere"),
            hard_link("d/same", "d/program"),
            entry("d/pipe", tarfile.FIFOTYPE, mode=0o600),
            entry("d/null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3),
        ),
    )
    program = (root / "d/program").stat()
    assert (stat.S_IMODE(program.st_mode), program.st_uid, program.st_gid) == (0o6755, 7, 8)
    assert program.st_mtime_ns == 2000_250_000_000
    assert program.st_nlink == 2
    directory = (root / "d").stat()
    assert (stat.S_IMODE(directory.st_mode), directory.st_uid, directory.st_gid) == (0o2775, 10, 20)
    assert directory.st_mtime_ns == 1000_500_000_000
    assert str((root / "d/link").readlink()) == "../nowhere"
    assert stat.S_ISFIFO((root / "d/pipe").stat().st_mode)
    assert (root / "d/null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE((root / "d/sticky").stat().st_mode) == 0o1644
    assert result.size_bytes == 2 + len("../nowhere")


def test_a_directory_hands_its_group_down_to_nothing(root: Path) -> None:
    unpacked(
        root,
        archive(
            folder("mail", mode=0o2775, gid=8),
            entry("mail/root", content=b""),
            symlink("mail/link", "root"),
            entry("mail/pipe", tarfile.FIFOTYPE, mode=0o600),
            folder("mail/inner", mode=0o755),
            entry("mail/unnamed/file", content=b""),
        ),
    )
    assert (root / "mail").stat().st_gid == 8
    for path in (root / "mail").rglob("*"):
        found = path.lstat()
        assert (path.name, found.st_gid, found.st_mode & stat.S_ISGID) == (path.name, 0, 0)


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]) + bytes(100),
        zstandard.compress,
        lambda data: zstandard.compress(data[:700]) + zstandard.compress(data[700:]),
    ],
    ids=["plain", "gzip", "gzip in members", "zstd", "zstd in frames"],
)
def test_the_diff_id_is_of_the_uncompressed_archive(root: Path, pack: Callable[[bytes], bytes]) -> None:
    data = archive(entry("file", content=os.urandom(3_000_000))) + bytes(4096)
    assert unpacked(root, data, pack).diff_id == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (root / "file").stat().st_size == 3_000_000


@pytest.mark.parametrize("options", ["--format=gnu", "--format=pax", "--format=ustar"])
def test_a_tree_packed_by_gnu_tar_comes_out_as_it_was(root: Path, tmp_path: Path, options: str) -> None:
    source = tmp_path / "source"
    for number in range(5):
        (source / f"d{number}" / "inner").mkdir(parents=True)
        (source / f"d{number}" / "inner" / "file").write_bytes(os.urandom(number * 1000))
        os.link(source / f"d{number}" / "inner" / "file", source / f"same{number}")
    source.chmod(0o751)
    os.utime(source, (5, 5))
    made = subprocess.run(["tar", "-C", source, options, "-cf", "-", "."], check=True, stdout=subprocess.PIPE)
    unpacked(root, made.stdout)
    listing = ["find", ".", "-printf", "%p %y %m %U %G %n %Ts\n", "-type", "f", "-exec", "md5sum", "{}", ";"]
    seen = [sorted(subprocess.check_output(listing, cwd=tree).splitlines()) for tree in (source, root)]
    assert seen[0] == seen[1]


def test_an_empty_archive_is_an_empty_layer(root: Path) -> None:
    assert unpacked(root, archive()).size_bytes == 0
    assert unpacked(root, b"").diff_id == "sha256:" + hashlib.sha256().hexdigest()
    assert list(root.iterdir()) == []


def test_whiteouts_become_what_overlayfs_takes(root: Path) -> None:
    unpacked(
        root,
        archive(
            entry("a/.wh.gone"), entry("a/kept", content=b"x"), folder("b"), entry("b/.wh..wh..opq"), entry(".wh.top")
        ),
    )
    for gone in ("a/gone", "top"):
        found = (root / gone).stat()
        assert stat.S_ISCHR(found.st_mode)
        assert found.st_rdev == 0
    assert os.getxattr(root / "b", OPAQUE) == b"y"
    assert sorted(os.listdir(root / "a")) == ["gone", "kept"]


def test_what_a_layer_makes_anew_under_a_name_it_hides_is_seen_alone(root: Path) -> None:
    unpacked(root, archive(entry(".wh.d"), entry("d/new", content=b"x"), entry(".wh.e"), folder("e")))
    assert (root / "d/new").read_bytes() == b"x"
    assert os.getxattr(root / "d", OPAQUE) == b"y"
    assert os.getxattr(root / "e", OPAQUE) == b"y"


def test_a_whiteout_after_the_entry_hides_only_what_is_below(root: Path) -> None:
    unpacked(root, archive(entry("d/new", content=b"x"), entry(".wh.d"), entry("f", content=b"y"), entry(".wh.f")))
    assert (root / "d/new").read_bytes() == b"x"
    assert os.getxattr(root / "d", OPAQUE) == b"y"
    assert (root / "f").read_bytes() == b"y"


def test_a_later_entry_replaces_an_earlier_one(root: Path) -> None:
    unpacked(
        root,
        archive(
            entry("x", content=b"file"),
            folder("x"),
            entry("x/inner", content=b"1"),
            entry("x", content=b"file again"),
            symlink("y", "x"),
            entry("y", content=b"file"),
            folder("z", mode=0o700),
            entry("z/kept", content=b"2"),
            folder("z", mode=0o711),
        ),
    )
    assert (root / "x").read_bytes() == b"file again"
    assert not (root / "y").is_symlink()
    assert (root / "z/kept").read_bytes() == b"2"
    assert stat.S_IMODE((root / "z").stat().st_mode) == 0o711


def test_attributes_are_kept_but_orders_to_overlayfs_are_not(root: Path) -> None:
    capability = bytes.fromhex("0100000202040000000000000000000000000000")
    headers = {
        "SCHILY.xattr.security.capability": os.fsdecode(capability),
        "SCHILY.xattr.user.note": "a=b\nc",
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
    }
    unpacked(root, archive(entry("ping", content=b"x", uid=5, pax_headers=headers)))
    assert os.getxattr(root / "ping", "security.capability") == capability
    assert os.getxattr(root / "ping", "user.note") == b"a=b\nc"
    assert "trusted.overlay.redirect" not in os.listxattr(root / "ping")


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_strange_names_are_kept(root: Path, format_: int) -> None:
    long_name = "/".join(["directory" * 10] * 10)
    latin = os.fsdecode(b"caf\xe9")
    unpacked(
        root,
        archive(
            entry(f"{long_name}/file", content=b"1"),
            symlink("link", long_name),
            entry(latin, content=b"2"),
            entry("new\nline", content=b"3"),
            entry("日本", content=b"4"),
            format_=format_,
        ),
    )
    assert (root / long_name / "file").read_bytes() == b"1"
    assert str((root / "link").readlink()) == long_name
    assert {name.encode("utf-8", "surrogateescape") for name in os.listdir(root)} >= {b"caf\xe9", b"new\nline"}
    assert (root / "日本").read_bytes() == b"4"


@pytest.mark.parametrize(
    "options", [["--format=gnu"], *(["--format=pax", f"--sparse-version={v}"] for v in ("0.0", "0.1", "1.0"))]
)
def test_sparse_files_keep_their_holes(root: Path, tmp_path: Path, options: list[str]) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for number in range(60):
            file.seek(number * 1_000_000)
            file.write(b"data%d" % number)
        file.truncate(80_000_000)
    made = subprocess.run(
        ["tar", "-C", tmp_path, *options, "--sparse", "-cf", "-", "sparse"], check=True, stdout=subprocess.PIPE
    )
    assert len(made.stdout) < 2_000_000
    unpacked(root, made.stdout)
    assert (
        hashlib.sha256((root / "sparse").read_bytes()).digest()
        == hashlib.sha256((tmp_path / "sparse").read_bytes()).digest()
    )
    assert (root / "sparse").stat().st_blocks * 512 < 2_000_000


def test_large_owners_and_old_times_are_read(root: Path) -> None:
    member = entry("old", content=b"x", uid=3_000_000_000, gid=70_000, mtime=-1_000)
    for number, format_ in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        unpacked(root, archive(member, entry(f"n{number}"), format_=format_))
        found = (root / "old").stat()
        assert (found.st_uid, found.st_gid, found.st_mtime) == (3_000_000_000, 70_000, -1_000)


# Hostile archives: whatever they name, nothing outside of the layer changes.


@pytest.mark.parametrize(
    "entries",
    [
        [symlink("out", "../outside"), entry("out/victim", content=b"pwned")],
        [symlink("out", "/"), entry("out/etc/pycompose-pwned", content=b"pwned")],
        [symlink("out", "../outside/victim"), entry("out", content=b"pwned")],
        [symlink("a", "b"), symlink("b", ".."), entry("a/outside/victim", content=b"pwned")],
        [folder("d"), symlink("d/up", "../.."), entry("d/up/outside/victim", content=b"pwned")],
        [symlink("out", "../outside"), entry("out/.wh.victim")],
        [symlink("out", "../outside"), entry("out/.wh..wh..opq")],
        [symlink("out", "../outside"), folder("out", mode=0o777)],
        [entry("/../../outside2/x", content=b"pwned")],
        [hard_link("stolen", "../outside/victim")],
        [symlink("out", "../outside"), hard_link("stolen", "out/victim")],
        [hard_link("stolen", "/etc/passwd")],
    ],
)
def test_a_hostile_layer_changes_nothing_outside(root: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    try:
        unpacked(root, archive(*entries))
    except InvalidLayer:
        refused = True
    else:
        refused = False
    outside = root.parent / "outside"
    assert (outside / "victim").read_text() == "untouched"
    assert os.listdir(outside) == ["victim"]
    assert os.listxattr(outside) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    assert not (root.parent / "outside2").exists()
    assert not Path("/etc/pycompose-pwned").exists()
    assert refused or not (root / "stolen").exists()


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "/..", "a/b/../../../x"])
def test_a_name_that_climbs_out_is_refused(root: Path, name: str) -> None:
    with pytest.raises(InvalidLayer, match="outside of the layer"):
        unpacked(root, archive(entry(name, content=b"x")))


def test_a_link_to_what_is_not_in_the_layer_is_refused(root: Path) -> None:
    with pytest.raises(InvalidLayer, match="not in the layer"):
        unpacked(root, archive(hard_link("a", "b")))


def test_directories_nested_beyond_all_limits_are_refused(root: Path) -> None:
    deep = "/".join(["d"] * 1500)
    with pytest.raises(InvalidLayer):
        unpacked(root, archive(entry(f"{deep}/{deep}/{deep}", content=b"x")))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a tar archive" * 100, "not a tar archive"),
        (b"x" + archive(entry("x"))[1:148] + b"0000000\0" + bytes(400), "checksum"),
        (archive(entry("x", content=b"y" * 5000))[:3000], "ends in the middle of a file"),
        (archive(entry("x", content=b"y" * 5000))[:300], "ends in the middle of a header"),
        (gzip.compress(archive(entry("x", content=os.urandom(5000))))[:3000], "ends too early"),
        (b"\x1f\x8b\x08" + bytes(100) + b"junk", "not valid gzip"),
        (zstandard.compress(os.urandom(5000))[:8] + b"\xff" * 500, "not valid zstd"),
        (bz2.compress(b"x"), "middle of a header"),
    ],
)
def test_corrupt_archives_are_refused(root: Path, data: bytes, message: str) -> None:
    with pytest.raises(InvalidLayer, match=message):
        unpacked(root, data)


def test_absurd_sizes_are_refused(root: Path) -> None:
    with pytest.raises(InvalidLayer, match="out of bounds"):
        unpacked(root, entry("x", size=1 << 50)[0].tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(InvalidLayer):
        unpacked(root, archive(entry("x", pax_headers={"comment": "x" * 2_000_000})))


def test_a_long_run_of_zeros_takes_no_room_on_the_disk(root: Path) -> None:
    content = b"start" + bytes(8 << 20) + b"end"
    result = unpacked(root, archive(entry("dense", content=content), entry("empty", content=bytes(4 << 20))))
    assert (root / "dense").read_bytes() == content
    assert (root / "empty").read_bytes() == bytes(4 << 20)
    assert (root / "dense").stat().st_blocks * 512 < 1 << 20
    assert result.size_bytes == len(content) + (4 << 20)
