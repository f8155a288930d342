"""Consoles over a socket whose other end the test holds in place of conmon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from engine.runtime.console import STDOUT, AttachedConsole

pytestmark = pytest.mark.anyio


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "attach"))
        listener.listen()
        yield listener


async def test_output_is_kept_when_the_monitor_ends_before_it_has_read_all_input(
    tmp_path: Path, listener: socket.socket
) -> None:
    console = AttachedConsole.connect(tmp_path)
    monitor, _ = listener.accept()
    await console.send(b"nobody reads this")
    monitor.send(bytes([STDOUT + 1]) + b"the answer")
    monitor.close()
    assert await console.receive() == (STDOUT, b"the answer")
    with pytest.raises(anyio.EndOfStream):
        await console.receive()
    await console.aclose()


async def test_a_monitor_that_ends_before_it_has_taken_the_connection_ends_it(
    tmp_path: Path, listener: socket.socket
) -> None:
    console = AttachedConsole.connect(tmp_path)
    listener.close()
    with pytest.raises(anyio.EndOfStream):
        await console.receive()
    await console.aclose()
