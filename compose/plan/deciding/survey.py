"""The first half of reconciling: for every service, what should become of each container, and why.

Nothing is ordered here, so that a project that is up as wished costs no graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from compose.errors import ComposeError
from compose.model.project import Network, Project, Volume
from compose.model.service import Service
from compose.plan.changes import Change, changes, unpacked
from compose.plan.hashing import content_hash, network_hash, service_document, volume_hash
from compose.plan.images import image_id, image_of
from compose.plan.labels import CONFIG, CONTENT_HASH
from compose.plan.observed import Observed, ObservedContainer, ObservedNetwork, ObservedVolume

Recreate = Literal["changed", "always", "never"]
Found = TypeVar("Found", ObservedNetwork, ObservedVolume)


class Options(Struct, frozen=True):
    """What the command line asks of `reconcile`.

    `targets` are the services named there (none: all); the others are only dependencies. `pulled` are images
    that have just been pulled, whatever the policy. Containers of the `untouched` services stay as they are; what
    these need is made, started and awaited all the same.
    """

    recreate: Recreate = "changed"
    recreate_dependencies: Recreate = "changed"
    targets: frozenset[str] = frozenset()
    pull: str = ""
    pulled: frozenset[str] = frozenset()
    scale: Mapping[str, int] = {}
    timeout_seconds: int | None = None
    is_starting: bool = True
    is_waiting: bool = False
    remove_orphans: bool = False
    ignore_orphans: bool = False
    renew_anonymous_volumes: bool = False
    untouched: frozenset[str] = frozenset()


class Verdict(Struct, frozen=True):
    """Why a container has to be replaced, and what is different, as far as it is known."""

    because: str
    changes: tuple[Change, ...] = ()


class Replacement(Struct, frozen=True):
    """A container to be replaced."""

    old: ObservedContainer
    verdict: Verdict


class ServiceNeeds(Struct):
    """What becomes of one service's containers; `document` is what their configuration's hash is made of."""

    service: Service
    document: bytes
    config_hash: str
    content_hash: str
    running: list[ObservedContainer] = []
    idle: list[ObservedContainer] = []
    stale: list[Replacement] = []
    surplus: list[ObservedContainer] = []
    new_numbers: list[int] = []

    @property
    def has_work(self) -> bool:
        """Whether anything but starting has to be done."""
        return bool(self.stale or self.surplus or self.new_numbers)

    @property
    def containers(self) -> list[ObservedContainer]:
        """All that there are now."""
        return [*self.running, *self.idle, *(each.old for each in self.stale), *self.surplus]


class Survey(Struct, frozen=True):
    """The needs of every service, and the networks and volumes (keys) to make, each with its reason."""

    services: dict[str, ServiceNeeds]
    networks: dict[str, str]
    volumes: dict[str, str]
    diverged_networks: frozenset[str]
    warnings: tuple[str, ...]
    problems: tuple[ComposeError, ...] = ()


class Remarks(Struct):
    """What there is to say of a comparison: what to know, and what makes the plan impossible."""

    warnings: list[str] = []
    problems: list[ComposeError] = []


def survey(project: Project, observed: Observed, options: Options) -> Survey:
    """Compare every service, network and volume with what exists; missing external ones are problems of the result."""
    remarks = Remarks()
    networks, diverged = _networks(project, observed, remarks)
    volumes = _volumes(project, observed, remarks)
    services = {
        name: _service(project, service, observed, options, diverged) for name, service in project.services.items()
    }
    _cascade(services)
    return Survey(services, networks, volumes, frozenset(diverged), tuple(remarks.warnings), tuple(remarks.problems))


def networks_of(project: Project, service: Service) -> list[str]:
    """The keys of a service's networks, the main one first; of the same priority in alphabetical order."""
    if service.network_mode:
        return []
    if not service.networks:
        return ["default"] if "default" in project.networks else []
    return sorted(service.networks, key=lambda key: (-service.networks[key].priority, key))


def volumes_of(project: Project, service: Service) -> list[str]:
    """The keys of the named volumes a service mounts."""
    return [mount.source for mount in service.volumes if mount.type == "volume" and mount.source in project.volumes]


