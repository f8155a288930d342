"""A project's networks and volumes on the wire."""

from __future__ import annotations

from compose.model.project import Network, Project, Volume
from compose.plan import labels
from compose.plan.hashing import network_hash, volume_hash
from engine.wire.networks import IPAM, IPAMConfig, NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest


def network_request(project: Project, network: Network) -> NetworkCreateRequest:
    """The request for one of the project's networks."""
    ipam = None
    if network.ipam.driver or network.ipam.config or network.ipam.options:
        pools = [
            IPAMConfig(
                subnet=pool.subnet,
                ip_range=pool.ip_range,
                gateway=pool.gateway,
                auxiliary_addresses=dict(pool.aux_addresses),
            )
            for pool in network.ipam.config
        ]
        ipam = IPAM(driver=network.ipam.driver or "default", config=pools, options=dict(network.ipam.options) or None)
    return NetworkCreateRequest(
        name=network.name,
        driver=network.driver or "bridge",
        internal=network.internal,
        attachable=network.attachable,
        ipam=ipam,
        enable_ipv4=network.enable_ipv4 is not False,
        enable_ipv6=bool(network.enable_ipv6),
        options=dict(network.driver_opts),
        labels=labels.network_labels(project, network, network_hash(project, network)),
    )


def volume_request(project: Project, volume: Volume) -> VolumeCreateRequest:
    """The request for one of the project's volumes."""
    return VolumeCreateRequest(
        name=volume.name,
        driver=volume.driver or "local",
        driver_opts=dict(volume.driver_opts),
        labels=labels.volume_labels(project, volume, volume_hash(project, volume)),
    )
