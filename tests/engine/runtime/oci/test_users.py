"""Looking up users and groups in a container's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import RuntimeFailure
from engine.runtime.oci.launch import Identity
from engine.runtime.oci.users import resolve_identity

PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\nodd:x:not:a:number\n# comment\n\n"
GROUP = "root:x:0:\nweb:x:34:\naudio:x:29:web,other\nvideo:x:44: web\n1234:x:77:\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(PASSWD)
    (tmp_path / "etc" / "group").write_text(GROUP)
    return tmp_path


@pytest.mark.parametrize(
    ("user", "added", "expected"),
    [
        ("", (), Identity(0, 0, (), "/root")),
        ("root", (), Identity(0, 0, (), "/root")),
        ("web", (), Identity(33, 34, (29, 44), "/var/www")),
        ("33", (), Identity(33, 34, (29, 44), "/var/www")),
        ("web:audio", (), Identity(33, 29, (), "/var/www")),
        ("web:5", (), Identity(33, 5, (), "/var/www")),
        ("5000", (), Identity(5000, 0, (), "/")),
        ("5000:6000", (), Identity(5000, 6000, (), "/")),
        ("5000:1234", (), Identity(5000, 77, (), "/")),
        ("web", ("44", "root", "999"), Identity(33, 34, (29, 44, 0, 999), "/var/www")),
        (":audio", (), Identity(0, 29, (), "/root")),
    ],
)
def test_a_user_is_found_as_docker_finds_it(root: Path, user: str, added: tuple[str, ...], expected: Identity) -> None:
    assert resolve_identity(root, user, added) == expected


@pytest.mark.parametrize(
    ("user", "added", "words"),
    [
        ("nobody", (), "unable to find user nobody: no matching entries in passwd file"),
        ("web:nobody", (), "unable to find group nobody: no matching entries in group file"),
        ("web", ("nobody",), "unable to find group nobody"),
        ("99999999999", (), "must be in range"),
    ],
)
def test_a_name_that_is_nowhere_is_an_error(root: Path, user: str, added: tuple[str, ...], words: str) -> None:
    with pytest.raises(RuntimeFailure, match=words):
        resolve_identity(root, user, added)


def test_numbers_work_without_any_files(tmp_path: Path) -> None:
    assert resolve_identity(tmp_path, "7:8", ()) == Identity(7, 8, (), "/")


def test_links_in_the_root_do_not_lead_out_of_it(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("spy:x:1:1::/:\n")
    inner = root / "inner"
    (inner / "etc").mkdir(parents=True)
    (inner / "etc" / "passwd").symlink_to("../../outside")
    with pytest.raises(RuntimeFailure, match="unable to find user spy"):
        resolve_identity(inner, "spy", ())
    (inner / "real").write_text("inside:x:3:4::/home:\n")
    (inner / "etc" / "passwd").unlink()
    (inner / "etc" / "passwd").symlink_to("/real")
    assert resolve_identity(inner, "inside", ()) == Identity(3, 4, (), "/home")
