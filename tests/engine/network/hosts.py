"""Containers as a network test sees them: wishes for sandboxes, and what a program inside one would do."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from engine.kernel.namespaces import inside_network
from engine.network.names import dns
from engine.network.service import EndpointRequest, NetworkService, SandboxRequest
from engine.state.paths import Paths
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from tests.fakes.addresses import own_outside

T = TypeVar("T")
DEFAULT = ("bridge", "default")


def wish(name: str, *networks: str, **changes: object) -> SandboxRequest:
    values: dict[str, object] = {
        "container_id": name.encode().hex().ljust(64, "0"),
        "container_name": name,
        "hostname": name,
        "endpoints": tuple(
            EndpointRequest(network, EndpointSettings(aliases=[] if network in DEFAULT else [f"{name}-alias"]))
            for network in networks
        ),
    }
    return SandboxRequest(**{**values, **changes})  # type: ignore[arg-type]


def publish(**bindings: PortBinding) -> dict[str, tuple[PortBinding, ...]]:
    """`publish(tcp=PortBinding(…))` publishes port 80."""
    return {f"80/{protocol}": (binding,) for protocol, binding in bindings.items()}


class Host:
    """The inside of one container: what a program there would do."""

    def __init__(self, paths: Paths, request: SandboxRequest) -> None:
        self._path = paths.namespaces / request.container_id

    async def do(self, act: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(partial(inside_network, self._path, act))

    async def resolve(self, name: str, kind: int = dns.TYPE_A) -> tuple[int, list[str]]:
        """The code and, for A, the addresses that the embedded server answers with."""
        answer = await self.do(partial(ask, dns.query(name, kind, 7)))
        return dns.response_code(answer), addresses(answer, name, 4 if kind == dns.TYPE_A else 16)

    async def call(self, address: str, port: int, *, within_seconds: float = 30) -> str:
        """What a server answers: the address that it saw."""
        return await self.do(partial(call, address, port, within_seconds))

    @contextmanager
    def serving(self, port: int = 80, *, family: socket.AddressFamily = socket.AF_INET) -> Iterator[None]:
        """A TCP server that tells its callers who they are."""

        def listen() -> socket.socket:
            return socket.create_server(("", port), family=family)

        server = inside_network(self._path, listen)
        thread = threading.Thread(target=_serve, args=(server,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RD)
            thread.join()
            server.close()


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, caller = server.accept()
        except OSError:
            return
        with connection, suppress(ConnectionError):  # who gave up waiting is not told
            connection.sendall(caller[0].encode())


def call(address: str, port: int, within_seconds: float = 30) -> str:
    with socket.create_connection((address, port), timeout=within_seconds) as client:
        return client.recv(100).decode()


def udp_server() -> socket.socket:
    """A socket that hears what is sent to port 80, for `Host.do`."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 80))
    server.settimeout(60)
    return server


def ask(query: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.sendto(query, ("127.0.0.11", 53))
        return client.recv(4096)


def addresses(answer: bytes, name: str, size: int) -> list[str]:
    end = 12 + len(dns.encode_name(name)) + 4
    records = [answer[start : start + 12 + size] for start in range(end, len(answer), 12 + size)]
    return [str(ipaddress.ip_address(record[12:])) for record in records]


def command(*words: str | Path) -> None:
    """Do to the kernel what an administrator might do, between two awaits."""
    subprocess.run(words, check=True)


@contextmanager
def host_address() -> Iterator[str]:
    """An address of the host that is not loopback, on a link of the test."""
    link, address = f"pctest{os.getpid()}", str(own_outside()[1])
    command("ip", "link", "add", link, "type", "bridge")
    try:
        command("ip", "address", "add", f"{address}/32", "dev", link)
        command("ip", "link", "set", link, "up")
        yield address
    finally:
        command("ip", "link", "delete", link)


@contextmanager
def link_pair() -> Iterator[tuple[str, str]]:
    """Two ends of a cable on the host."""
    ends = f"pcta{os.getpid()}", f"pctb{os.getpid()}"
    command("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    try:
        for each in ends:
            command("ip", "link", "set", each, "up")
        yield ends
    finally:
        command("ip", "link", "delete", ends[0])


async def network(service: NetworkService, name: str, **changes: object) -> None:
    await service.create(NetworkCreateRequest(name=name, **changes))  # type: ignore[arg-type]


async def end(service: NetworkService, *requests: SandboxRequest) -> None:
    """Close these and remove all networks of users."""
    for request in requests:
        await service.close_sandbox(request.container_id)
    await service.prune(lambda _record: True)
