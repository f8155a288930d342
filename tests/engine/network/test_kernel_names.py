"""The name server inside a container's namespace under load."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Final

import pytest

from engine.network.names import dns
from engine.state.paths import Paths
from tests.engine.network.harness import running
from tests.engine.network.hosts import Host, end, network, wish

pytestmark = [pytest.mark.root, pytest.mark.anyio]

_QUESTIONS: Final = 1000


def ask_all_at_once() -> int:
    """Ask before any answer is read, each time from a socket of its own; returns how many were answered."""
    with ExitStack() as stack:
        askers = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(_QUESTIONS)]
        for asker in askers:
            asker.connect(("127.0.0.11", 53))
            asker.settimeout(60)
            asker.send(dns.query("app", dns.TYPE_A))
        return sum(dns.response_code(asker.recv(512)) == dns.NOERROR for asker in askers)


async def test_a_thousand_questions_at_once_are_all_answered(paths: Paths) -> None:
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front")
        for request in (web, app):
            await service.open_sandbox(request)
        assert await Host(paths, web).do(ask_all_at_once) == _QUESTIONS
        await end(service, web, app)
