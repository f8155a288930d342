"""How containers are made and brought to life."""

from __future__ import annotations

from typing import TypeAlias

from msgspec.structs import replace

from compose.apply.performing.ending import Engine
from compose.apply.performing.run import Run
from compose.apply.refusals import refusals
from compose.apply.requests.containers import container_request
from compose.apply.requests.mounts import inline_files
from compose.plan.actions import (
    CreateContainer,
    DisconnectNetwork,
    RenameContainer,
    RestartContainer,
    StartContainer,
)
from compose.plan.images import image_id

Living: TypeAlias = CreateContainer | StartContainer | RestartContainer | RenameContainer | DisconnectNetwork


async def bring_to_life(run: Run[Engine], action: Living) -> None:
    """Make the calls that `action` stands for. Raises `ComposeError`."""
    match action:
        case CreateContainer():
            await _create(run, action)
        case StartContainer():
            await _start(run, action)
        case RestartContainer():
            await _restart(run, action)
        case RenameContainer():
            await _rename(run, action)
        case DisconnectNetwork():
            await _disconnect(run, action)


async def _create(run: Run[Engine], action: CreateContainer) -> None:
    with run.teller.telling(action):
        action = await _with_living_volumes(run, action)
        local_id = run.image_ids.get(action.image) or image_id(run.observed, action.image)
        request = container_request(run.project, action, local_id, run.identities.stand_ins())
        files = inline_files(run.project, action.service)
        with run.engine.shielded():  # what was begun is known to be there, and can be taken back
            made = await run.engine.create_container(action.name, request, platform=action.service.platform)
            run.made.containers[made.id] = action
            run.teller.warn(action.service.name, made.warnings)
        if files:
            await run.put_files(made.id, files)
    run.identities.made(action, made.id)


async def _with_living_volumes(run: Run[Engine], action: CreateContainer) -> CreateContainer:
    """The act without those anonymous volumes that neither service nor image has any more, or that were lent."""
    declared = {mount.target for mount in action.service.volumes}
    if all(mount.destination in declared for mount in action.inherited):
        return action
    declared |= set((await run.engine.inspect_image(action.image)).config.volumes)
    return replace(action, inherited=tuple(item for item in action.inherited if item.destination in declared))


async def _start(run: Run[Engine], action: StartContainer) -> None:
    with run.teller.telling(action, fine=(304,)):
        container = run.identities.of(action.container)
        service = run.project.services.get(action.service)
        if service and container in run.untried and (files := inline_files(run.project, service)):
            await run.put_files(container, files)
        await run.engine.start_container(container)
        if service:
            await run.run_hooks(container, action.container, service.post_start)
        run.started.add(container)


async def _restart(run: Run[Engine], action: RestartContainer) -> None:
    with run.teller.telling(action):
        service = run.project.services.get(action.service)
        if service:
            await run.run_hooks(action.container_id, action.container, service.pre_stop)
        await run.engine.restart_container(action.container_id, timeout_seconds=action.timeout_seconds)
        if service:
            await run.run_hooks(action.container_id, action.container, service.post_start)


async def _rename(run: Run[Engine], action: RenameContainer) -> None:
    container = run.identities.of(action.container)
    with refusals(f"renaming container {action.container}"):
        await run.engine.rename_container(container, action.new_name)
    run.identities.renamed(container, action.new_name)


async def _disconnect(run: Run[Engine], action: DisconnectNetwork) -> None:
    with refusals(f"disconnecting container {action.container} from network {action.network}", fine=(404,)):
        await run.engine.disconnect_network(action.network, action.container_id, force=True)
