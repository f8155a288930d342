"""Pushing blobs and manifests to the real registry, through a proxy that spoils what it is told to."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator

import pytest

from engine.registry import upload as upload_module
from engine.registry.client import RegistryClient
from engine.registry.endpoint import Refusal
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.manifest import Descriptor, Document
from engine.registry.settings import RegistrySettings
from engine.registry.upload import BytesSource, RegistryWriter
from engine.registry.web import Unreachable, Web
from engine.wire.images import AuthConfig
from tests.fakes.docker_registry import PASSWORD, USER, DockerRegistry, make_certificate, serve_docker_registry
from tests.fakes.faulty_proxy import FaultyProxy, Trouble, serve_faulty_proxy
from tests.fakes.upload_registry import serve_upload_registry

pytestmark = [pytest.mark.net, pytest.mark.usefixtures("impatient")]

SMALL = b"small"
BIG = os.urandom(3_000_000)
UPLOADS = "/blobs/uploads/"


class GrowingSource(BytesSource):
    """A blob whose length nobody knows before it has been read."""

    @property
    def size_bytes(self) -> None:  # type: ignore[override]  # None is what the protocol allows
        return None


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with serve_docker_registry(tmp_path_factory.mktemp("registry")) as real:
        yield real


@pytest.fixture
def proxy(registry: DockerRegistry) -> Iterator[FaultyProxy]:
    with serve_faulty_proxy(registry.host) as faulty:
        yield faulty


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository of the test's own: the registry is shared."""
    return "r" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


def writer_of(proxy: FaultyProxy, web: Web) -> RegistryWriter:
    writer = RegistryWriter(proxy.host, RegistrySettings(), None, web)
    writer.settle(Interrupt())
    return writer


def push(writer: RegistryWriter, repository: str, source: BytesSource, **options: str) -> bool:
    return writer.push(repository, source, Interrupt(), lambda _: None, **options)


def content_of(proxy: FaultyProxy, repository: str, source: BytesSource, web: Web) -> bytes:
    size = len(source.read_at(0, 1 << 30))
    client = RegistryClient(proxy.upstream, RegistrySettings(), None, web)
    return b"".join(client.blob(repository, Descriptor(source.digest(), size), Interrupt()))


SOURCES = [BytesSource(SMALL), BytesSource(b""), BytesSource(BIG), GrowingSource(SMALL), GrowingSource(BIG)]


@pytest.mark.parametrize("source", SOURCES, ids=["small", "empty", "big", "small-growing", "big-growing"])
def test_a_blob_arrives_whole(proxy: FaultyProxy, web: Web, repository: str, source: BytesSource) -> None:
    writer = writer_of(proxy, web)
    assert writer.has(repository, source.digest(), Interrupt()) is None
    assert push(writer, repository, source) is False
    assert writer.has(repository, source.digest(), Interrupt()) is not None
    assert content_of(proxy, repository, source, web) == source.read_at(0, len(BIG))


def test_a_small_blob_goes_up_in_one_piece_and_a_big_one_as_a_stream(
    proxy: FaultyProxy, web: Web, repository: str
) -> None:
    writer = writer_of(proxy, web)
    push(writer, repository, BytesSource(SMALL))
    assert (proxy.count("PATCH", UPLOADS), proxy.count("PUT", UPLOADS)) == (0, 1)
    push(writer, repository, BytesSource(BIG))
    assert (proxy.count("PATCH", UPLOADS), proxy.count("PUT", UPLOADS)) == (1, 2)


@pytest.mark.parametrize("source", [BytesSource(BIG), GrowingSource(BIG)], ids=["known", "growing"])
def test_an_upload_that_is_cut_goes_on_where_it_stopped(web: Web, source: BytesSource) -> None:
    with serve_upload_registry() as upstream, serve_faulty_proxy(upstream.host) as proxy:
        proxy.troubles += [Trouble(UPLOADS, "PATCH", cut_upload_after=n) for n in (1_000_000, 500_000)]
        seen: list[int] = []
        writer_of(proxy, web).push("app", source, Interrupt(), seen.append)
        assert (proxy.count("POST", UPLOADS), proxy.count("PATCH", UPLOADS)) == (1, 3)
        assert upstream.blobs[source.digest()] == BIG
        assert len(upstream.content_ranges) == (2 if source.size_bytes else 0)
        assert seen[-1] == len(BIG)
        web.close()


