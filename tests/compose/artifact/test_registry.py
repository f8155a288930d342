"""Registries as the command line sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.artifact.copying import copy_image
from compose.artifact.manifest import PROJECT_TYPE, file_layer
from compose.artifact.pushing import Artifact, push
from compose.artifact.registry import ManifestRefused, Registries, RegistryUnreachable, reference_of, settings_in
from compose.errors import ComposeError
from engine.registry.interrupt import Interrupt
from engine.registry.reference import Reference
from engine.registry.settings import RegistrySettings
from tests.fakes.docker_registry import serve_docker_registry
from tests.fakes.registry import serve_registry


def test_references_have_a_tag_or_a_digest() -> None:
    digest = "sha256:" + "0" * 64
    assert reference_of("a/b").familiar == "a/b:latest"
    assert reference_of("h:5000/a:1").familiar == "h:5000/a:1"
    assert reference_of(f"h:5000/a:1@{digest}").familiar == f"h:5000/a@{digest}"


def test_who_is_vouched_for_may_be_spoken_to_without_tls(tmp_path: Path) -> None:
    file = tmp_path / "registries.toml"
    file.write_text('[registry."lan:1"]\ninsecure = true\n')
    settings = settings_in({"PYCOMPOSE_REGISTRIES": str(file)}, ["other:2"])
    assert settings.is_insecure("lan:1")
    assert settings.is_insecure("other:2")
    assert not settings.is_insecure("far:3")
    file.write_text("[")
    with pytest.raises(ComposeError, match=r"registries.toml"):
        settings_in({"PYCOMPOSE_REGISTRIES": str(file)})


@pytest.mark.net
def test_images_are_copied_whole_from_another_registry(tmp_path: Path) -> None:
    with serve_registry() as source, serve_docker_registry(tmp_path) as target:
        image = source.put_image("me/tool", "1", [b"a" * 3000, b"b" * 10], compress=lambda data: data)
        registries = Registries(RegistrySettings(), lambda _: None)
        to = reference_of(f"{target.host}/me/app:1")
        copied = copy_image(registries, reference_of(f"{source.host}/me/tool:1"), to, Interrupt())
        assert copied.digest == image["digest"]
        assert copied.annotations == {"containerd.io/distribution.source.127.0.0.1": "me/tool"}
        with registries.reading(target.host) as reader:
            there = reader.manifest("me/app", copied.digest, Interrupt())
        assert there.digest == image["digest"]


def test_an_image_that_is_not_there_is_said(tmp_path: Path) -> None:
    with serve_registry() as source:
        registries = Registries(RegistrySettings(), lambda _: None)
        name = f"{source.host}/me/none:1"
        with pytest.raises(RegistryUnreachable, match="cannot publish"):
            copy_image(registries, reference_of(name), reference_of("127.0.0.1:1/me/app:1"), Interrupt())


@pytest.mark.net
@pytest.mark.anyio
async def test_what_a_registry_does_not_take_is_put_in_the_older_form(tmp_path: Path) -> None:
    layer = file_layer("compose.yaml", b"services: {}\n", "v")
    with serve_docker_registry(tmp_path) as target:
        registries = _Old(RegistrySettings(), lambda _: None)
        reference = reference_of(f"{target.host}/me/app:1")
        await push(Artifact(reference, (layer,), (), None, "v"), registries)
        assert PROJECT_TYPE.encode() not in registries.resolve(reference, Interrupt())[1]
        with pytest.raises(ComposeError, match="cannot publish"):
            await push(Artifact(reference, (layer,), (), "1.1", "v"), registries)


class _Old(Registries):
    """A registry that does not know types of artifacts."""

    def put(self, reference: Reference, media_type: str, body: bytes, interrupt: Interrupt) -> str:
        if PROJECT_TYPE.encode() in body:
            raise ManifestRefused(f"cannot publish {reference.familiar}: 400")
        return super().put(reference, media_type, body, interrupt)
