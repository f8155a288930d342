"""Networks in memory: everyone gets an address, nobody gets a packet."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import Conflict, NoSuchNetwork
from engine.network.records import EndpointRequest, NetworkRecord, Sandbox, SandboxRequest
from engine.wire.networks import EndpointSettings


class FakeNetworks:
    """The network service without a network."""

    def __init__(self) -> None:
        self.known = {
            name: NetworkRecord(id=f"{name:0<64}", name=name, driver="bridge", created_ns=1)
            for name in ("bridge", "app")
        }
        self.sandboxes: dict[str, Sandbox] = {}
        self.fail_next: Exception | None = None
        self.remembered: dict[str, Mapping[str, tuple[str, str]]] = {}

    def remember_addresses(self, container_id: str, addresses: Mapping[str, tuple[str, str]]) -> None:
        self.remembered[container_id] = addresses

    def get(self, name_or_id: str) -> NetworkRecord:
        for record in self.known.values():
            if name_or_id in (record.name, record.id):
                return record
        raise NoSuchNetwork(name_or_id)

    async def open_sandbox(self, request: SandboxRequest) -> Sandbox:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        if request.container_id in self.sandboxes:
            raise Conflict("the sandbox exists")
        sandbox = Sandbox(
            id=request.container_id,
            namespace=f"/netns/{request.container_id}",
            container_name=request.container_name,
            hostname=request.hostname,
            networks={self.get(one.network).name: _filled(one.settings) for one in request.endpoints},
            ports={port: list(bindings) for port, bindings in request.ports.items()},
            hosts="127.0.0.1\tlocalhost\n",
            resolv_conf="nameserver 127.0.0.11\n",
        )
        self.sandboxes[sandbox.id] = sandbox
        return sandbox

    async def close_sandbox(self, container_id: str) -> None:
        self.sandboxes.pop(container_id, None)

    def drop_namespace_now(self, container_id: str) -> None:
        """Real networks have a namespace to let go of."""

    async def adopt_sandbox(self, container_id: str) -> Sandbox | None:
        return self.sandboxes.get(container_id)

    def sandbox(self, container_id: str) -> Sandbox | None:
        return self.sandboxes.get(container_id)

    async def connect(self, container_id: str, request: EndpointRequest, container_name: str) -> Sandbox:
        sandbox = self.sandboxes[container_id]
        sandbox.networks[request.network] = _filled(request.settings)
        return sandbox

    async def disconnect(self, container_id: str, network: str) -> Sandbox:
        sandbox = self.sandboxes[container_id]
        del sandbox.networks[network]
        return sandbox

    async def rename(self, container_id: str, name: str) -> None:
        return


def _filled(wish: EndpointSettings) -> EndpointSettings:
    return EndpointSettings(aliases=wish.aliases, ip_address="10.0.0.2", ip_prefix_len=24, gateway="10.0.0.1")
