"""Carry out a plan: one task group, each step as soon as its own prerequisites are done."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext

import anyio
from msgspec.structs import replace

from compose.apply.acts import Acts
from compose.apply.calling_off import CallingOff
from compose.apply.course import Course
from compose.apply.hooks import HookNotRun, run_hooks
from compose.apply.pulling import pull
from compose.apply.refusals import refusals
from compose.apply.requests.containers import container_request
from compose.apply.requests.files import archive
from compose.apply.requests.mounts import InlineFile, inline_files
from compose.apply.requests.networks import network_request, volume_request
from compose.apply.subjects import subject_of
from compose.apply.unmaking import Made, is_taken_back, unmake
from compose.apply.waiting import Waiter, watching
from compose.errors import ComposeError, ServiceFailed, raise_all
from compose.model.project import Project
from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    PullImage,
    RenameContainer,
    RestartContainer,
    RunProvider,
    StartContainer,
    StopContainer,
    WaitFor,
)
from compose.plan.images import image_id
from compose.plan.observed import Observed
from compose.plan.steps import Plan, Step
from compose.plan.telling.progress import Phase, Report
from compose.plan.telling.trace import Span, Trace
from engine.client import EngineClient


async def execute(  # noqa: PLR0913 - what, where, and how it is told
    plan: Plan,
    *,
    engine: EngineClient,
    project: Project,
    observed: Observed,
    report: Report,
    keep_going: bool = False,
    trace: Trace | None = None,
    patience_seconds: float | None = None,
    variables: dict[str, Mapping[str, str]] | None = None,
) -> frozenset[str]:
    """Do every step of `plan` and report each; returns the ids of the containers that were started.

    The first failure ends the rest and is raised (`EngineRefused`, `ServiceFailed`, …); images that are refused are
    raised together. With `keep_going`, as a teardown wants it, every step is tried and all failures are raised
    together. Several come in an `ExceptionGroup`.
    Before a first failure is raised, what was made for nothing is removed again (see `unmaking`).
    Cancellation leaves finished steps as they are. A `trace` gets the time of every step. When `patience_seconds`
    have passed since the first start and not everything is as waited for, that is a `ServiceFailed`, too.
    `variables` get what the programs of providers tell, by service.
    """
    run = _Run(engine, project, observed, report)
    run.patience_seconds = math.inf if patience_seconds is None else patience_seconds
    run.variables = {} if variables is None else variables
    await run.all(plan, keep_going=keep_going, spans=trace.begin(plan) if trace else [])
    return frozenset(run.started)


class _Run(Acts[EngineClient]):
    """One execution: what was made so far, and how each act is done."""

    def __init__(self, engine: EngineClient, project: Project, observed: Observed, report: Report) -> None:
        super().__init__(engine, project, report)
        self.observed = observed
        # Names change while containers are replaced, so everything goes by ids.
        self.ids = {item.name: item.id for item in observed.containers}
        # By service, (name, id) of the container that stands for it where namespaces or volumes are shared.
        self.providers = {
            item.service: found for item in observed.containers if (found := observed.provider(item.service))
        }
        # Made by an earlier run and never started: that may have been cut off before it put their files into them.
        self.untried = {item.id for item in observed.containers if item.state == "created"}
        self.image_ids: dict[str, str] = {}
        self.failures: list[ComposeError] = []
        self.calling_off = CallingOff()
        self.started: set[str] = set()
        self.made = Made(removed=self.removed)
        self.waiter: Waiter | None = None
        self.patience_seconds = math.inf
        self.variables: dict[str, Mapping[str, str]] = {}
        self.patience = anyio.CancelScope()

    async def all(self, plan: Plan, *, keep_going: bool, spans: list[Span]) -> None:
        async with AsyncExitStack() as stack:
            if any(isinstance(step.action, WaitFor) for step in plan.steps):
                self.waiter = await stack.enter_async_context(watching(self.engine, self.project.name))
            with self.patience:
                await self._steps(plan, keep_going=keep_going, spans=spans)
            if self.patience.cancelled_caught and self.waiter and not self.failures:
                self.failures.append(await self.waiter.late(self.patience_seconds))
        if self.failures and not keep_going and is_taken_back(self.failures[0]):
            await unmake(self.engine, self.made, self.started, self._taken_back)
        raise_all(self.failures)

    async def _steps(self, plan: Plan, *, keep_going: bool, spans: list[Span]) -> None:
        course = Course(plan)
        async with anyio.create_task_group() as tasks:

            async def run(step: Step) -> None:
                with self.calling_off.doing(step.action):
                    began = time.monotonic()
                    try:
                        # Waiting takes no turn: what it waits for may need the last one.
                        async with nullcontext() if isinstance(step.action, WaitFor) else self.engine.turn():
                            await self.perform(step.action)
                    except ComposeError as exc:
                        self._fail(step, exc, keep_going=keep_going)
                    spans.append(Span(step, began, time.monotonic()))
                    for other in () if self.calling_off.is_off else course.after(step):
                        tasks.start_soon(run, other, name=f"step {other.number}")

            for step in course.first():
                tasks.start_soon(run, step, name=f"step {step.number}")

    def _fail(self, step: Step, error: ComposeError, *, keep_going: bool) -> None:
        if not error.subject and is_taken_back(error):
            error.subject = subject_of(self.project, step.action, error.message)
        # What fails while the rest ends because of another failure would only blur that one.
        if keep_going or not self.failures or isinstance(step.action, PullImage):
            self.failures.append(error)
        if not keep_going:
            self.calling_off.off(step.action)

    async def perform(self, action: Action) -> None:  # noqa: PLR0912, C901 - one case per act
        """Make the call that `action` stands for."""
        match action:
            case PullImage():
                await self._pull(action)
            case BuildImage():
                await self._build(action)
            case CreateNetwork():
                await self._create_network(action)
            case DisconnectNetwork():
                await self._disconnect(action)
            case CreateVolume():
                await self._create_volume(action)
            case CreateContainer():
                await self._create_container(action)
            case StartContainer():
                await self._start(action)
            case RestartContainer():
                await self._restart(action)
            case RenameContainer():
                await self._rename(action)
            case RunProvider():
                await self._run_provider(action)
            case WaitFor():
                await self._wait(action)
            case _:
                await self.end(action)

    def _taken_back(self, resource: str) -> None:
        if resource not in self.failed:  # what has failed goes on being shown as such
            self.say(resource, "Removed")

    async def _pull(self, action: PullImage) -> None:
        resource = f"Image {action.image}"
        try:
            with refusals(f"pulling {action.image}"):
                await pull(self.engine, action.image, action.platform, self.report, self.calling_off.answered)
                self.image_ids[action.image] = (await self.engine.inspect_image(action.image)).id
        except ComposeError:
            self.say(resource, "Error", Phase.FAILED)
            raise

    async def _build(self, action: BuildImage) -> None:
        from compose.apply.building.images import build  # most plans build nothing

        resource = f"Image {action.image}"
        try:
            with refusals(f"building service {action.service.name}"):
                self.image_ids[action.image] = await build(self.engine, self.project, action, self.report)
        except ComposeError:
            self.say(resource, "Error", Phase.FAILED)
            raise

    async def _create_network(self, action: CreateNetwork) -> None:
        name = action.network.name
        with self.telling(action):
            with anyio.CancelScope(shield=True):  # what was begun is known to be there, and can be taken back
                await self.engine.create_network(network_request(self.project, action.network))
                self.made.networks.append(name)

    async def _create_volume(self, action: CreateVolume) -> None:
        name = action.volume.name
        with self.telling(action):
            with anyio.CancelScope(shield=True):
                await self.engine.create_volume(volume_request(self.project, action.volume))
                self.made.volumes.append(name)

    async def _create_container(self, action: CreateContainer) -> None:
        with self.telling(action):
            action = await self._heir(action)
            local_id = self.image_ids.get(action.image) or image_id(self.observed, action.image)
            providers = {service: identity for service, (_, identity) in self.providers.items()}
            request = container_request(self.project, action, local_id, providers)
            files = inline_files(self.project, action.service)
            with anyio.CancelScope(shield=True):
                made = await self.engine.create_container(action.name, request, platform=action.service.platform)
                self.made.containers[made.id] = action
            if files:
                await self._put_files(made.id, files)
        self.ids[action.name] = self.ids[action.final_name] = made.id
        provider = self.providers.get(action.service.name)
        if not action.slug and (provider is None or provider[1] == action.replaces or action.final_name <= provider[0]):
            self.providers[action.service.name] = (action.final_name, made.id)

    async def _heir(self, action: CreateContainer) -> CreateContainer:
        """The act without those anonymous volumes that neither service nor image has any more, or that were lent."""
        declared = {mount.target for mount in action.service.volumes}
        if all(mount.destination in declared for mount in action.inherited):
            return action
        declared |= set((await self.engine.inspect_image(action.image)).config.volumes)
        return replace(action, inherited=tuple(item for item in action.inherited if item.destination in declared))

    async def _put_files(self, container: str, files: list[InlineFile]) -> None:
        try:
            await self.engine.put_archive(container, "/", archive(files, now=time.time()))
        except BaseException:
            # A container without its files must not be started by the next `up` as if it were complete.
            with anyio.move_on_after(10, shield=True), refusals("removing the container", fine=(404,)):
                await self.engine.remove_container(container, force=True, volumes=True)
            raise

    async def _start(self, action: StartContainer) -> None:
        name = action.container
        with self.telling(action, fine=(304,)):
            container = self.ids.get(name, name)
            service = self.project.services.get(action.service)
            if service and container in self.untried and (files := inline_files(self.project, service)):
                await self._put_files(container, files)
            self._be_patient()
            await self.engine.start_container(container)
            if service:
                await run_hooks(self.engine, container, name, service.post_start)
            self.started.add(container)

    def _be_patient(self) -> None:
        """From the first start on, time counts: what comes before it depends on registries and builds."""
        if self.patience.deadline == math.inf:
            self.patience.deadline = anyio.current_time() + self.patience_seconds

    async def before_stop(self, action: StopContainer) -> None:
        """Run the hooks of its service. Raises `ServiceFailed`, and then the container is not removed either."""
        service = self.project.services.get(action.service)
        if service is None:
            return
        self.unready.add(action.container_id)
        try:
            await run_hooks(self.engine, action.container_id, action.container, service.pre_stop)
        except HookNotRun:
            self.unready.discard(action.container_id)
            raise
        self.unready.discard(action.container_id)

    async def _restart(self, action: RestartContainer) -> None:
        name, container = action.container, action.container_id
        with self.telling(action):
            service = self.project.services.get(action.service)
            if service:
                await run_hooks(self.engine, container, name, service.pre_stop)
            await self.engine.restart_container(container, timeout_seconds=action.timeout_seconds)
            if service:
                await run_hooks(self.engine, container, name, service.post_start)

    async def _rename(self, action: RenameContainer) -> None:
        container = self.ids.get(action.container, action.container)
        with refusals(f"renaming container {action.container}"):
            await self.engine.rename_container(container, action.new_name)
        self.ids[action.new_name] = container

    async def _disconnect(self, action: DisconnectNetwork) -> None:
        with refusals(f"disconnecting container {action.container} from network {action.network}", fine=(404,)):
            await self.engine.disconnect_network(action.network, action.container_id, force=True)

    async def _run_provider(self, action: RunProvider) -> None:
        from compose.apply.programs.providing import run_provider  # hardly any project has one

        with self.telling(action):
            name = action.service.name
            tell = lambda text: self.say(name, text, Phase.WORKING)  # noqa: E731
            self.variables[name] = await run_provider(action, self.project, self.engine.address, tell)

    async def _wait(self, action: WaitFor) -> None:
        assert self.waiter, "a plan with waits is run with a waiter"
        self._be_patient()
        for told in action.told:
            self.say(told.resource, told.verb.doing, Phase.WORKING)
        try:
            await self.waiter.until(action, self.ids, self.started)
        except ServiceFailed as exc:
            phase = Phase.FAILED if action.is_required else Phase.WARNING
            for told in action.told:
                self.say(told.resource, "Error", phase, exc.message.splitlines()[0])
            if action.is_required:
                raise
        else:
            for told in action.told:
                self.say(told.resource, told.verb.done)
