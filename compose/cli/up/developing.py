"""Keeps containers up to date with the files that they are developed from: `watch`, and `up --watch`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from compose.apply.develop.notices import batches, files_below
from compose.apply.develop.rules import Watched, Work, initial_copies, is_mounted, watched_rules, work_for
from compose.apply.develop.syncing import sync
from compose.apply.hooks import run_hooks
from compose.apply.looking.observe import observe
from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.apply.stage import Stage
from compose.cli.carrying_out import perform
from compose.cli.up.supplying import supplied
from compose.errors import ComposeError, UsageError
from compose.model.project import Project
from compose.model.tooling import Hook
from compose.plan.actions import CreateContainer
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.restarting import dependants_to_restart, plan_restart
from compose.plan.deciding.survey import Options
from compose.plan.images import image_id, image_of
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.telling.progress import Report
from engine.client import EngineClient


class Developer(Struct, frozen=True):
    """Does what the rules of `develop.watch` say. `tell` gets lines for people, `report` the progress of plans."""

    engine: EngineClient
    project: Project
    rules: Sequence[Watched]
    tell: Callable[[str], None]
    report: Report
    prunes: bool = True

    async def run(self) -> None:
        """Follow the files until cancelled. What fails is told; the next change is another chance."""
        roots = [watched.rule.path for watched in self.rules]
        async with batches(roots, self._passes_over) as changed:
            self.tell("Watch enabled")
            await self._do(self._at_first(self.rules))
            async for paths in changed:
                await self._do(work_for(paths, self.rules))

    def _passes_over(self, directory: str) -> bool:
        return all(watched.passes_over(directory) for watched in self.rules)

    def _at_first(self, rules: Sequence[Watched]) -> Work:
        """The copies that new containers need."""
        return initial_copies(files_below([watched.rule.path for watched in rules], self._passes_over), rules)

    async def _do(self, work: Work) -> None:
        """Each part on its own: what fails for one service is told, and the others go on."""
        if work.rebuilds and await self._succeeds(partial(self._rebuild, sorted(work.rebuilds))):
            again = self._at_first([watched for watched in self.rules if watched.service in work.rebuilds])
            for service, copies in again.copies.items():
                work.copies.setdefault(service, {}).update(copies)
        for service, copies in work.copies.items():
            if not await self._succeeds(partial(self._sync, service, copies)):
                # A program that starts anew with half of its files would tell of errors that nobody has made.
                work.restarts.discard(service)
                work.hooks.pop(service, None)
        if restarts := work.restarts - work.rebuilds:
            await self._succeeds(partial(self._restart, restarts))
        for service, hooks in work.hooks.items():
            await self._succeeds(partial(self._run_hooks, service, hooks))

    async def _succeeds(self, part: Callable[[], Awaitable[None]]) -> bool:
        try:
            await part()
        except ComposeError as exc:
            self.tell(f"Failed: {exc.message}")
            return False
        return True

    async def _sync(self, service: str, copies: Mapping[str, str]) -> None:
        self.tell(f'Syncing service "{service}" after {len(copies)} changes were detected')
        await sync(self.engine, await self._containers([service]), copies)

    async def _restart(self, services: Collection[str]) -> None:
        await self._restart_containers((*sorted(services), *dependants_to_restart(self.project, services)))
        self.tell(f"service(s) {_listed(services)} restarted")

    async def _restart_containers(self, names: Collection[str]) -> None:
        items = await self._containers(names)
        stage = Stage(self.engine, self.project, Observed(tuple(items)))
        await perform(plan_restart(self.project, items), stage, self.report)

    async def _run_hooks(self, service: str, hooks: Sequence[Hook]) -> None:
        calls = [
            partial(run_hooks, self.engine, item.id, item.name, hooks, self._tell_output)
            for item in await self._containers([service])
        ]
        await all_of(calls)

    def _tell_output(self, line: bytes) -> None:
        self.tell(line.decode("utf-8", "replace"))

    async def _rebuild(self, services: list[str]) -> None:
        self.tell(f"Rebuilding service(s) {_listed(services)} after changes were detected...")
        observed = await observe(self.engine, self.project.name)
        before = {image_id(observed, image_of(self.project, self.project.services[name])) for name in services}
        plan = plan_builds(self.project, observed, BuildOptions(always=True), services)
        await perform(plan, Stage(self.engine, self.project, observed), self.report)
        observed = await observe(self.engine, self.project.name)
        # The dependencies stay as they are, and so does everything else but what asks for it (`restart: true`).
        project = await supplied(self.engine, self.project, self.report)
        others = frozenset(project.services) - frozenset(services)
        plan = reconcile(project, observed, Options(untouched=others, targets=frozenset(services)))
        await perform(plan, Stage(self.engine, project, observed), self.report)
        replaced = {step.action.service.name for step in plan.steps if isinstance(step.action, CreateContainer)}
        if dependants := set(dependants_to_restart(project, replaced)).difference(services):
            await self._restart_containers(dependants)
        self.tell(f"service(s) {_listed(services)} successfully built")
        if self.prunes:
            await self._prune(before, observed)

    async def _prune(self, images: Collection[str], observed: Observed) -> None:
        """Remove the images that were replaced, unless they have another name or somebody uses them."""
        named = {identity for name, identity in observed.images.items() if name != identity}
        for identity in images:
            if identity and identity not in named:
                with refusals("removing the image before", fine=(404, 409)):
                    await self.engine.remove_image(identity)

    async def _containers(self, services: Collection[str]) -> list[ObservedContainer]:
        observed = await observe(self.engine, self.project.name)
        return [item for name in services for item in observed.of_service(name)]


def _listed(services: Iterable[str]) -> str:
    """Names as docker compose has them in these lines, which programs look for."""
    quoted = " ".join(f'"{name}"' for name in sorted(services))
    return f"[{quoted}]"


def developed(project: Project, warn: Callable[[str], None]) -> list[Watched]:
    """The rules of a project that there is something to do for. Raises `UsageError` if there are none."""
    found: list[Watched] = []
    for watched in watched_rules(project, project.services):
        path = watched.rule.path
        if watched.rule.action.startswith("sync") and is_mounted(project.services[watched.service], path):
            warn(f"{path} is mounted into service {watched.service} anyway, so it is not watched")
        else:
            found.append(watched)
    if not found:
        raise UsageError(
            "none of the selected services is configured for watch", hint="give one a `develop.watch` section"
        )
    return found
