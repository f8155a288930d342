"""References as Docker reads and writes them."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.registry.reference import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "familiar", "canonical"),
    [
        ("postgres", "postgres", "docker.io/library/postgres"),
        ("postgres:16", "postgres:16", "docker.io/library/postgres:16"),
        ("docker.io/library/postgres:16", "postgres:16", "docker.io/library/postgres:16"),
        ("docker.io/postgres", "postgres", "docker.io/library/postgres"),
        ("index.docker.io/library/x", "x", "docker.io/library/x"),
        ("user/app", "user/app", "docker.io/user/app"),
        ("library/user/app", "library/user/app", "docker.io/library/user/app"),
        ("ghcr.io/user/app:1.0-rc.1", "ghcr.io/user/app:1.0-rc.1", "ghcr.io/user/app:1.0-rc.1"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("127.0.0.1:5000/library/app:x", "127.0.0.1:5000/library/app:x", "127.0.0.1:5000/library/app:x"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        (f"app@{DIGEST}", f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}"),
        (f"app:1@{DIGEST}", f"app:1@{DIGEST}", f"docker.io/library/app:1@{DIGEST}"),
        ("a__b/c--d.e_f", "a__b/c--d.e_f", "docker.io/a__b/c--d.e_f"),
    ],
)
def test_a_reference_has_a_short_and_a_whole_form(text: str, familiar: str, canonical: str) -> None:
    reference = Reference.parse(text)
    assert (reference.familiar, reference.canonical) == (familiar, canonical)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "-a",
        "a/",
        "/a",
        "a//b",
        "A",
        "user/App",
        "a:",
        "a:-x",
        "a:" + "x" * 129,
        "a@sha256:abc",
        "a___b",
        "a..b",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid reference format"):
        Reference.parse(text)


def test_an_image_id_is_no_repository() -> None:
    with pytest.raises(BadRequest, match="64-byte hexadecimal"):
        Reference.parse("a" * 64)


def test_a_tag_or_digest_beside_a_name_wins_over_the_one_in_it() -> None:
    assert Reference.parse("x:1").named("2").familiar == "x:2"
    assert Reference.parse("x:1").named(DIGEST).familiar == f"x@{DIGEST}"
    assert Reference.parse("127.0.0.1:5000").named("2").canonical == "docker.io/library/127.0.0.1:2"
    with pytest.raises(BadRequest, match="invalid tag format"):
        Reference.parse("x").named("a/b")


def test_the_tag_is_latest_unless_tag_or_digest_are_given() -> None:
    assert Reference.parse("x").tagged().familiar == "x:latest"
    assert Reference.parse("x:1").tagged().familiar == "x:1"
    assert Reference.parse(f"x@{DIGEST}").tagged().tag == ""
