"""From what exists to what is wished: the plan of `up`, `create` and `scale`.

Every step names only its own prerequisites: everything is made at once, and only a start waits for what `depends_on`
asks. Nothing is started or replaced before every image is there: a project whose image cannot be had stays as it is.
"""

from __future__ import annotations

from compose.errors import ComposeError, raise_all
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import (
    Awaited,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    PullImage,
    RemoveContainer,
    RemoveNetwork,
    RenameContainer,
    StartContainer,
    StopContainer,
    WaitFor,
)
from compose.plan.deciding.leftovers import Tidied, tidied
from compose.plan.deciding.pulling import mounted_images, pull_reason
from compose.plan.deciding.survey import (
    Options,
    Replacement,
    ServiceNeeds,
    Survey,
    namespace_providers,
    networks_of,
    survey,
    volumes_of,
)
from compose.plan.images import familiar, image_of
from compose.plan.labels import container_name
from compose.plan.observed import Observed, ObservedContainer, ObservedMount
from compose.plan.steps import Plan, PlanBuilder

__all__ = ["Options", "drafted", "plan_pulls", "reconcile"]

_ALIVE = ("running", "restarting", "paused")


def plan_pulls(project: Project, observed: Observed, options: Options) -> Plan:
    """The pulls that must come before `reconcile`, because existing containers may have to follow the new image."""
    builder = PlanBuilder()
    wanted = {
        image_of(project, service): PullImage(image_of(project, service), reason, service.platform)
        for name, service in project.services.items()
        if observed.of_service(name) and (reason := pull_reason(project, service, observed, options.pull))
    }
    for action in wanted.values():
        builder.add(action)
    return Plan(tuple(builder.steps))


def reconcile(project: Project, observed: Observed, options: Options) -> Plan:
    """Plan what makes `observed` into `project`. Pure; equal input gives an equal plan.

    Raises `ComposeError` for what cannot be (a missing external network or volume, an image that may not be pulled),
    all of it at once.
    """
    plan, problems = drafted(project, observed, options)
    raise_all(problems)
    return plan


def drafted(project: Project, observed: Observed, options: Options) -> tuple[Plan, tuple[ComposeError, ...]]:
    """The plan as far as there can be one, and what stands against it."""
    remains = tidied(project, observed)
    observed = remains.observed
    found = survey(project, observed, options)
    left = observed.orphans({*project.services, *project.disabled})
    warnings = list(found.warnings)
    if left and not (options.remove_orphans or options.ignore_orphans):
        warnings.append(
            f"found orphan containers ({', '.join(item.name for item in left)}) for this project; if their service "
            "was removed or renamed in the file, --remove-orphans cleans them up"
        )
    unchanged = tuple(item.name for needs in found.services.values() for item in needs.running)
    planner = _Planner(project, observed, options, found)
    planner.settle(remains)
    if planner.has_work or (left and options.remove_orphans):
        planner.plan(left if options.remove_orphans else [])
    plan = Plan(tuple(planner.builder.steps), unchanged, tuple(warnings))
    return plan, (*found.problems, *planner.problems)


