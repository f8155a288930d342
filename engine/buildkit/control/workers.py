"""The one worker: what builds here, as `docker buildx ls` and `inspect` show it. Pure."""

from __future__ import annotations

from typing import Final

from engine.buildkit.door import Facts
from engine.buildkit.messages.control_pb2 import BuildkitVersion, Platform, WorkerRecord
from engine.registry.platforms import host_platform

# By this label buildx finds what `host-gateway` stands for.
_GATEWAY: Final = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"


def worker(facts: Facts) -> WorkerRecord:
    """The worker's record."""
    here = host_platform()
    return WorkerRecord(
        id=facts.engine_id,
        labels={_GATEWAY: facts.gateway} if facts.gateway else {},
        platforms=[Platform(architecture=here.architecture, os=here.os, variant=here.variant)],
        buildkit_version=BuildkitVersion(package="pycompose", version=f"v{facts.version.removeprefix('v')}"),
    )
