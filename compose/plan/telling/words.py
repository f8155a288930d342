"""What is said of an act while it is done and when it is done: docker compose's words."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    KillContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunProvider,
    StartContainer,
    StopContainer,
    WaitFor,
)


class Words(Struct, frozen=True):
    """`Container shop-db-1`, `Starting`, `Started`."""

    resource: str
    doing: str
    done: str

    @property
    def deed(self) -> str:
        """For errors: `starting container shop-db-1`."""
        return f"{self.doing.lower()} {self.resource[0].lower()}{self.resource[1:]}"


_WORDS: dict[type, Words] = {
    PullImage: Words("Image {0.image}", "Pulling", "Pulled"),
    BuildImage: Words("Image {0.image}", "Building", "Built"),
    CreateNetwork: Words("Network {0.network.name}", "Creating", "Created"),
    RemoveNetwork: Words("Network {0.name}", "Removing", "Removed"),
    CreateVolume: Words("Volume {0.volume.name}", "Creating", "Created"),
    RemoveVolume: Words("Volume {0.name}", "Removing", "Removed"),
    RemoveImage: Words("Image {0.image}", "Removing", "Removed"),
    CreateContainer: Words("Container {0.final_name}", "Creating", "Created"),
    StartContainer: Words("Container {0.container}", "Starting", "Started"),
    StopContainer: Words("Container {0.container}", "Stopping", "Stopped"),
    RestartContainer: Words("Container {0.container}", "Restarting", "Started"),
    KillContainer: Words("Container {0.container}", "Killing", "Killed"),
    RemoveContainer: Words("Container {0.container}", "Removing", "Removed"),
}
_AWAITED = {"healthy": "Healthy", "completed": "Exited", "running": "Healthy"}


def words(action: Action) -> Iterator[Words]:
    """The words of an act: of a wait for each of its containers, of renamings and the like none: nobody sees them."""
    match action:
        case WaitFor():
            yield from (Words(f"Container {name}", "Waiting", _AWAITED[action.condition]) for name in action.containers)
        case RenameContainer() | DisconnectNetwork():
            return
        case RunProvider():
            going = action.verb == "down"
            yield Words(action.service.name, "Removing" if going else "Creating", "Removed" if going else "Created")
        case _:
            found = _WORDS[type(action)]
            told = Words(found.resource.format(action), found.doing, found.done)
            if isinstance(action, CreateContainer) and action.replaces:
                told = Words(told.resource, "Recreate", "Recreated")
            yield told
