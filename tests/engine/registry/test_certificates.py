"""Registries that want to know who asks: client certificates, from the settings or from a trust directory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import RegistryError
from engine.registry.interrupt import Interrupt
from engine.registry.settings import ClientCertificate, RegistrySettings
from engine.registry.upload import RegistryWriter
from engine.registry.web import Web
from tests.fakes.docker_registry import DockerRegistry, make_certificate, serve_docker_registry

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def server(place: Path) -> Path:
    return make_certificate(place, "server")


@pytest.fixture(scope="module")
def client(place: Path) -> Path:
    return make_certificate(place, "client")


@pytest.fixture(scope="module")
def registry(place: Path, server: Path, client: Path) -> Iterator[DockerRegistry]:
    with serve_docker_registry(place / "registry", certificate=server, client_ca=client) as real:
        yield real


def reach(registry: DockerRegistry, settings: RegistrySettings) -> None:
    web = Web(settings)
    try:
        writer = RegistryWriter(registry.host, settings, None, web)
        writer.settle(Interrupt())
        assert writer._endpoint.url == registry.url
        assert writer.has("app", "sha256:" + "0" * 64, Interrupt()) is None
    finally:
        web.close()


def test_the_settings_name_a_certificate_and_its_key(registry: DockerRegistry, server: Path, client: Path) -> None:
    authorities = {registry.host: server}
    for own in (ClientCertificate(client), ClientCertificate(client, client.with_suffix(".key"))):
        reach(registry, RegistrySettings(authorities=authorities, certificates={registry.host: own}))


def test_a_trust_directory_has_them_by_host(
    registry: DockerRegistry, server: Path, client: Path, tmp_path: Path
) -> None:
    directory = tmp_path / registry.host
    directory.mkdir()
    shutil.copy(server, directory / "ca.crt")
    shutil.copy(client, directory / "me.cert")
    shutil.copy(client.with_suffix(".key"), directory / "me.key")
    reach(registry, RegistrySettings(trust_directories=(tmp_path / "none", tmp_path)))


def test_without_a_certificate_nobody_answers(registry: DockerRegistry, server: Path) -> None:
    with pytest.raises((RegistryError, AssertionError)):
        reach(registry, RegistrySettings(authorities={registry.host: server}))


@pytest.mark.parametrize(("name", "words"), [("ca.crt", "CA file .*ca.crt"), ("me.cert", "me.cert.* has no key")])
def test_a_file_that_cannot_be_used_is_named(registry: DockerRegistry, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / registry.host).mkdir()
    (tmp_path / registry.host / name).write_text("nonsense")
    with pytest.raises(RegistryError, match=words):
        reach(registry, RegistrySettings(trust_directories=(tmp_path,)))
