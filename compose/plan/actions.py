"""The acts a plan is made of, each one call to the engine (or one wait), with the words for each.

A new act says here what it is and how it is told, joins `Action`, and is done in `compose.apply.performing`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from compose.model.project import Network, Volume
from compose.model.service import Service
from compose.plan.changes import Change
from compose.plan.observed import ObservedMount
from compose.plan.words import (
    BUILD,
    CREATE,
    KILL,
    PULL,
    RECREATE,
    REMOVE,
    REMOVE_REPLACED,
    RESTART,
    RUN,
    START,
    STOP,
    WAIT,
    WAIT_FOR_END,
    Words,
)

# `running`: runs, and is healthy if it has a health check.
Awaited: TypeAlias = Literal["healthy", "completed", "running"]


class Act(Struct, frozen=True):
    """What every act answers. One that only says its title is a part of others: nobody else tells of it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The act in words, without its reason, as a plan lists it."""

    @property
    def label(self) -> str:
        """A few words for one step of many: `pull redis`, `start shop-db-1`, `healthy db`."""
        return self.title

    @property
    def told(self) -> tuple[Words, ...]:
        """What progress says of it, resource by resource."""
        return ()


class Deed(Act, frozen=True):
    """An act on one resource, which is something else afterwards."""

    @property
    @abstractmethod
    def words(self) -> Words:
        """What is done to which resource: all else that is said follows from it."""

    @property
    def title(self) -> str:
        return self.words.title

    @property
    def told(self) -> tuple[Words, ...]:
        return (self.words,)


class PullImage(Deed, frozen=True):
    """Fetch an image from its registry."""

    image: str
    because: str
    platform: str = ""

    @property
    def words(self) -> Words:
        return Words(PULL, "image", self.image)


class BuildImage(Deed, frozen=True):
    """Build a service's image and name it. `args` win over those of the file; `memory` is in bytes, 0 for no limit."""

    service: Service
    image: str
    because: str
    no_cache: bool = False
    pull: bool = False
    args: Mapping[str, str] = {}
    memory: int = 0
    ssh: tuple[str, ...] = ()

    @property
    def words(self) -> Words:
        return Words(BUILD, "image", self.image, self.service.name)


class CreateNetwork(Deed, frozen=True):
    """Make one of the project's networks."""

    network: Network
    because: str

    @property
    def words(self) -> Words:
        return Words(CREATE, "network", self.network.name)


class RemoveNetwork(Deed, frozen=True):
    """Remove a network by its name on the engine."""

    name: str
    because: str

    @property
    def words(self) -> Words:
        return Words(REMOVE, "network", self.name)


class DisconnectNetwork(Act, frozen=True):
    """Take a (stopped) container off a network that is going to be replaced."""

    network: str
    container: str
    container_id: str
    because: str

    @property
    def title(self) -> str:
        return f"disconnect {self.container} from network {self.network}"


class CreateVolume(Deed, frozen=True):
    """Make one of the project's volumes."""

    volume: Volume
    because: str

    @property
    def words(self) -> Words:
        return Words(CREATE, "volume", self.volume.name)


class RemoveVolume(Deed, frozen=True):
    """Remove a volume by its name on the engine."""

    name: str
    because: str

    @property
    def words(self) -> Words:
        return Words(REMOVE, "volume", self.name)


class RemoveImage(Deed, frozen=True):
    """Remove an image by its reference."""

    image: str
    because: str

    @property
    def words(self) -> Words:
        return Words(REMOVE, "image", self.image)


class CreateContainer(Deed, frozen=True):
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

    @property
    def words(self) -> Words:
        return Words(RECREATE if self.replaces else CREATE, "container", self.final_name, self.service.name)

    @property
    def title(self) -> str:
        return f"create {self.name}"

    @property
    def label(self) -> str:
        return f"create {self.final_name}"


class StartContainer(Deed, frozen=True):
    """Start a container by its (final) name."""

    container: str
    service: str
    because: str

    @property
    def words(self) -> Words:
        return Words(START, "container", self.container, self.service)


class StopContainer(Deed, frozen=True):
    """Stop a container; `timeout_seconds` None is its own grace period."""

    container: str
    container_id: str
    service: str
    because: str
    timeout_seconds: int | None = None

    @property
    def words(self) -> Words:
        return Words(STOP, "container", self.container, self.service)


class RestartContainer(Deed, frozen=True):
    """Stop a container and start it again, as it is; `timeout_seconds` None is its own grace period."""

    container: str
    container_id: str
    service: str
    because: str
    timeout_seconds: int | None = None

    @property
    def words(self) -> Words:
        return Words(RESTART, "container", self.container, self.service)


class KillContainer(Deed, frozen=True):
    """Send a signal to a container."""

    container: str
    container_id: str
    because: str
    signal: str = "SIGKILL"

    @property
    def words(self) -> Words:
        return Words(KILL, "container", self.container)


class RemoveContainer(Deed, frozen=True):
    """Remove a container, and its anonymous volumes unless they are kept.

    `volumes` are those of them that may be left then: what it has taken over from a predecessor is mounted by name.
    One that `is_replaced` leaves its name to its successor.
    """

    container: str
    container_id: str
    because: str
    keep_volumes: bool = True
    volumes: tuple[str, ...] = ()
    is_replaced: bool = False

    @property
    def words(self) -> Words:
        return Words(REMOVE_REPLACED if self.is_replaced else REMOVE, "container", self.container)


class RenameContainer(Act, frozen=True):
    """Give a replacement (its id, or its name in this plan) the name of what it replaced."""

    container: str
    new_name: str
    because: str

    @property
    def title(self) -> str:
        return f"rename {self.container} to {self.new_name}"


class WaitFor(Act, frozen=True):
    """Wait until every container of a service is as its dependants need it. `waiting` are those dependants."""

    service: str
    containers: tuple[str, ...]
    condition: Awaited
    because: str
    waiting: tuple[str, ...] = ()
    is_required: bool = True

    @property
    def title(self) -> str:
        return f"wait until {self.service} is {self.condition}"

    @property
    def label(self) -> str:
        return f"{self.condition} {self.service}"

    @property
    def told(self) -> tuple[Words, ...]:
        verb = WAIT_FOR_END if self.condition == "completed" else WAIT
        return tuple(Words(verb, "container", name) for name in self.containers)


class RunProvider(Deed, frozen=True):
    """Have a program provide a service instead of a container (`up`), or take it away again (`down`)."""

    service: Service
    command: Literal["up", "down"]
    because: str

    @property
    def words(self) -> Words:
        return Words(REMOVE if self.command == "down" else RUN, "provider", self.service.name, self.service.name)

    @property
    def title(self) -> str:
        return f"provider {self.command} {self.service.name}"


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
