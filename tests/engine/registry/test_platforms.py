"""Which image of an index serves a platform."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest, NotFound, RegistryError
from engine.registry.manifest import Descriptor, Document, Index, Manifest, OfferedPlatform, choose, parse
from engine.registry.platforms import Platform, amd64_level, best_platform, host_platform

DIGEST = "sha256:" + "a" * 64


def offered(*platforms: str) -> Index:
    parts = [(*platform.split("/"), "", "")[:3] for platform in platforms]
    return Index([Descriptor(name, 1, "", OfferedPlatform(*part)) for name, part in zip(platforms, parts, strict=True)])


@pytest.mark.parametrize(
    ("wanted", "index", "chosen"),
    [
        ("linux/amd64", ("linux/arm64/v8", "linux/amd64"), "linux/amd64"),
        ("linux/amd64", ("linux/amd64/v3", "linux/amd64"), "linux/amd64"),
        ("linux/arm64", ("linux/arm64/v8",), "linux/arm64/v8"),
        ("linux/arm64/v8", ("linux/arm64",), "linux/arm64"),
        ("linux/arm/v7", ("linux/arm/v5", "linux/arm/v6", "linux/amd64"), "linux/arm/v6"),
        ("linux/arm/v6", ("linux/arm/v7", "linux/arm/v5"), "linux/arm/v5"),
        ("amd64", ("windows/amd64", "linux/amd64"), "linux/amd64"),
        ("linux/aarch64", ("linux/arm64",), "linux/arm64"),
        ("linux/amd64/v3", ("linux/amd64", "linux/amd64/v2", "linux/amd64/v4"), "linux/amd64/v2"),
        ("linux/arm64/v8.2", ("linux/arm64/v8", "linux/arm64/v8.1", "linux/arm64/v9"), "linux/arm64/v8.1"),
        ("linux/amd64", ("linux/386", "linux/arm/v7"), "linux/386"),
        ("linux/amd64", ("linux/386", "linux/amd64"), "linux/amd64"),
        ("linux/arm64", ("linux/arm/v6", "linux/arm/v7", "linux/amd64"), "linux/arm/v7"),
    ],
)
def test_the_best_entry_of_an_index_is_chosen(wanted: str, index: tuple[str, ...], chosen: str) -> None:
    assert choose(offered(*index), Platform.parse(wanted), "x").digest == chosen


def test_no_entry_for_the_platform_says_which_there_are() -> None:
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x") as raised:
        choose(offered("linux/amd64", "unknown/unknown"), Platform.parse("linux/s390x"), "x:1")
    assert raised.value.hint == "x:1 is there for linux/amd64"


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        ("linux/amd64", "linux/amd64/v2"), ("linux/386", "linux/amd64"), ("linux/arm/v7", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v9"), ("linux/amd64", "windows/amd64"), ("linux/ppc64le", "linux/ppc64"),
    ],
)  # fmt: skip
def test_what_a_machine_cannot_run_is_not_chosen(wanted: str, other: str) -> None:
    assert Platform.parse(wanted).rank(Platform.parse(other)) is None


def test_no_platform_means_this_machine() -> None:
    assert Platform.parse("") == host_platform()


@pytest.mark.parametrize("text", ["a/b/c/d", "linux/", "/amd64", "fax"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid argument"):
        Platform.parse(text)


def document(body: str, media_type: str = "application/json") -> Document:
    return Document(DIGEST, media_type, body.encode())


CONFIG = f'{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{DIGEST}","size":2}}'


def test_manifests_and_indexes_are_told_apart_by_their_content_too() -> None:
    assert isinstance(parse(document(f'{{"schemaVersion":2,"config":{CONFIG},"layers":[]}}')), Manifest)
    assert isinstance(parse(document(f'{{"schemaVersion":2,"manifests":[{{"digest":"{DIGEST}","size":1}}]}}')), Index)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "cannot be read"),
        ('{"schemaVersion":1}', "schema 1"),
        (
            '{"schemaVersion":2,"config":{"mediaType":"application/vnd.helm","digest":"x","size":1},"layers":[]}',
            "not a con",
        ),
        (f'{{"schemaVersion":2,"config":{CONFIG},"layers":[{{"digest":"md5:1","size":1}}]}}', "is not supported"),
        (f'{{"schemaVersion":2,"config":{CONFIG},"layers":[{{"digest":"{DIGEST}","size":-1}}]}}', "out of bounds"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_manifests_that_cannot_be_used_are_refused(body: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse(document(body))


def test_more_layers_than_can_be_mounted_are_refused() -> None:
    layers = ",".join([f'{{"digest":"{DIGEST}","size":1}}'] * 201)
    with pytest.raises(RegistryError, match="201 layers"):
        parse(document(f'{{"schemaVersion":2,"config":{CONFIG},"layers":[{layers}]}}'))


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("", "v1"),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2", "v1"),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx", "v2"),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave", "v3"),
        ("avx avx2 bmi1 bmi2 f16c fma abm movbe xsave", "v1"),
    ],
)
def test_the_level_of_an_x86_processor_is_the_highest_whose_parts_are_all_there(flags: str, level: str) -> None:
    assert amd64_level(f"processor : 0\nflags\t\t: fpu {flags}\nflags : none\n") == level


@pytest.mark.parametrize(
    ("here", "offered", "does"),
    [
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64/v3", "linux/386", True),
        ("linux/amd64/v2", "linux/amd64/v3", False),
        ("linux/arm/v6", "linux/arm", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/amd64", "linux", True),
        ("linux/amd64", "windows", False),
    ],
)
def test_what_an_image_does_not_say_of_its_platform_counts_as_anything(here: str, offered: str, does: bool) -> None:
    os, _, rest = offered.partition("/")
    architecture, _, variant = rest.partition("/")
    assert Platform.parse(here).runs(Platform(os, architecture, variant)) is does


def test_the_best_platform_is_this_machines() -> None:
    assert best_platform().architecture == host_platform().architecture