def namespace_providers(service: Service) -> list[str]:
    """The services whose containers this one's refer to by id (a namespace or their volumes)."""
    modes = (service.network_mode, service.ipc, service.pid)
    shared = [mode.removeprefix("service:") for mode in modes if mode.startswith("service:")]
    return shared + [source.partition(":")[0] for source in service.volumes_from if not source.startswith("container:")]


def scale_of(service: Service, options: Options) -> int:
    """How many containers the service should have. Raises `ComposeError` when its fixed name allows only one."""
    wanted = options.scale.get(service.name)
    if wanted is None:
        replicas = service.deploy.replicas if service.deploy else None
        wanted = replicas if replicas is not None else service.scale
    if wanted > 1 and service.container_name:
        raise ComposeError(
            f"service `{service.name}` cannot have {wanted} containers, its container_name is fixed",
            hint="remove `container_name`, or scale it to 1",
        )
    return wanted


def _networks(project: Project, observed: Observed, remarks: Remarks) -> tuple[dict[str, str], set[str]]:
    used = {key for service in project.services.values() for key in networks_of(project, service)}
    wanted = {key: network for key, network in project.networks.items() if key in used}
    missing: dict[str, str] = {}
    diverged: set[str] = set()
    for key, found in _compared("network", project, wanted, observed.networks, remarks):
        if found is None:
            missing[key] = "not there yet"
        elif found.config_hash and found.config_hash != network_hash(project, wanted[key]):
            missing[key] = "configuration changed"
            diverged.add(key)
    return missing, diverged


def _volumes(project: Project, observed: Observed, remarks: Remarks) -> dict[str, str]:
    used = {key for service in project.services.values() for key in volumes_of(project, service)}
    wanted = {key: volume for key, volume in project.volumes.items() if key in used}
    missing: dict[str, str] = {}
    for key, found in _compared("volume", project, wanted, observed.volumes, remarks):
        if found is None:
            missing[key] = "not there yet"
        elif found.config_hash and found.config_hash != volume_hash(project, wanted[key]):
            # Replacing it would lose its data, which only the user may decide.
            remarks.warnings.append(
                f"volume {found.name} exists with another configuration and is kept as it is; "
                "remove it to have it made anew"
            )
    return missing


_NOT_FOUND = {
    "network": "network {name} declared as external, but could not be found",
    "volume": "external volume {name} not found",
}


def _compared(
    kind: Literal["network", "volume"],
    project: Project,
    wanted: Mapping[str, Network | Volume],
    observed: Mapping[str, Found],
    remarks: Remarks,
) -> Iterator[tuple[str, Found | None]]:
    """Yield the project's own resources with what is there of them; an external one that is not is a problem."""
    for key, resource in wanted.items():
        found = observed.get(resource.name)
        if resource.external:
            if found is None:
                remarks.problems.append(
                    ComposeError(
                        _NOT_FOUND[kind].format(name=resource.name),
                        hint=f"run `pycompose engine {kind} create {resource.name}`, or remove `external: true`",
                        subject=(f"{kind}s", key, "external"),
                    )
                )
        elif found is None or found.project == project.name:
            yield key, found
        elif kind == "network" and found.key != key:
            # docker compose refuses it as well: whoever is on it may be strangers.
            remarks.problems.append(
                ComposeError(
                    _foreign(kind, found, project),
                    hint=f"use it by `external: true`, or remove it with `pycompose engine network rm {found.name}`",
                    subject=("networks", key),
                )
            )
        else:
            meant = "it is used as it is (`external: true` says that this is meant)"
            remarks.warnings.append(f"{_foreign(kind, found, project)}: {meant}")


def _foreign(kind: str, found: Found, project: Project) -> str:
    by_whom = f"for project {found.project}" if found.project else "by something else"
    return f"{kind} {found.name} exists, but was made {by_whom}, not for project {project.name}"


