"""What a registry says of a name, without pulling it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import UNSET

from engine.errors import NotFound
from engine.images.transfer.remote import describe_remote
from engine.registry.client import RegistryClient
from engine.registry.interrupt import Interrupt
from engine.registry.reference import Reference
from engine.registry.settings import RegistrySettings
from engine.registry.web import Web
from engine.wire.images import DistributionInspect
from tests.fakes.registry import INDEX, MANIFEST, FakeRegistry, serve_registry, tar_of


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve_registry() as fake:
        yield fake


def described(registry: FakeRegistry, name: str) -> DistributionInspect:
    web = Web(RegistrySettings())
    reference = Reference.parse(f"{registry.host}/{name}").tagged()
    try:
        client = RegistryClient(reference.registry, RegistrySettings(), None, web)
        return describe_remote(client, reference, Interrupt())
    finally:
        web.close()


def test_a_single_image_has_its_manifests_digest_and_its_configs_platform(registry: FakeRegistry) -> None:
    manifest = registry.put_image("app", "1", [tar_of({"a": b"b"})])
    found = described(registry, "app:1")
    assert found.descriptor.digest == manifest["digest"]
    assert (found.descriptor.media_type, found.descriptor.size) == (MANIFEST, manifest["size"])
    assert [(item.architecture, item.os) for item in found.platforms] == [("amd64", "linux")]


def test_an_index_has_its_own_digest_and_the_platforms_of_its_entries(registry: FakeRegistry) -> None:
    manifest = registry.put_image("app", "amd64", [tar_of({"a": b"b"})])
    arm = {**manifest, "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"}}
    entries = [{**manifest, "platform": {"architecture": "amd64", "os": "linux"}}, arm]
    index = registry.put_manifest("app", "1", {"manifests": entries}, INDEX)
    found = described(registry, "app:1")
    assert (found.descriptor.digest, found.descriptor.media_type) == (index["digest"], INDEX)
    assert [(item.architecture, item.variant) for item in found.platforms] == [("amd64", UNSET), ("arm64", "v8")]


def test_a_name_that_the_registry_does_not_know_is_not_found(registry: FakeRegistry) -> None:
    with pytest.raises(NotFound):
        described(registry, "nothing:1")
