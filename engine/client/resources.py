"""Network and volume calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.client.calls import Calls, Parameters
from engine.wire.filters import format_filters
from engine.wire.http import quoted
from engine.wire.networks import NetworkCreateRequest, NetworkCreateResponse, NetworkDisconnectRequest, NetworkInspect
from engine.wire.volumes import Volume, VolumeCreateRequest, VolumeList


class NetworkCalls(Calls):
    """`/networks/…`."""

    async def list_networks(self, *, filters: Mapping[str, Iterable[str]] | None = None) -> list[NetworkInspect]:
        """The networks, without the containers in them."""
        parameters: Parameters = {"filters": format_filters(filters) if filters else ""}
        return await self.fetch(list[NetworkInspect], "GET", "/networks", parameters)

    async def inspect_network(self, network: str) -> NetworkInspect:
        """Everything about one, with its containers."""
        return await self.fetch(NetworkInspect, "GET", f"/networks/{quoted(network)}")

    async def create_network(self, request: NetworkCreateRequest) -> NetworkCreateResponse:
        """Make one; `ApiError` 409 for a name that is taken."""
        return await self.fetch(NetworkCreateResponse, "POST", "/networks/create", body=request)

    async def remove_network(self, network: str) -> None:
        """Remove it; `ApiError` 403 while it is in use."""
        await self.call("DELETE", f"/networks/{quoted(network)}")

    async def disconnect_network(self, network: str, container: str, *, force: bool = False) -> None:
        """Take a container out of it."""
        body = NetworkDisconnectRequest(container=container, force=force)
        await self.call("POST", f"/networks/{quoted(network)}/disconnect", body=body)


class VolumeCalls(Calls):
    """`/volumes/…`."""

    async def list_volumes(self, *, filters: Mapping[str, Iterable[str]] | None = None) -> list[Volume]:
        """The volumes."""
        parameters: Parameters = {"filters": format_filters(filters) if filters else ""}
        return (await self.fetch(VolumeList, "GET", "/volumes", parameters)).volumes

    async def create_volume(self, request: VolumeCreateRequest) -> Volume:
        """Make it, or give the one of that name."""
        return await self.fetch(Volume, "POST", "/volumes/create", body=request)

    async def remove_volume(self, name: str, *, force: bool = False) -> None:
        """Remove it; `ApiError` 409 while a container refers to it."""
        await self.call("DELETE", f"/volumes/{quoted(name)}", {"force": force})
