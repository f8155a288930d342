"""A project's files as they are published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from compose.errors import ComposeError
from compose.load.bundle import Bundle, bundle
from compose.load.pipeline import LoadRequest, load
from tests.fakes.directory import Directory


def name_of(path: Path, suffix: str) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest() + suffix


def packed(directory: Directory, *files: str) -> Bundle:
    project = load(LoadRequest(directory.path, files, environment={"PLACE": "env"})).project
    return bundle(project, lambda path: Path(path).read_bytes())


def test_names_of_other_files_are_replaced_and_all_else_stays(directory: Directory) -> None:
    directory.write("a.env", "A=1\n")
    directory.write("env/b.env", "B=2\n")
    directory.write("common.yaml", "services:\n  base: {image: é, env_file: [a.env]}  # ü\n")
    directory.write(
        "compose.yaml",
        "# ä comment\n"
        "services:\n"
        "  web: {extends: {file: 'common.yaml', service: base}}  # é\n"
        "  db:\n"
        "    image: ${IMAGE:-x}\n"
        '    env_file: ["a.env", {path: "${PLACE}/b.env", required: false}]  # both\n'
        "  three:\n"
        "    image: x\n"
        "    env_file: a.env\n",
    )
    found = packed(directory)
    a = name_of(directory.path / "a.env", ".env")
    b = name_of(directory.path / "env/b.env", ".env")
    common = name_of(directory.path / "common.yaml", ".yaml")
    ((name, text),) = found.files
    assert name == "compose.yaml"
    assert text.decode() == (
        "# ä comment\n"
        "services:\n"
        f"  web: {{extends: {{file: {common}, service: base}}}}  # é\n"
        "  db:\n"
        "    image: ${IMAGE:-x}\n"
        f"    env_file: [{a}, {{path: {b}, required: false}}]  # both\n"
        "  three:\n"
        "    image: x\n"
        f"    env_file: {a}\n"
    )
    assert found.extended == {common: f"services:\n  base: {{image: é, env_file: [{a}]}}  # ü\n".encode()}
    assert found.env_files == {a: b"A=1\n", b: b"B=2\n"}
    assert sorted(found.with_env_files) == ["base", "db", "three"]


def test_what_is_extended_is_followed_from_its_own_directory(directory: Directory) -> None:
    directory.write("parts/one.yaml", "services: {a: {extends: {file: two.yaml, service: b}, env_file: near.env}}\n")
    directory.write("parts/two.yaml", "services: {b: {image: x, extends: {file: one.yaml, service: c}}}\n")
    directory.write(
        "parts/one.yaml", "services: {a: {extends: {file: two.yaml, service: b}, env_file: near.env}, c: {}}\n"
    )
    directory.write("parts/near.env", "N=1\n")
    directory.write("compose.yaml", "services: {web: {extends: {file: parts/one.yaml, service: a}}}\n")
    found = packed(directory)
    names = {name_of(directory.path / "parts" / name, ".yaml") for name in ("one.yaml", "two.yaml")}
    assert set(found.extended) == names
    assert found.env_files == {name_of(directory.path / "parts/near.env", ".env"): b"N=1\n"}


def test_anchors_are_replaced_once(directory: Directory) -> None:
    directory.write("a.env", "A=1\n")
    directory.write(
        "compose.yaml",
        "x-base: &base\n  env_file: &files [a.env]\nservices:\n  web: {image: x, <<: *base}\n"
        "  db: {image: y, env_file: *files}\n",
    )
    found = packed(directory)
    name = name_of(directory.path / "a.env", ".env")
    assert found.files[0][1].decode().splitlines()[1] == f"  env_file: &files [{name}]"
    assert found.with_env_files == ("web", "db")


def test_files_of_variables_may_be_missing_and_addresses_stay(directory: Directory) -> None:
    text = "services: {web: {image: x, env_file: [{path: none.env, required: false}]}}\n"
    directory.write("compose.yaml", text)
    assert packed(directory).env_files == {}


def test_several_files_keep_their_order_and_documents(directory: Directory) -> None:
    directory.write("one.yaml", "services: {web: {image: x}}\n---\nservices: {web: {image: y}}\n")
    directory.write("two.yaml", "services: {web: {command: z}}\n")
    found = packed(directory, "one.yaml", "two.yaml")
    assert [name for name, _ in found.files] == ["one.yaml", "two.yaml"]
    assert b"---" in found.files[0][1]


@pytest.mark.parametrize("include", ["[other.yaml]", "[{path: [other.yaml]}]", "[{path: other.yaml}]"])
def test_local_includes_cannot_be_published(directory: Directory, include: str) -> None:
    directory.write("other.yaml", "services: {db: {image: x}}\n")
    directory.write("compose.yaml", f"include: {include}\n")
    with pytest.raises(ComposeError, match="includes local ones") as caught:
        packed(directory)
    assert str(caught.value.where).endswith(f"compose.yaml:1:{10 + include.index('other')}")


def test_what_only_the_loader_can_read_is_not_published(directory: Directory) -> None:
    directory.write("compose.yaml", "x-a: &a {image: x}\nservices: {web: *a}\n---\nservices: {db: *a}\n")
    with pytest.raises(ComposeError, match="cannot be published"):
        packed(directory)


def test_standard_input_has_no_name_to_be_published_by(directory: Directory) -> None:
    project = load(LoadRequest(directory.path, ("-",), stdin=lambda: b"services: {a: {image: x}}\n")).project
    with pytest.raises(ComposeError, match="standard input"):
        bundle(project, lambda path: Path(path).read_bytes())
