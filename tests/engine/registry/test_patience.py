"""Servers that send a byte now and then: they must not hold anybody for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from engine.registry import web as web_module
from engine.registry.client import RegistryClient
from engine.registry.interrupt import Interrupt
from engine.registry.limits import Limits
from engine.registry.manifest import Descriptor
from engine.registry.patience import Pace
from engine.registry.settings import RegistrySettings
from engine.registry.web import Query, Unreachable, Web

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
BETWEEN_BYTES_SECONDS = 0.01
IMPATIENT_SECONDS = 0.2


@contextmanager
def trickling(at_once: bytes, trickle: bytes) -> Iterator[str]:
    """A server that sends something at once and then the other thing again and again, byte by byte; its host."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def attend(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(at_once)
            while True:
                for byte in trickle:
                    if done.wait(BETWEEN_BYTES_SECONDS):
                        return
                    connection.sendall(bytes([byte]))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


# Each test is impatient about one thing, the only way to see what happens in the end without waiting for it. The
# server, which may be slow to begin, has all its time for the rest.


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["status", "headers"])
def test_a_head_that_trickles_is_given_up(web: Web, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "_HEAD_SECONDS", IMPATIENT_SECONDS)
    with trickling(head, b"x") as host, pytest.raises(Unreachable, match="timed out"):
        web.ask(Query(f"http://{host}/v2/"), Interrupt())


def test_a_document_that_trickles_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "_SMALL_BODY_SECONDS", IMPATIENT_SECONDS)
    with (
        trickling(OK, b" ") as host,
        web.ask(Query(f"http://{host}/v2/"), Interrupt()) as answer,
        pytest.raises(Unreachable, match="timed out"),
    ):
        answer.body(2_000_000)


@pytest.mark.usefixtures("impatient")
def test_a_blob_that_trickles_is_given_up_after_some_tries(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "Pace", lambda least_bytes, _: Pace(least_bytes, IMPATIENT_SECONDS))
    with trickling(OK, b"\0") as host:
        client = RegistryClient(
            host, RegistrySettings(mirrors={host: (f"http://{host}",)}, limits=Limits(attempts=2)), None, web
        )
        with pytest.raises(Unreachable, match="next to nothing"):
            list(client.blob("app", Descriptor("sha256:" + "0" * 64, 1_000_000), Interrupt()))


def test_only_what_comes_while_somebody_waits_counts() -> None:
    pace = Pace(least_bytes=100, seconds=10)
    assert pace.took(9, 1)
    assert pace.took(1, 99), "just enough, and then it begins anew"
    assert pace.took(9.9, 0)
    assert not pace.took(0.1, 99)
