"""The acts a plan is made of, each one call to the engine (or one wait), and the plan itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from compose.model.project import Network, Volume
from compose.model.service import Service
from compose.plan.observed import ObservedMount
from compose.plan.telling.changes import Change

# `running`: runs, and is healthy if it has a health check.
Awaited: TypeAlias = Literal["healthy", "completed", "running"]


class PullImage(Struct, frozen=True):
    """Fetch an image from its registry."""

    image: str
    because: str
    platform: str = ""


class BuildImage(Struct, frozen=True):
    """Build a service's image and name it. `args` win over those of the file; `memory` is in bytes, 0 for no limit."""

    service: Service
    image: str
    because: str
    no_cache: bool = False
    pull: bool = False
    args: Mapping[str, str] = {}
    memory: int = 0
    ssh: tuple[str, ...] = ()


class CreateNetwork(Struct, frozen=True):
    """Make one of the project's networks."""

    network: Network
    because: str


class RemoveNetwork(Struct, frozen=True):
    """Remove a network by its name on the engine."""

    name: str
    because: str


class DisconnectNetwork(Struct, frozen=True):
    """Take a (stopped) container off a network that is going to be replaced."""

    network: str
    container: str
    container_id: str
    because: str


class CreateVolume(Struct, frozen=True):
    """Make one of the project's volumes."""

    volume: Volume
    because: str


class RemoveVolume(Struct, frozen=True):
    """Remove a volume by its name on the engine."""

    name: str
    because: str


class RemoveImage(Struct, frozen=True):
    """Remove an image by its reference."""

    image: str
    because: str


class CreateContainer(Struct, frozen=True):
    """Make container `number` of a service under `name`.

    `final_name` differs from `name` while the container that it `replaces` (an id) still holds the name.
    `inherited` are the anonymous volumes it takes over, `changes` what is other than in the one before. A `slug` makes
    it a one-off container, which does not answer to the service's names unless it `is_aliased`; the engine removes it
    at its end if it `is_passing`.
    """

    service: Service
    number: int
    name: str
    final_name: str
    image: str
    because: str
    changes: tuple[Change, ...] = ()
    replaces: str = ""
    inherited: tuple[ObservedMount, ...] = ()
    slug: str = ""
    is_aliased: bool = False
    is_passing: bool = False


class StartContainer(Struct, frozen=True):
    """Start a container by its (final) name."""

    container: str
    service: str
    because: str


class StopContainer(Struct, frozen=True):
    """Stop a container; `timeout_seconds` None is its own grace period."""

    container: str
    container_id: str
    service: str
    because: str
    timeout_seconds: int | None = None


class RestartContainer(Struct, frozen=True):
    """Stop a container and start it again, as it is; `timeout_seconds` None is its own grace period."""

    container: str
    container_id: str
    service: str
    because: str
    timeout_seconds: int | None = None


class KillContainer(Struct, frozen=True):
    """Send a signal to a container."""

    container: str
    container_id: str
    because: str
    signal: str = "SIGKILL"


class RemoveContainer(Struct, frozen=True):
    """Remove a container, and its anonymous volumes unless they are kept.

    `volumes` are those of them that may be left then: what it has taken over from a predecessor is mounted by name.
    """

    container: str
    container_id: str
    because: str
    keep_volumes: bool = True
    volumes: tuple[str, ...] = ()


class RenameContainer(Struct, frozen=True):
    """Give a replacement (its id, or its name in this plan) the name of what it replaced."""

    container: str
    new_name: str
    because: str


class WaitFor(Struct, frozen=True):
    """Wait until every container of a service is as its dependants need it. `waiting` are those dependants."""

    service: str
    containers: tuple[str, ...]
    condition: Awaited
    because: str
    waiting: tuple[str, ...] = ()
    is_required: bool = True


class RunProvider(Struct, frozen=True):
    """Have a program provide a service instead of a container (`up`), or take it away again (`down`)."""

    service: Service
    verb: Literal["up", "down"]
    because: str


Action: TypeAlias = (
    PullImage
    | BuildImage
    | CreateNetwork
    | RemoveNetwork
    | DisconnectNetwork
    | CreateVolume
    | RemoveVolume
    | RemoveImage
    | CreateContainer
    | StartContainer
    | StopContainer
    | RestartContainer
    | KillContainer
    | RemoveContainer
    | RenameContainer
    | RunProvider
    | WaitFor
)


_TITLES: dict[type, str] = {
    PullImage: "pull {0.image}",
    BuildImage: "build {0.image}",
    CreateNetwork: "create network {0.network.name}",
    RemoveNetwork: "remove network {0.name}",
    DisconnectNetwork: "disconnect {0.container} from network {0.network}",
    CreateVolume: "create volume {0.volume.name}",
    RemoveVolume: "remove volume {0.name}",
    RemoveImage: "remove image {0.image}",
    CreateContainer: "create {0.name}",
    StartContainer: "start {0.container}",
    StopContainer: "stop {0.container}",
    RestartContainer: "restart {0.container}",
    KillContainer: "kill {0.container}",
    RemoveContainer: "remove {0.container}",
    RenameContainer: "rename {0.container} to {0.new_name}",
    RunProvider: "provider {0.verb} {0.service.name}",
    WaitFor: "wait until {0.service} is {0.condition}",
}


def title(action: Action) -> str:
    """The act in words, without its reason."""
    return _TITLES[type(action)].format(action)


class Step(Struct, frozen=True):
    """One act, done as soon as the steps `after` are done."""

    number: int
    action: Action
    after: tuple[int, ...] = ()


class Plan(Struct, frozen=True):
    """Steps in an order in which prerequisites come first. `unchanged` are containers that stay as they are."""

    steps: tuple[Step, ...] = ()
    unchanged: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        return "\n".join(
            f"[{','.join(map(str, step.after))}] #{step.number} {title(step.action)} -- {step.action.because}"
            for step in self.steps
        )


class PlanBuilder(Struct):
    """Collects steps and hands out their numbers (from 1)."""

    steps: list[Step] = []

    def add(self, action: Action, after: list[int] | tuple[int, ...] = ()) -> int:
        """Append a step after the steps with those numbers; doubles are dropped. Returns its number."""
        number = len(self.steps) + 1
        self.steps.append(Step(number, action, tuple(sorted(set(after)))))
        return number