class _Planner:
    """Adds the steps, service by service in dependency order. One use."""

    def __init__(self, project: Project, observed: Observed, options: Options, found: Survey) -> None:
        self.project = project
        self.observed = observed
        self.options = options
        self.found = found
        self.builder = PlanBuilder()
        self.ready: dict[str, list[int]] = {}  # service -> steps after which its containers have their final names
        self.starts: dict[str, list[int]] = {}
        self.waits: dict[tuple[str, str], int] = {}
        self.resources: dict[tuple[str, str], int] = {}  # ("network" | "volume", key) -> its step
        self.pulls: dict[str, int] = {}  # image -> its step
        self.settled: dict[str, list[int]] = {}  # service -> steps that end what an earlier run has begun
        self.stopped: dict[str, int] = {}
        self.problems: list[ComposeError] = []

    @property
    def has_work(self) -> bool:
        """Whether any step is needed at all."""
        options, found = self.options, self.found
        if found.networks or found.volumes or options.untouched or (options.is_waiting and options.is_starting):
            return True
        if any(needs.has_work or (needs.idle and options.is_starting) for needs in found.services.values()):
            return True
        return options.is_starting and any(
            self._is_unwell(name, wish.condition)
            for needs in found.services.values()
            for name, wish in needs.service.depends_on.items()
        )

    def settle(self, remains: Tidied) -> None:
        """Finish, or undo, the replacements that an earlier run has not finished."""
        because = "an earlier run was cut off"
        for item in remains.abortive:
            step = self.builder.add(RemoveContainer(item.name, item.id, because, keep_volumes=False))
            self.settled.setdefault(item.service, []).append(step)
        for item, name in remains.nameless:
            step = self.builder.add(RenameContainer(item.id, name, because))
            self.settled.setdefault(item.service, []).append(step)

    def plan(self, left: list[ObservedContainer]) -> None:
        """Add every step."""
        for needs in self.found.services.values():
            if needs.stale or needs.new_numbers:
                try:
                    self._pull(needs.service)
                except ComposeError as exc:
                    self.problems.append(exc)  # told with all the others
        for item in left:
            self._stop_and_remove(item, "its service is no longer defined")
        self._clear_the_way()
        self._resources()
        order = self._order()
        for name in order:
            self._containers(self.found.services[name])
        if self.options.is_starting:
            for name in order:
                self._start(self.found.services[name])
            self._wait_for_all(order)

    def _order(self) -> list[str]:
        if not any(service.depends_on for service in self.project.services.values()):
            return list(self.project.services)
        # networkx costs more than all the rest of a small plan: only where there is something to order.
        from compose.graph.graph import start_order

        return [name for name in start_order(self.project) if name in self.found.services]

    def _clear_the_way(self) -> None:
        """A changed network goes once all have stopped and left it. They stay until their successors are there."""
        for key in sorted(self.found.diverged_networks):
            name, because = self.project.networks[key].name, f"network {key} changed"
            users = [item for needs in self.found.services.values() for item in needs.containers]
            ours = {item.id for item in users}
            others = [item for item in self.observed.containers if name in item.networks and item.id not in ours]
            self._refuse(key, name, [item for item in others if item.id not in self.stopped])
            left = [self._disconnect(item, name, because) for item in users if name in item.networks]
            # Those that are on their way out leave it by being stopped.
            left += [self.stopped[item.id] for item in others if item.id in self.stopped]
            self.resources["old network", key] = self.builder.add(RemoveNetwork(name, "configuration changed"), left)

    def _refuse(self, key: str, network: str, others: list[ObservedContainer]) -> None:
        """Running containers that this plan leaves alone keep the network from being made anew."""
        if staying := [item.name for item in others if item.state in _ALIVE]:
            self.problems.append(
                ComposeError(
                    f"network {network} has changed and has to be made anew, but {', '.join(staying)} would stay on it",
                    hint="bring all services up together, with --remove-orphans if they are no longer defined",
                    subject=("networks", key),
                )
            )

    def _disconnect(self, item: ObservedContainer, network: str, because: str) -> int:
        if item.state in _ALIVE and item.id not in self.stopped:
            self._stop(item, because, list(self.pulls.values()))
        after = [self.stopped[item.id]] if item.id in self.stopped else list(self.pulls.values())
        return self.builder.add(DisconnectNetwork(network, item.name, item.id, because), after)

    def _resources(self) -> None:
        for key, because in self.found.networks.items():
            earlier = self.resources.get(("old network", key))
            action = CreateNetwork(self.project.networks[key], because)
            self.resources["network", key] = self.builder.add(action, [earlier] if earlier else [])
        for key, because in self.found.volumes.items():
            self.resources["volume", key] = self.builder.add(CreateVolume(self.project.volumes[key], because))

    def _pull(self, service: Service) -> None:
        image = image_of(self.project, service)
        policy = "never" if familiar(image) in self.options.pulled else self.options.pull
        because = pull_reason(self.project, service, self.observed, policy)
        if because and image not in self.pulls:
            self.pulls[image] = self.builder.add(PullImage(image, because, service.platform))
        for mounted in mounted_images(self.project, service, self.observed):
            if mounted not in self.pulls:
                self.pulls[mounted] = self.builder.add(PullImage(mounted, f"mounted by {service.name}"))

    def _containers(self, needs: ServiceNeeds) -> None:
        service = needs.service
        for item in needs.surplus:
            self._stop_and_remove(item, "scaled down")
        ready: list[int] = []
        if needs.stale or needs.new_numbers:
            before = self._prerequisites(service)
            ready = [self._replace(service, stale, before) for stale in needs.stale]
            ready += [self._create(service, number, before, "not there yet") for number in needs.new_numbers]
        self.ready[service.name] = ready

    def _made_for(self, service: Service) -> list[int]:
        """The steps that make the networks and volumes of a service."""
        keys = [("network", key) for key in networks_of(self.project, service)]
        keys += [("volume", key) for key in volumes_of(self.project, service)]
        return [self.resources[key] for key in keys if key in self.resources]

    def _prerequisites(self, service: Service) -> list[int]:
        steps = self._made_for(service)
        for name in namespace_providers(service):
            steps += self.ready.get(name, [])
        images = (image_of(self.project, service), *mounted_images(self.project, service, self.observed))
        steps += self.settled.get(service.name, [])
        return [*steps, *(self.pulls[image] for image in images if image in self.pulls)]

    def _create(self, service: Service, number: int, before: list[int], because: str) -> int:
        name = container_name(self.project, service, number)
        image = image_of(self.project, service)
        return self.builder.add(CreateContainer(service, number, name, name, image, because), before)

    def _replace(self, service: Service, stale: Replacement, before: list[int]) -> int:
        """The successor first, so that a failure leaves the old one in place; returns the last step."""
        old, because = stale.old, stale.verdict.because
        final = container_name(self.project, service, old.number)
        inherited = () if self.options.renew_anonymous_volumes else _inherited(service, old)
        action = CreateContainer(
            service,
            old.number,
            f"{old.id[:12]}_{final}",
            final,
            image_of(self.project, service),
            because,
            stale.verdict.changes,
            replaces=old.id,
            inherited=inherited,
        )
        created = self.builder.add(action, before)
        dependants = self._stop_dependants(service)
        removed = self._stop_and_remove(old, because, after=[created, *dependants], is_replaced=True)
        return self.builder.add(RenameContainer(action.name, final, "takes the place of the old one"), [removed])

    def _stop_dependants(self, service: Service) -> list[int]:
        """Stop the running containers of services that want to be restarted with this one."""
        steps = []
        for needs in self.found.services.values():
            wish = needs.service.depends_on.get(service.name)
            if wish is None or not wish.restart:
                continue
            for item in needs.running:
                if item.id not in self.stopped:
                    self._stop(item, f"{service.name} is replaced", list(self.pulls.values()))
                steps.append(self.stopped[item.id])
        return steps

    def _start(self, needs: ServiceNeeds) -> None:
        service = needs.service
        names = [container_name(self.project, service, number) for number in needs.new_numbers]
        names = [container_name(self.project, service, stale.old.number) for stale in needs.stale] + names
        pairs = list(zip(names, self.ready[service.name], strict=True))
        because = "new container" if pairs else "not running"
        idle = [(item.name, 0) for item in needs.idle]
        restarted = [(item.name, self.stopped[item.id]) for item in needs.running if item.id in self.stopped]
        todo = [*pairs, *idle, *restarted]
        self.starts[service.name] = []
        is_starting = bool(todo) or service.name in self.options.untouched
        before = [*self._dependencies(service, is_starting=is_starting), *self.pulls.values()]
        before += self.settled.get(service.name, [])
        if idle or restarted:
            before += self._made_for(service)
        for name, step in todo:
            after = [*before, step] if step else before
            self.starts[service.name].append(self.builder.add(StartContainer(name, service.name, because), after))

    def _dependencies(self, service: Service, *, is_starting: bool) -> list[int]:
        """The steps that a start of `service` has to await: starts of its dependencies, or waits for them."""
        steps: list[int] = []
        for name, wish in service.depends_on.items():
            if name not in self.found.services or name not in self.starts:
                continue
            if wish.condition == "service_started":
                steps += self.starts[name]
            elif is_starting or self.starts[name] or self._is_unwell(name, wish.condition):
                # It is awaited also for those who run already: `up` has to report its failure.
                condition: Awaited = "healthy" if wish.condition == "service_healthy" else "completed"
                steps.append(self._wait(name, condition, f"{service.name} depends on it", is_required=wish.required))
        return steps

    def _is_unwell(self, name: str, condition: str) -> bool:
        """Whether a service that runs is not, or not any more, what `depends_on` asks of it."""
        found = self.found.services.get(name)
        if found is None or condition != "service_healthy":
            return False
        return any(item.is_unwell for item in found.running)

    def _wait(
        self, name: str, condition: Awaited, because: str, *, is_required: bool, after: list[int] | None = None
    ) -> int:
        key = (name, f"{condition}{is_required}")
        if key not in self.waits:
            action = WaitFor(
                name,
                tuple(self._names(name)),
                condition,
                because,
                self._waiting(name, condition),
                is_required,
            )
            self.waits[key] = self.builder.add(action, self.starts[name] if after is None else after)
        return self.waits[key]

    def _waiting(self, name: str, condition: Awaited) -> tuple[str, ...]:
        wanted = {"healthy": "service_healthy", "completed": "service_completed_successfully"}.get(condition)
        return tuple(
            other.name
            for other in self.project.services.values()
            if name in other.depends_on and other.depends_on[name].condition == wanted
        )

    def _wait_for_all(self, order: list[str]) -> None:
        if not self.options.is_waiting:
            return
        # After every start: one service that ends must not keep the others from being started.
        starts = [step for steps in self.starts.values() for step in steps]
        for name in order:
            condition: Awaited = "completed" if self._waiting(name, "completed") else "running"
            self._wait(name, condition, "--wait", is_required=True, after=starts)

    def _names(self, name: str) -> list[str]:
        needs = self.found.services[name]
        numbers = [item.old.number for item in needs.stale] + needs.new_numbers
        current = [item.name for item in (*needs.running, *needs.idle)]
        return current + [container_name(self.project, needs.service, number) for number in numbers]

    def _stop(self, item: ObservedContainer, because: str, after: list[int]) -> None:
        action = StopContainer(item.name, item.id, item.service, because, self.options.timeout_seconds)
        self.stopped[item.id] = self.builder.add(action, after)

    def _stop_and_remove(
        self, item: ObservedContainer, because: str, after: list[int] | None = None, *, is_replaced: bool = False
    ) -> int:
        before = [*self.pulls.values(), *(after or [])]
        if item.state in _ALIVE:
            if item.id in self.stopped:
                before = [*before, self.stopped[item.id]]
            else:
                self._stop(item, because, before)
                before = [self.stopped[item.id]]
        return self.builder.add(RemoveContainer(item.name, item.id, because, is_replaced=is_replaced), before)


def _inherited(service: Service, old: ObservedContainer) -> tuple[ObservedMount, ...]:
    """The anonymous volumes of a container that its successor does not mount something else over."""
    covered = {mount.target for mount in service.volumes if mount.source or mount.type != "volume"}
    return tuple(mount for mount in old.anonymous_volumes if mount.destination not in covered)
