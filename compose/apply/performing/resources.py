"""How networks and volumes are made."""

from __future__ import annotations

from compose.apply.performing.ending import Engine
from compose.apply.performing.run import Run
from compose.apply.requests.networks import network_request, volume_request
from compose.plan.actions import CreateNetwork, CreateVolume


async def create_network(run: Run[Engine], action: CreateNetwork) -> None:
    """Make it. Raises `EngineRefused`, `EngineUnavailable`."""
    with run.teller.telling(action), run.engine.shielded():  # what was begun is known, and can be taken back
        made = await run.engine.create_network(network_request(run.project, action.network))
        run.made.networks.append(action.network.name)
        run.teller.warn(action.network.name, [made.warning] if made.warning else [])


async def create_volume(run: Run[Engine], action: CreateVolume) -> None:
    """Make it. Raises `EngineRefused`, `EngineUnavailable`."""
    with run.teller.telling(action), run.engine.shielded():
        await run.engine.create_volume(volume_request(run.project, action.volume))
        run.made.volumes.append(action.volume.name)
