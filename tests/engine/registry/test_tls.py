"""Certificates: checked unless the settings say otherwise."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.registry.client import RegistryClient
from engine.registry.interrupt import Interrupt
from engine.registry.settings import RegistrySettings
from engine.registry.web import Query, Unreachable, Web
from tests.fakes.registry import FakeRegistry, serve_registry


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", file.with_suffix(".key"), "-out", file, "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + file.with_suffix(".key").read_text())
    return file


@pytest.fixture
def registry(certificate: Path) -> Iterator[FakeRegistry]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve_registry(context) as fake:
        fake.put_manifest("app", "1", {"config": {}, "layers": []})
        yield fake


def pull(registry: FakeRegistry, settings: RegistrySettings) -> str:
    web = Web(settings)
    try:
        return RegistryClient(registry.host, settings, None, web).manifest("app", "1", Interrupt()).digest
    finally:
        web.close()


def test_an_unknown_certificate_is_refused(registry: FakeRegistry) -> None:
    with pytest.raises(Unreachable, match="certificate not trusted: self-signed certificate") as raised:
        pull(registry, RegistrySettings())
    assert "name its CA" in (raised.value.hint or "")


def test_plain_http_where_tls_is_due_says_how_to_allow_it() -> None:
    web = Web(RegistrySettings())
    with serve_registry() as plain, pytest.raises(Unreachable, match="speaks plain http") as raised:
        web.ask(Query(f"https://{plain.host}/v2/"), Interrupt())
    assert "insecure = true" in (raised.value.hint or "")
    web.close()


def test_a_ca_of_the_settings_is_trusted_for_its_registry(registry: FakeRegistry, certificate: Path) -> None:
    assert pull(registry, RegistrySettings(authorities={registry.host: certificate}))


def test_an_insecure_registry_is_taken_as_it_is(registry: FakeRegistry) -> None:
    assert pull(registry, RegistrySettings(insecure=frozenset({registry.host})))


def test_https_never_leads_to_http(registry: FakeRegistry, certificate: Path) -> None:
    web = Web(RegistrySettings(authorities={registry.host: certificate}))
    registry.redirect("/here", "http://127.0.0.1:1/there")
    with pytest.raises(Unreachable, match="not safe"):
        web.ask(Query(f"{registry.url}/here"), Interrupt())
    web.close()