def _service(
    project: Project, service: Service, observed: Observed, options: Options, diverged: set[str]
) -> ServiceNeeds:
    providers = {name: found[1] for name in namespace_providers(service) if (found := observed.provider(name))}
    document = service_document(project, service, providers)
    fingerprint = hashlib.sha256(document).hexdigest()
    needs = ServiceNeeds(service, document, fingerprint, content_hash(project, service))
    if service.name in options.untouched:
        return needs
    is_target = not options.targets or service.name in options.targets
    policy = options.recreate if is_target else options.recreate_dependencies
    wanted = scale_of(service, options)
    containers = observed.of_service(service.name)
    verdicts = {item.id: _verdict(project, needs, item, observed, policy) for item in containers}
    # Current ones stay before outdated ones, low numbers before high ones.
    containers.sort(key=lambda item: (bool(verdicts[item.id]), item.number))
    needs.surplus = containers[wanted:]
    for item in containers[:wanted]:
        network = next((key for key in networks_of(project, service) if key in diverged), "")
        if network:
            needs.stale.append(Replacement(item, Verdict(f"network {network} changed")))
        elif verdict := verdicts[item.id]:
            needs.stale.append(Replacement(item, verdict))
        elif item.state in ("running", "restarting"):
            needs.running.append(item)
        else:
            needs.idle.append(item)
    highest = max((item.number for item in containers), default=0)
    needs.new_numbers = [highest + more for more in range(1, wanted - len(containers) + 1)]
    return needs


def _verdict(
    project: Project, needs: ServiceNeeds, item: ObservedContainer, observed: Observed, policy: Recreate
) -> Verdict | None:
    """Why the container has to be replaced; None when it may stay."""
    if item.state in ("dead", "removing"):
        return Verdict(f"it is {item.state}")
    if policy == "never":
        return None
    # What has changed is the better reason, also where nothing needed to.
    return _outdated(project, needs, item, observed) or (Verdict("asked to") if policy == "always" else None)


def _outdated(project: Project, needs: ServiceNeeds, item: ObservedContainer, observed: Observed) -> Verdict | None:
    """In what the container is other than wished; None if in nothing."""
    if item.config_hash != needs.config_hash:
        return Verdict("configuration changed", _differences(item, needs.document))
    if item.labels.get(CONTENT_HASH, needs.content_hash) != needs.content_hash:
        return Verdict("the content of a config or secret changed")
    wanted_image = image_id(observed, image_of(project, needs.service))
    if wanted_image and item.image_id and wanted_image != item.image_id:
        return Verdict("image changed", (Change(("image",), item.image_id, wanted_image),))
    if because := _lost_network(project, needs.service, item, observed):
        return Verdict(because)
    mounted = {mount.name for mount in item.mounts if mount.type == "volume"}
    for key in volumes_of(project, needs.service):
        if project.volumes[key].name not in mounted:
            return Verdict(f"volume {key} not mounted")
    return None


def _differences(item: ObservedContainer, document: bytes) -> tuple[Change, ...]:
    """What is other than when the container was made; docker compose leaves no trace of that."""
    before = unpacked(item.labels.get(CONFIG, ""))
    return () if before is None else tuple(changes(before, msgspec.json.decode(document)))


def _lost_network(project: Project, service: Service, item: ObservedContainer, observed: Observed) -> str:
    """Why the container cannot come to a network of its service; "" if it can."""
    connected = {*item.networks, *item.networks.values()}
    for key in networks_of(project, service):
        name = project.networks[key].name
        found = observed.networks.get(name)
        # One that is to be made anew, too: who left the old one does not come back to it by itself.
        if name not in connected and not (found and found.id in connected):
            return f"not connected to network {key}"
        # Docker has containers remember the id (Podman the name): a `down` that was cut off may have removed it.
        if (known := item.networks.get(name)) and (found is None or known not in (found.id, name)):
            return f"its network {key} is gone"
    return ""


def _cascade(services: dict[str, ServiceNeeds]) -> None:
    """Replace what refers to the id of a container that is going to be replaced."""
    changed = True
    while changed:
        changed = False
        for needs in services.values():
            provider = next(
                (name for name in namespace_providers(needs.service) if name in services and services[name].stale), ""
            )
            current = needs.running + needs.idle
            if provider and current:
                needs.stale += [Replacement(item, Verdict(f"{provider} is replaced")) for item in current]
                needs.running, needs.idle = [], []
                changed = True
