"""`docker import`: images of archives of file systems."""

from __future__ import annotations

import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.errors import BadRequest, EngineError, InvalidLayer
from engine.images.archives.taking_in import ImportOptions, download, source_url
from engine.wire.containers import ContainerConfig
from tests.engine.images.bundles import in_pieces
from tests.engine.images.conftest import Machine
from tests.engine.storage.archives import archive, entry, folder, symlink
from tests.fakes.registry import tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

FILES = tar_of({"etc/a": b"one"})


async def test_an_archive_becomes_an_image_of_one_layer(machine: Machine) -> None:
    options = ImportOptions("app:1", comment="flat", platform="linux/s390x", config=ContainerConfig(cmd=["run"]))
    image_id = await machine.images.take_in(in_pieces(FILES), options)
    image = machine.images.get("app:1")
    assert image.id == image_id
    assert (image.architecture, image.comment, image.config.cmd) == ("s390x", "flat", ["run"])
    assert [(step.comment, step.size) for step in machine.images.history(image)] == [("flat", 3)]
    assert (machine.images.inventory.layers.path(image.chain_ids[0]) / "etc/a").read_text() == "one"
    assert [event.action for event in await machine.heard()] == ["tag", "import"]


async def test_the_same_files_make_the_same_layer_whatever_archive_they_came_in(machine: Machine) -> None:
    data = archive(folder("etc"), entry("etc/a", content=b"one"))
    await machine.images.take_in(in_pieces(data), ImportOptions("app:1"))
    await machine.images.take_in(in_pieces(gzip.compress(data + bytes(5000))), ImportOptions("app:2"))
    assert machine.images.get("app:1").diff_ids == machine.images.get("app:2").diff_ids


async def test_an_empty_archive_is_an_image_without_files(machine: Machine) -> None:
    await machine.images.take_in(in_pieces(b""), ImportOptions("app:1"))
    image = machine.images.get("app:1")
    assert (image.size, len(image.diff_ids)) == (0, 1)


async def cut_off() -> AsyncIterator[bytes]:
    yield FILES[:700]
    raise ConnectionResetError("gone")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (in_pieces(b"nonsense" * 100), InvalidLayer),
        (in_pieces(FILES[:700]), InvalidLayer),
        (in_pieces(archive(entry("../../outside"))), InvalidLayer),
        (in_pieces(archive(symlink("etc", "/"), entry("etc/../../x"))), InvalidLayer),
        (cut_off(), (ConnectionResetError, EngineError)),
    ],
)
async def test_what_is_no_whole_archive_is_refused_without_a_trace(
    machine: Machine, data: AsyncIterator[bytes], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await machine.images.take_in(data, ImportOptions("app:1"))
    assert machine.images.all() == []
    assert machine.files() == []


@pytest.mark.parametrize("options", [ImportOptions("Not A Name"), ImportOptions("a:1", platform="a/b/c/d")])
async def test_a_wrong_name_or_platform_is_refused_without_a_trace(machine: Machine, options: ImportOptions) -> None:
    with pytest.raises(BadRequest):
        await machine.images.take_in(in_pieces(FILES), options)
    assert machine.files() == []


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/files.tar":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(FILES)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    """A server that has the archive as files.tar."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_an_archive_can_be_fetched(machine: Machine, address: str) -> None:
    await machine.images.take_in(download(f"{address}/files.tar"), ImportOptions("app:1"))
    assert machine.images.get("app:1").size == 3
    with pytest.raises(EngineError, match="cannot be fetched: 404"):
        await machine.images.take_in(download(f"{address}/none"), ImportOptions("app:2"))
    assert len(machine.images.all()) == 1


@pytest.mark.parametrize("host", ["x" * 64, "a..b", "🐳", "a:b"])
async def test_an_address_that_cannot_be_is_not_fetched(machine: Machine, host: str) -> None:
    with pytest.raises(EngineError, match="cannot be fetched"):
        await machine.images.take_in(download(f"http://{host}/files.tar"), ImportOptions("app:1"))


def test_a_source_is_an_address_of_the_web() -> None:
    assert source_url("example.org/x.tar") == "http://example.org/x.tar"
    assert source_url("https://example.org/x.tar") == "https://example.org/x.tar"
    for wrong in ("file:///etc/passwd", "ftp://x/y", "http://"):
        with pytest.raises(BadRequest):
            source_url(wrong)
