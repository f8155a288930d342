"""Who may come in, and where."""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSStream

from engine.api.server import Door, serve
from engine.daemon import doors
from engine.daemon.doors import Certificates, Doors, listen_unix, socket_group
from engine.errors import BadRequest, Conflict, Unavailable
from tests.fakes.certificates import Authority
from tests.fakes.services import fake_engine

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def answered(doors: Sequence[Door]) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(partial(serve, fake_engine().services, doors, on_activity=lambda _: None))
        with anyio.fail_after(60):
            yield
        tasks.cancel_scope.cancel()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "authority")


def certificates(home: Path) -> Certificates:
    return Certificates(home / "ca.pem", home / "cert.pem", home / "key.pem")


def test_the_sockets_owner_and_group_may_connect_and_nobody_else(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    with listen_unix(tmp_path / "socket", group):
        status = (tmp_path / "socket").stat()
    assert stat.S_IMODE(status.st_mode) == 0o660
    assert status.st_gid == os.getgid()


def test_a_service_gives_its_socket_to_the_same_group_as_an_engine_started_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    assert socket_group(group) == socket_group(str(os.getgid())) == group
    monkeypatch.setattr(doors, "_GROUPS", ("nobodys-friends", group))
    assert socket_group() == group
    monkeypatch.setattr(doors, "_GROUPS", ("nobodys-friends",))
    assert socket_group() == ""


def test_a_group_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="there is no group 'nobodys-friends'"):
        listen_unix(tmp_path / "socket", "nobodys-friends")


def test_what_a_dead_engine_left_is_replaced(tmp_path: Path) -> None:
    listen_unix(tmp_path / "socket").close()  # closed without being removed
    with listen_unix(tmp_path / "socket"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))


def test_a_living_engines_socket_is_left_alone(tmp_path: Path) -> None:
    with listen_unix(tmp_path / "socket"), pytest.raises(Conflict, match="another engine answers"):
        listen_unix(tmp_path / "socket")


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("precious")
    with pytest.raises(Unavailable, match="not a socket"):
        listen_unix(tmp_path / "socket")
    assert (tmp_path / "socket").read_text() == "precious"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("tcp://0.0.0.0:2375", "whoever reaches this port would be root here"),
        ("tcp://127.0.0.1:0", "every user of this machine would be root"),
        ("tcp://127.0.0.1", "cannot listen on"),
        ("tcp://127.0.0.1:99999", "cannot listen on"),
        ("unix://relative", "cannot listen on"),
        ("fd://", "cannot listen on"),
        ("npipe://x", "cannot listen on"),
    ],
)
def test_a_door_that_would_be_open_to_everybody_is_not_made(tmp_path: Path, host: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        Doors(hosts=(host,)).open(tmp_path / "socket")
    assert not (tmp_path / "socket").exists()


async def test_plain_tcp_on_loopback_has_to_be_asked_for_and_is_warned_of(tmp_path: Path) -> None:
    asked = Doors(hosts=("tcp://127.0.0.1:0",), allows_plain_loopback=True)
    doors = asked.open(tmp_path / "socket")
    port = doors[1].listening.getsockname()[1]
    async with answered(doors), await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await client.receive()
    assert "without encryption" in asked.warnings()[0]
    assert not (tmp_path / "socket").exists()


async def test_a_client_with_a_certificate_is_answered(tmp_path: Path, authority: Authority) -> None:
    doors = Doors(hosts=("tcp://127.0.0.1:0",), certificates=certificates(authority.sign("server"))).open(
        tmp_path / "socket"
    )
    mine = authority.sign("client")
    context = ssl.create_default_context(cafile=mine / "ca.pem")
    context.load_cert_chain(mine / "cert.pem", mine / "key.pem")
    port = doors[1].listening.getsockname()[1]
    async with (
        answered(doors),
        await anyio.connect_tcp("127.0.0.1", port, ssl_context=context, tls_standard_compatible=False) as client,
    ):
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await client.receive()


@pytest.mark.parametrize("stranger", ["nobody", "signed by another", "plain"])
async def test_a_client_without_one_is_not(tmp_path: Path, authority: Authority, stranger: str) -> None:
    doors = Doors(hosts=("tcp://127.0.0.1:0",), certificates=certificates(authority.sign("server"))).open(
        tmp_path / "socket"
    )
    context = ssl.create_default_context(cafile=authority.directory / "ca.pem")
    if stranger == "signed by another":
        other = Authority.make(tmp_path / "other").sign("client")
        context.load_cert_chain(other / "cert.pem", other / "key.pem")
    port = doors[1].listening.getsockname()[1]
    async with answered(doors):
        with pytest.raises((ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream)):
            raw = await anyio.connect_tcp("127.0.0.1", port)
            async with (
                raw
                if stranger == "plain"
                else await TLSStream.wrap(
                    raw, hostname="127.0.0.1", ssl_context=context, standard_compatible=False
                ) as client
            ):
                await client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                await client.receive()
        async with await anyio.connect_unix(tmp_path / "socket") as friend:
            await friend.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await friend.receive()


def test_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="certificates for TCP cannot be used") as refused:
        Doors(certificates=certificates(tmp_path)).open(tmp_path / "socket")
    assert str(tmp_path / "ca.pem") in str(refused.value.hint)


_INHERITOR = """
import os, sys
from pathlib import Path
from engine.daemon.doors import Doors

os.dup2(int(sys.argv[2]), 3)
doors = Doors(inherited={"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}).open(Path(sys.argv[1]))
print(len(doors), doors[0].listening.fileno(), doors[0].listening.getsockname(), os.get_inheritable(3))
doors[0].close()
"""


def test_a_socket_that_systemd_has_made_is_taken_over_and_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        made.listen()
        child = subprocess.run(
            [sys.executable, "-c", _INHERITOR, str(path), str(made.fileno())],
            pass_fds=(made.fileno(),),
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
        )
    assert child.stdout.split() == ["1", "3", str(path), "False"]
    assert path.is_socket()