@pytest.mark.parametrize("content", [SMALL, BIG])
def test_an_upload_that_is_sent_elsewhere_takes_no_credentials_along(web: Web, content: bytes) -> None:
    auth = AuthConfig(username="me", password="pass")
    with (
        serve_upload_registry() as registry,
        serve_upload_registry() as elsewhere,
        serve_faulty_proxy(registry.host) as proxy,
    ):
        location = {"Location": f"http://{elsewhere.host}/v2/app/blobs/uploads/1"}
        proxy.troubles += [
            Trouble(UPLOADS, "POST", status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}),
            Trouble(UPLOADS, "POST", status=202, headers=location),
        ]
        writer = RegistryWriter(proxy.host, RegistrySettings(), auth, web)
        writer.settle(Interrupt())
        push(writer, "app", BytesSource(content))
        assert list(elsewhere.blobs.values()) == [content]
        assert set(elsewhere.authorizations) == {None}
        web.close()


@pytest.mark.parametrize("source", [BytesSource(BIG), GrowingSource(BIG)], ids=["known", "growing"])
def test_a_registry_that_forgets_cut_uploads_gets_the_whole_again(
    proxy: FaultyProxy, web: Web, repository: str, source: BytesSource
) -> None:
    proxy.troubles += [Trouble(UPLOADS, "PATCH", cut_upload_after=n) for n in (1_000_000, 500_000)]
    push(writer_of(proxy, web), repository, source)
    assert content_of(proxy, repository, source, web) == BIG


def test_an_upload_that_the_registry_has_forgotten_is_begun_anew(proxy: FaultyProxy, web: Web, repository: str) -> None:
    proxy.troubles += [Trouble(UPLOADS, "PATCH", cut_upload_after=1_000_000), Trouble(UPLOADS, "GET", status=404)]
    source = BytesSource(BIG)
    with pytest.raises(Refusal):  # whoever answers 404 without a word about uploads means it
        push(writer_of(proxy, web), repository, source)
    proxy.troubles += [Trouble(UPLOADS, "PATCH", status=416)]
    push(writer_of(proxy, web), repository, source)
    assert content_of(proxy, repository, source, web) == BIG


def test_a_blob_that_arrives_wrong_is_sent_again(proxy: FaultyProxy, web: Web, repository: str) -> None:
    class Stumbling(GrowingSource):
        has_stumbled = False

        def read_at(self, offset: int, size: int) -> bytes:
            data = super().read_at(offset, size)
            if offset and not self.has_stumbled:
                self.has_stumbled = True
                return bytes(len(data))
            return data

    source = Stumbling(BIG)
    push(writer_of(proxy, web), repository, source)
    assert proxy.count("POST", UPLOADS) == 2
    assert content_of(proxy, repository, source, web) == BIG


def test_a_lost_answer_is_no_reason_to_send_everything_again(proxy: FaultyProxy, web: Web, repository: str) -> None:
    proxy.troubles.append(Trouble(UPLOADS, "PUT", loses_answer=True))
    source = BytesSource(BIG)
    push(writer_of(proxy, web), repository, source, digest=source.digest())
    assert proxy.count("POST", UPLOADS) == 1


