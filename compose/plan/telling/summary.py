"""A plan as people read it: what becomes of every resource, and why, instead of step after step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    KillContainer,
    Plan,
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
from compose.plan.observed import Observed
from compose.plan.telling.changes import Change

Kind = Literal["image", "network", "volume", "provider", "container"]
Verb = Literal["keep", "pull", "build", "create", "recreate", "start", "restart", "stop", "kill", "remove", "run"]


class Entry(Struct, frozen=True):
    """What becomes of one resource. Of the `because` of one that is kept there is nothing to say."""

    kind: Kind
    name: str
    verb: Verb
    because: str = ""
    service: str = ""
    changes: tuple[Change, ...] = ()


def summary(plans: Iterable[Plan], observed: Observed) -> tuple[Entry, ...]:
    """The entries of plans that are carried out one after the other, images first and containers last."""
    entries: dict[tuple[Kind, str], Entry] = {}
    services = {item.name: item.service for item in observed.containers}
    for plan in plans:
        for step in plan.steps:
            _take(entries, step.action)
        for name in plan.unchanged:
            entries.setdefault(("container", name), Entry("container", name, "keep"))
    for key, entry in entries.items():
        if entry.kind == "container" and not entry.service:  # its act names the container alone
            entries[key] = replace(entry, service=services.get(entry.name, ""))
    order = ("image", "network", "volume", "provider", "container")
    return tuple(sorted(entries.values(), key=lambda entry: (order.index(entry.kind), entry.service, entry.name)))


# Acts of which each alone tells what becomes of its resource.
_PLAIN: dict[type, tuple[Kind, str, Verb]] = {
    PullImage: ("image", "{0.image}", "pull"),
    BuildImage: ("image", "{0.image}", "build"),
    RemoveImage: ("image", "{0.image}", "remove"),
    RemoveNetwork: ("network", "{0.name}", "remove"),
    CreateVolume: ("volume", "{0.volume.name}", "create"),
    RemoveVolume: ("volume", "{0.name}", "remove"),
    RestartContainer: ("container", "{0.container}", "restart"),
    KillContainer: ("container", "{0.container}", "kill"),
}


def _take(entries: dict[tuple[Kind, str], Entry], action: Action) -> None:  # noqa: C901, PLR0912 - one case per act
    def add(kind: Kind, name: str, verb: Verb, because: str, service: str = "", of: tuple[Change, ...] = ()) -> None:
        entries[kind, name] = Entry(kind, name, verb, because, service, of)

    match action:
        case (
            PullImage()
            | RemoveImage()
            | RemoveNetwork()
            | CreateVolume()
            | RemoveVolume()
            | RestartContainer()
            | KillContainer()
            | BuildImage()
        ):
            kind, name, act = _PLAIN[type(action)]
            of_service = action.service.name if isinstance(action, BuildImage) else ""
            add(kind, name.format(action), act, action.because, of_service)
        case CreateNetwork():
            verb: Verb = "recreate" if ("network", action.network.name) in entries else "create"
            add("network", action.network.name, verb, action.because)
        case CreateContainer():
            verb = "recreate" if action.replaces else "create"
            add("container", action.final_name, verb, action.because, action.service.name, action.changes)
        case StartContainer():
            found = entries.get(("container", action.container))
            if found is None or found.verb == "keep":
                add("container", action.container, "start", action.because, action.service)
            elif found.verb == "stop":
                add("container", action.container, "restart", found.because, action.service)
        case StopContainer():
            if entries.get(("container", action.container)) is None:
                add("container", action.container, "stop", action.because, action.service)
        case RemoveContainer():
            found = entries.get(("container", action.container))
            # Its successor may have been planned already, under the same name.
            if found is None or found.verb == "stop":
                add("container", action.container, "remove", action.because)
        case RunProvider():
            name = action.service.name
            add("provider", name, "run" if action.verb == "up" else "remove", action.because, name)
        case RenameContainer() | DisconnectNetwork() | WaitFor():
            return  # nothing becomes of it that the other steps do not tell


def has_changes(entries: Iterable[Entry]) -> bool:
    """Whether anything becomes other than it is. Providers are run each time, and change nothing that is there."""
    return any(entry.verb not in ("keep", "run") for entry in entries)
