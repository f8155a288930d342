"""Certificates: checked unless the settings say otherwise."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.registry.client import RegistryClient
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.settings import RegistrySettings
from engine.registry.tls import context_for
from engine.registry.web import Query, Unreachable, Web
from tests.fakes.docker_registry import make_certificate
from tests.fakes.registry import FakeRegistry, serve_registry


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that vouches for nobody else."""
    return make_certificate(tmp_path_factory.mktemp("other"), "other")


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


def test_an_unknown_certificate_is_refused_where_a_ca_is_named(registry: FakeRegistry, other_certificate: Path) -> None:
    with pytest.raises(Unreachable, match="certificate not trusted: self-signed certificate") as raised:
        pull(registry, RegistrySettings(authorities={registry.host: other_certificate}))
    assert "name its CA" in (raised.value.hint or "")
    assert "http://" not in raised.value.message, "a server with TLS is not asked in plain text"


def test_nobody_needs_to_vouch_for_a_registry_on_this_machine(registry: FakeRegistry) -> None:
    assert pull(registry, RegistrySettings())


def test_other_machines_have_to_be_vouched_for() -> None:
    assert context_for(RegistrySettings(), "registry.example", 443).verify_mode is ssl.CERT_REQUIRED
    assert context_for(RegistrySettings(), "192.168.0.1", 5000).verify_mode is ssl.CERT_REQUIRED


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


def test_a_handshake_that_nobody_answers_can_be_called_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        interrupt = Interrupt()
        web = Web(RegistrySettings())
        asked = thread.submit(web.ask, Query(f"https://127.0.0.1:{server.getsockname()[1]}/v2/"), interrupt)
        connection, _ = server.accept()
        assert connection.recv(1)  # it has begun
        interrupt.trigger()
        with connection, pytest.raises(Interrupted):
            asked.result(timeout=60)


def test_through_a_proxy_tls_is_with_the_registry(registry: FakeRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        tunnel = thread.submit(_tunnel, server, registry.host)
        settings = RegistrySettings(proxies={"https": proxy}, insecure=frozenset({"far.example"}))
        web = Web(settings)
        web.ask(Query("https://far.example:4443/v2/"), Interrupt()).close()
        web.close()
        assert registry.asked["/v2/"] == 1
        assert tunnel.result(timeout=60).startswith(b"CONNECT far.example:4443 HTTP/1.")


def _tunnel(server: socket.socket, target: str) -> bytes:
    """Serve one client as a proxy that leads everywhere to one place; returns what it was asked."""
    host, _, port = target.partition(":")
    near, _ = server.accept()
    with near, socket.create_connection((host, int(port))) as far, contextlib.suppress(ConnectionResetError):
        asked = near.recv(4096)
        near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while ready := select.select([near, far], [], [], 60)[0]:
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return asked
                (far if one is near else near).sendall(data)
    return asked
