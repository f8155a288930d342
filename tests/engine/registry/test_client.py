"""The client against a registry that misbehaves."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator

import pytest

from engine.errors import RegistryError, Unauthorized
from engine.registry.client import RegistryClient
from engine.registry.endpoint import Refusal
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.manifest import Descriptor
from engine.registry.settings import RegistrySettings
from engine.registry.web import Query, Unreachable, Web
from engine.wire.images import AuthConfig
from tests.fakes.registry import FakeRegistry, Fault, digest_of, serve_registry

pytestmark = pytest.mark.usefixtures("impatient")

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve_registry() as fake:
        fake.put_manifest("app", "1", {"config": {}, "layers": []})
        fake.put_blob("app", CONTENT)
        yield fake


def client_of(registry: FakeRegistry, web: Web, auth: AuthConfig | None = None) -> RegistryClient:
    return RegistryClient(registry.host, RegistrySettings(), auth, web)


def blob(client: RegistryClient, content: bytes = CONTENT) -> bytes:
    return b"".join(client.blob("app", Descriptor(digest_of(content), len(content)), Interrupt()))


def test_plain_http_is_spoken_on_loopback(registry: FakeRegistry, web: Web) -> None:
    document = client_of(registry, web).manifest("app", "1", Interrupt())
    assert digest_of(document.body) == document.digest


def test_a_manifest_of_another_digest_is_refused(registry: FakeRegistry, web: Web) -> None:
    registry.faults.append(Fault("/manifests/", times=9, replace=lambda body: body + b" "))
    client = client_of(registry, web)
    digest = digest_of(registry.answers["/v2/app/manifests/1"][1])
    with pytest.raises(RegistryError, match=r"not sha256:.* as promised"):
        client.manifest("app", digest, Interrupt())


def test_a_blob_that_is_cut_is_resumed_where_it_stopped(registry: FakeRegistry, web: Web) -> None:
    registry.faults += [Fault("/blobs/", cut_after=100_000), Fault("/blobs/", cut_after=50_000)]
    assert blob(client_of(registry, web)) == CONTENT
    assert registry.ranges == ["bytes=100000-", "bytes=150000-"]


def test_a_server_that_knows_no_ranges_is_read_from_the_start_again(registry: FakeRegistry, web: Web) -> None:
    registry.ignores_ranges = True
    registry.faults.append(Fault("/blobs/", cut_after=100_000))
    assert blob(client_of(registry, web)) == CONTENT


def test_a_blob_that_never_gets_on_is_given_up(registry: FakeRegistry, web: Web) -> None:
    registry.faults.append(Fault("/blobs/", times=99, cut_after=0))
    with pytest.raises(RegistryError):
        blob(client_of(registry, web))


def test_a_blob_longer_than_promised_is_refused(registry: FakeRegistry, web: Web) -> None:
    descriptor = Descriptor(digest_of(CONTENT), 1000)
    with pytest.raises(RegistryError, match="longer than promised"):
        list(client_of(registry, web).blob("app", descriptor, Interrupt()))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again(registry: FakeRegistry, web: Web, status: int) -> None:
    registry.faults.append(Fault("/blobs/", times=3, status=status, headers={"Retry-After": "0"}))
    assert blob(client_of(registry, web)) == CONTENT
    assert registry.blob_requests() == 4


def test_a_registry_that_stays_busy_is_given_up(registry: FakeRegistry, web: Web) -> None:
    registry.faults.append(Fault("/manifests/", times=99, status=503))
    with pytest.raises(Refusal, match="503"):
        client_of(registry, web).manifest("app", "1", Interrupt())


def test_a_token_is_fetched_once_and_used_again(registry: FakeRegistry, web: Web) -> None:
    registry.token = "secret"
    client = client_of(registry, web)
    client.manifest("app", "1", Interrupt())
    assert blob(client) == CONTENT
    assert registry.asked["/token"] == 1


def test_credentials_go_to_the_token_server(registry: FakeRegistry, web: Web) -> None:
    registry.token = "secret"
    registry.credentials = "Basic " + base64.b64encode(b"me:pass").decode()
    client_of(registry, web, AuthConfig(username="me", password="pass")).manifest("app", "1", Interrupt())
    joint = AuthConfig(auth=base64.b64encode(b"me:pass").decode())
    client_of(registry, web, joint).manifest("app", "1", Interrupt())
    with pytest.raises(Unauthorized):
        client_of(registry, web, AuthConfig(username="me", password="wrong")).manifest("app", "1", Interrupt())
    with pytest.raises(Refusal, match="authentication required"):
        client_of(registry, web).manifest("app", "1", Interrupt())


def test_mirrors_come_first_and_get_no_credentials(registry: FakeRegistry, web: Web) -> None:
    with serve_registry() as empty_mirror, serve_registry() as mirror:
        mirror.answers = registry.answers
        settings = RegistrySettings().with_mirrors(
            {registry.host: ("http://127.0.0.1:1", empty_mirror.url, mirror.url)}
        )
        client = RegistryClient(registry.host, settings, AuthConfig(username="me", password="pass"), web)
        client.manifest("app", "1", Interrupt())
        assert blob(client) == CONTENT
        assert empty_mirror.asked.total() == 1
        assert mirror.asked.total() == 2
        assert registry.asked.total() == 0
        web.close()


def test_what_no_mirror_has_comes_from_the_registry_itself(registry: FakeRegistry, web: Web) -> None:
    with serve_registry() as mirror:
        settings = RegistrySettings().with_mirrors({registry.host: (mirror.url,)})
        assert RegistryClient(registry.host, settings, None, web).manifest("app", "1", Interrupt()).digest
        web.close()


def test_an_unreachable_registry_is_named_with_the_mirrors_that_were_tried(web: Web) -> None:
    settings = RegistrySettings().with_mirrors({"127.0.0.1:1": ("http://127.0.0.1:2",)})
    with pytest.raises(
        Unreachable, match=r"registry 127\.0\.0\.1:1 cannot be reached: http://127\.0\.0\.1:2: .*refused"
    ):
        RegistryClient("127.0.0.1:1", settings, None, web).manifest("app", "1", Interrupt())


def test_a_no_of_a_mirror_counts_when_the_registry_cannot_be_reached(registry: FakeRegistry, web: Web) -> None:
    settings = RegistrySettings().with_mirrors({"127.0.0.1:1": (registry.url,)})
    with pytest.raises(Refusal) as raised:
        RegistryClient("127.0.0.1:1", settings, None, web).manifest("app", "missing", Interrupt())
    assert raised.value.code == "MANIFEST_UNKNOWN"
    assert "127.0.0.1:1" in (raised.value.hint or "")


def test_redirects_are_followed_without_the_credentials(registry: FakeRegistry, web: Web) -> None:
    registry.token = "secret"
    client = client_of(registry, web)
    client.manifest("app", "1", Interrupt())
    with serve_registry() as elsewhere:
        elsewhere.answers["/there"] = ("x", CONTENT)
        registry.redirect("/blobs/", f"{elsewhere.url}/there")
        assert blob(client) == CONTENT
        assert registry.authorised[-1] == "Bearer secret"
        assert elsewhere.asked["/there"] == 1
        assert elsewhere.authorised == []
        web.close()


def test_a_token_that_ends_in_the_middle_is_fetched_anew_and_the_blob_goes_on(registry: FakeRegistry, web: Web) -> None:
    registry.token = "first"
    client = client_of(registry, web)
    client.manifest("app", "1", Interrupt())
    registry.token = "second"
    registry.faults.append(Fault("/blobs/", cut_after=500_000, times=2))  # the first is answered by 401
    assert blob(client) == CONTENT
    assert registry.ranges == ["bytes=500000-"]
    assert registry.asked["/token"] == 2


def test_a_registry_that_never_likes_its_own_tokens_is_given_up(registry: FakeRegistry, web: Web) -> None:
    registry.token = "x"
    challenge = {"WWW-Authenticate": f'Bearer realm="{registry.url}/token",service="fake"'}
    registry.faults.append(Fault("/manifests/", times=99, status=401, headers=challenge))
    with pytest.raises(Refusal, match="401"):
        client_of(registry, web).manifest("app", "1", Interrupt())
    assert registry.asked["/token"] <= 2


@pytest.mark.parametrize("page", [b'{"tags": []}', b'{"tags": null}', b"{}"])
def test_pages_of_tags_without_end_end(registry: FakeRegistry, web: Web, page: bytes) -> None:
    path = "/v2/app/tags/list"
    registry.answers[path] = ("application/json", page)
    registry.links[path] = f'<{path}?n=1>; rel="next"'
    assert client_of(registry, web).tags("app", Interrupt()) == []
    registry.answers[path] = ("application/json", b'{"tags": ["a"]}')
    assert set(client_of(registry, web).tags("app", Interrupt())) == {"a"}


def test_tags_do_not_go_on_at_another_host(registry: FakeRegistry, web: Web) -> None:
    registry.answers["/v2/app/tags/list"] = ("application/json", b'{"tags": ["a"]}')
    registry.links["/v2/app/tags/list"] = '<http://127.0.0.1:1/x>; rel="next"'
    with pytest.raises(RegistryError, match="goes on elsewhere"):
        client_of(registry, web).tags("app", Interrupt())


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https://a:b/v2/",
        "https://a:99999/",
        "https://[::1/",
        f"https://{'x' * 64}/",
        "https://a..b/",
        "https://a\x00/",
    ],
)
def test_what_is_no_address_is_never_reached(web: Web, url: str) -> None:
    with pytest.raises(Unreachable, match="no address of a registry"):
        web.ask(Query(url), Interrupt())


def test_redirects_in_a_circle_end(registry: FakeRegistry, web: Web) -> None:
    registry.faults.append(Fault("/manifests/", times=99, status=302, headers={"Location": "/v2/app/manifests/1"}))
    with pytest.raises(RegistryError, match="without end"):
        client_of(registry, web).manifest("app", "1", Interrupt())


def test_work_that_waits_for_the_server_can_be_called_off(registry: FakeRegistry, web: Web) -> None:
    hold = threading.Event()
    registry.faults.append(Fault("/manifests/", hold=hold, times=9))
    interrupt = Interrupt()
    timer = threading.Timer(0.05, interrupt.trigger)
    timer.start()
    with pytest.raises(Interrupted):
        client_of(registry, web).manifest("app", "1", interrupt)
    hold.set()
    timer.join()