@pytest.mark.parametrize("source", [BytesSource(BIG), GrowingSource(BIG)], ids=["known", "growing"])
def test_a_registry_that_finds_it_too_big_gets_it_in_pieces(
    proxy: FaultyProxy, web: Web, repository: str, source: BytesSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "_PIECE_BYTES", 1_000_000)
    proxy.troubles.append(Trouble(UPLOADS, "PATCH", status=413))
    push(writer_of(proxy, web), repository, source)
    assert proxy.count("PATCH", UPLOADS) in (4, 5)
    assert content_of(proxy, repository, source, web) == BIG


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_busy_registry_is_asked_again(proxy: FaultyProxy, web: Web, repository: str, method: str) -> None:
    proxy.troubles.append(Trouble(UPLOADS, method, times=2, status=503, headers={"Retry-After": "0"}))
    source = BytesSource(BIG)
    push(writer_of(proxy, web), repository, source)
    assert content_of(proxy, repository, source, web) == BIG


def test_a_registry_that_stays_busy_is_given_up(proxy: FaultyProxy, web: Web, repository: str) -> None:
    proxy.troubles.append(Trouble(UPLOADS, "POST", times=99, status=429, headers={"Retry-After": "0"}))
    with pytest.raises(Refusal, match="429"):
        push(writer_of(proxy, web), repository, BytesSource(SMALL))


def test_a_blob_is_mounted_from_a_repository_that_has_it(proxy: FaultyProxy, web: Web, repository: str) -> None:
    writer, source = writer_of(proxy, web), BytesSource(BIG)
    push(writer, repository, source)
    assert push(writer, f"{repository}/b", source, digest=source.digest(), mount_from=repository) is True
    assert proxy.count("PATCH", UPLOADS) == 1
    assert content_of(proxy, f"{repository}/b", source, web) == BIG


def test_what_cannot_be_mounted_is_sent(proxy: FaultyProxy, web: Web, repository: str) -> None:
    writer, source = writer_of(proxy, web), BytesSource(BIG)
    assert push(writer, repository, source, digest=source.digest(), mount_from=f"{repository}/nobody") is False
    assert content_of(proxy, repository, source, web) == BIG


def test_an_upload_can_be_called_off(proxy: FaultyProxy, web: Web, repository: str) -> None:
    interrupt = Interrupt()

    class Endless(GrowingSource):
        def read_at(self, offset: int, size: int) -> bytes:
            if offset > 1_000_000:
                threading.Timer(0.01, interrupt.trigger).start()
            return bytes(size)

    with pytest.raises(Interrupted):
        writer_of(proxy, web).push(repository, Endless(b""), interrupt, lambda _: None)
    assert writer_of(proxy, web).has(repository, BytesSource(bytes(10)).digest(), Interrupt()) is None


def test_a_manifest_is_put_and_read_back(proxy: FaultyProxy, web: Web, repository: str) -> None:
    writer, config = writer_of(proxy, web), BytesSource(b"{}")
    push(writer, repository, config)
    kind = "application/vnd.oci.image.manifest.v1+json"
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": config.digest()}
    body = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": described, "layers": []}).encode()
    document = Document(BytesSource(body).digest(), kind, body)
    writer.put_manifest(repository, "1", document, Interrupt())
    client = RegistryClient(proxy.upstream, RegistrySettings(), None, web)
    assert client.manifest(repository, "1", Interrupt()) == document


def test_nobody_there_is_said_with_every_address(web: Web) -> None:
    writer = RegistryWriter("127.0.0.1:1", RegistrySettings(), None, web)
    with pytest.raises(Unreachable, match=r"https://127\.0\.0\.1:1.*http://127\.0\.0\.1:1"):
        writer.settle(Interrupt())


def test_a_registry_with_passwords_takes_the_right_ones_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("secure")
    certificate = make_certificate(home)
    with serve_docker_registry(home, certificate=certificate, passwords=True) as secure:
        settings = RegistrySettings(authorities={secure.host: certificate})
        web = Web(settings)
        for auth, is_right in ((AuthConfig(username=USER, password=PASSWORD), True), (None, False)):
            writer = RegistryWriter(secure.host, settings, auth, web)
            writer.settle(Interrupt())
            if is_right:
                push(writer, "app", BytesSource(BIG))
            else:
                with pytest.raises(Refusal) as raised:
                    push(writer, "app", BytesSource(SMALL))
                assert (raised.value.http_status, raised.value.code) == (401, "UNAUTHORIZED")
        web.close()
