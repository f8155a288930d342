"""How containers are made, brought to life and waited for; before they stop, their services' hooks run."""

from __future__ import annotations

import time
from typing import TypeAlias

import anyio
from msgspec.structs import replace

from compose.apply.hooks import HookNotRun, run_hooks
from compose.apply.performing.ending import Ends
from compose.apply.performing.run import Run
from compose.apply.performing.telling import Teller
from compose.apply.refusals import refusals
from compose.apply.requests.containers import container_request
from compose.apply.requests.files import archive
from compose.apply.requests.mounts import InlineFile, inline_files
from compose.errors import ServiceFailed
from compose.model.project import Project
from compose.plan.actions import (
    CreateContainer,
    DisconnectNetwork,
    RenameContainer,
    RestartContainer,
    StartContainer,
    StopContainer,
    WaitFor,
)
from compose.plan.images import image_id
from compose.plan.telling.progress import Phase
from engine.client import EngineClient

_TAKING_BACK_SECONDS = 10

Living: TypeAlias = CreateContainer | StartContainer | RestartContainer | RenameContainer | DisconnectNetwork | WaitFor


async def bring_to_life(run: Run, action: Living) -> None:
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
        case WaitFor():
            await _wait(run, action)


class HookedEnds(Ends[EngineClient]):
    """Ends of containers whose services may have something to say before."""

    def __init__(self, engine: EngineClient, project: Project, teller: Teller) -> None:
        super().__init__(engine, teller)
        self._project = project

    async def before_stop(self, action: StopContainer) -> None:
        """Run the hooks of its service. Raises `ServiceFailed`, and then the container is not removed either."""
        service = self._project.services.get(action.service)
        if service is None:
            return
        self.unready.add(action.container_id)
        try:
            await run_hooks(self.engine, action.container_id, action.container, service.pre_stop)
        except HookNotRun:
            self.unready.discard(action.container_id)
            raise
        self.unready.discard(action.container_id)


async def _create(run: Run, action: CreateContainer) -> None:
    with run.teller.telling(action):
        action = await _with_living_volumes(run, action)
        local_id = run.image_ids.get(action.image) or image_id(run.observed, action.image)
        request = container_request(run.project, action, local_id, run.identities.stand_ins())
        files = inline_files(run.project, action.service)
        with anyio.CancelScope(shield=True):  # what was begun is known to be there, and can be taken back
            made = await run.engine.create_container(action.name, request, platform=action.service.platform)
            run.made.containers[made.id] = action
        if files:
            await _put_files(run, made.id, files)
    run.identities.made(action, made.id)


async def _with_living_volumes(run: Run, action: CreateContainer) -> CreateContainer:
    """The act without those anonymous volumes that neither service nor image has any more, or that were lent."""
    declared = {mount.target for mount in action.service.volumes}
    if all(mount.destination in declared for mount in action.inherited):
        return action
    declared |= set((await run.engine.inspect_image(action.image)).config.volumes)
    return replace(action, inherited=tuple(item for item in action.inherited if item.destination in declared))


async def _put_files(run: Run, container: str, files: list[InlineFile]) -> None:
    try:
        await run.engine.put_archive(container, "/", archive(files, now=time.time()))
    except BaseException:
        # A container without its files must not be started by the next `up` as if it were complete.
        with anyio.move_on_after(_TAKING_BACK_SECONDS, shield=True), refusals("removing the container", fine=(404,)):
            await run.engine.remove_container(container, force=True, volumes=True)
        raise


async def _start(run: Run, action: StartContainer) -> None:
    with run.teller.telling(action, fine=(304,)):
        container = run.identities.of(action.container)
        service = run.project.services.get(action.service)
        if service and container in run.untried and (files := inline_files(run.project, service)):
            await _put_files(run, container, files)
        run.patience.begin()
        await run.engine.start_container(container)
        if service:
            await run_hooks(run.engine, container, action.container, service.post_start)
        run.started.add(container)


async def _restart(run: Run, action: RestartContainer) -> None:
    with run.teller.telling(action):
        service = run.project.services.get(action.service)
        if service:
            await run_hooks(run.engine, action.container_id, action.container, service.pre_stop)
        await run.engine.restart_container(action.container_id, timeout_seconds=action.timeout_seconds)
        if service:
            await run_hooks(run.engine, action.container_id, action.container, service.post_start)


async def _rename(run: Run, action: RenameContainer) -> None:
    container = run.identities.of(action.container)
    with refusals(f"renaming container {action.container}"):
        await run.engine.rename_container(container, action.new_name)
    run.identities.renamed(container, action.new_name)


async def _disconnect(run: Run, action: DisconnectNetwork) -> None:
    with refusals(f"disconnecting container {action.container} from network {action.network}", fine=(404,)):
        await run.engine.disconnect_network(action.network, action.container_id, force=True)


async def _wait(run: Run, action: WaitFor) -> None:
    assert run.waiter, "a plan with waits is run with a waiter"
    run.patience.begin()
    for words in action.told:
        run.teller.say(words.resource, words.verb.doing, Phase.WORKING)
    try:
        await run.waiter.until(action, run.identities.by_name, run.started)
    except ServiceFailed as exc:
        phase = Phase.FAILED if action.is_required else Phase.WARNING
        for words in action.told:
            run.teller.say(words.resource, "Error", phase, exc.message.splitlines()[0])
        if action.is_required:
            raise
    else:
        for words in action.told:
            run.teller.say(words.resource, words.verb.done)
