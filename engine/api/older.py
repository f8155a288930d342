"""What older versions of the API did not know when a container is created, and what they had that is gone from `info`
(moby docs/api/version-history.md). Pure.

A client of such a version did not ask for these things, whatever its request says; what it could not have meant is
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from engine.errors import BadRequest
from engine.wire.containers import ContainerCreateRequest, HealthConfig
from engine.wire.http import Version
from engine.wire.system import SystemInfo


def as_of(request: ContainerCreateRequest, version: Version) -> ContainerCreateRequest:
    """The request as a Docker of that version's time read it. Raises `BadRequest`."""
    for since, change in _CHANGES:
        if version < since:
            request = change(request)
    return request


def info_as_of(info: SystemInfo, version: Version) -> SystemInfo:
    """What the engine says of itself to a client of that version: fields that went later are there, newer ones not."""
    if version < (1, 44):
        programs = {name: replace(runtime, status=UNSET) for name, runtime in info.runtimes.items()}
        info = replace(info, runtimes=programs)
    if version < (1, 42):
        info = replace(info, kernel_memory=False)
    return replace(info, bridge_nf_iptables=False, bridge_nf_ip6tables=False) if version < (1, 50) else info


def _shareable(request: ContainerCreateRequest) -> ContainerCreateRequest:
    host = request.host_config
    return replace(request, host_config=replace(host, ipc_mode=host.ipc_mode or "shareable"))


def _no_console_size(request: ContainerCreateRequest) -> ContainerCreateRequest:
    return replace(request, host_config=replace(request.host_config, console_size=[0, 0]))


def _no_annotations(request: ContainerCreateRequest) -> ContainerCreateRequest:
    return replace(request, host_config=replace(request.host_config, annotations={}))


def _no_start_interval(request: ContainerCreateRequest) -> ContainerCreateRequest:
    check: HealthConfig | None = request.healthcheck
    return replace(request, healthcheck=replace(check, start_interval=0)) if check else request


def _one_network(request: ContainerCreateRequest) -> ContainerCreateRequest:
    networking = request.networking_config
    names = networking.endpoints_config
    if len(names) > 1:
        raise BadRequest(f"Container cannot be created with multiple network endpoints: {', '.join(names)}")
    plain = {name: replace(settings, mac_address=request.mac_address) for name, settings in names.items()}
    return replace(request, networking_config=replace(networking, endpoints_config=plain))


def _no_subpaths(request: ContainerCreateRequest) -> ContainerCreateRequest:
    if any(mount.volume_options and mount.volume_options.subpath for mount in request.host_config.mounts):
        raise BadRequest("VolumeOptions.Subpath needs API v1.45 or newer")
    return request


def _no_images_nor_priorities(request: ContainerCreateRequest) -> ContainerCreateRequest:
    if any(mount.type == "image" for mount in request.host_config.mounts):
        raise BadRequest('Mount type "Image" needs API v1.48 or newer')
    networking = request.networking_config
    equal = {name: replace(settings, gw_priority=0) for name, settings in networking.endpoints_config.items()}
    return replace(request, networking_config=replace(networking, endpoints_config=equal))


_CHANGES: Final[tuple[tuple[Version, Callable[[ContainerCreateRequest], ContainerCreateRequest]], ...]] = (
    ((1, 40), _shareable),
    ((1, 42), _no_console_size),
    ((1, 43), _no_annotations),
    ((1, 44), _no_start_interval),
    ((1, 44), _one_network),
    ((1, 45), _no_subpaths),
    ((1, 48), _no_images_nor_priorities),
)
