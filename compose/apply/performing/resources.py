"""How images, networks and volumes are had, and what programs provide."""

from __future__ import annotations

from typing import TypeAlias

import anyio

from compose.apply.performing.run import Run
from compose.apply.pulling import pull
from compose.apply.requests.networks import network_request, volume_request
from compose.plan.actions import BuildImage, CreateNetwork, CreateVolume, PullImage, RunProvider
from compose.plan.telling.progress import Phase

Provision: TypeAlias = PullImage | BuildImage | CreateNetwork | CreateVolume | RunProvider


async def provide(run: Run, action: Provision) -> None:
    """Make the call that `action` stands for. Raises `ComposeError`."""
    match action:
        case PullImage():
            await _pull(run, action)
        case BuildImage():
            await _build(run, action)
        case CreateNetwork():
            await _create_network(run, action)
        case CreateVolume():
            await _create_volume(run, action)
        case RunProvider():
            await _run_provider(run, action)


async def _pull(run: Run, action: PullImage) -> None:
    image = action.image
    with run.teller.failing(action.words.resource, f"pulling {image}"):
        await pull(run.engine, image, action.platform, run.teller.report, run.calling_off.answered)
        run.image_ids[image] = (await run.engine.inspect_image(image)).id


async def _build(run: Run, action: BuildImage) -> None:
    from compose.apply.building.images import build  # most plans build nothing

    with run.teller.failing(action.words.resource, f"building service {action.service.name}"):
        run.image_ids[action.image] = await build(run.engine, run.project, action, run.teller.report)


async def _create_network(run: Run, action: CreateNetwork) -> None:
    with run.teller.telling(action):
        with anyio.CancelScope(shield=True):  # what was begun is known to be there, and can be taken back
            await run.engine.create_network(network_request(run.project, action.network))
            run.made.networks.append(action.network.name)


async def _create_volume(run: Run, action: CreateVolume) -> None:
    with run.teller.telling(action):
        with anyio.CancelScope(shield=True):
            await run.engine.create_volume(volume_request(run.project, action.volume))
            run.made.volumes.append(action.volume.name)


async def _run_provider(run: Run, action: RunProvider) -> None:
    from compose.apply.programs.providing import run_provider  # hardly any project has one

    name = action.service.name

    def tell(text: str) -> None:
        run.teller.say(name, text, Phase.WORKING)

    with run.teller.telling(action):
        run.variables[name] = await run_provider(action, run.project, run.engine.address, tell)
