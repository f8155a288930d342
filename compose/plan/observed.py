"""What exists on the engine now, as far as a project is concerned. Filled by `compose.apply.looking.observe`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from compose.lazy import lazy_pattern

_ANONYMOUS = lazy_pattern(r"[0-9a-f]{64}")


class ObservedMount(Struct, frozen=True):
    """A mount of a container; `name` is the volume's, `source` the host's path."""

    type: str
    destination: str
    name: str = ""
    source: str = ""
    is_writable: bool = True


class ObservedPort(Struct, frozen=True):
    """A port in a listing; `public` is 0 and `ip` empty when it is not published."""

    private: int
    public: int = 0
    ip: str = ""
    protocol: str = "tcp"


class ObservedContainer(Struct, frozen=True):
    """A container of the project. `state` is Docker's (`running`, `exited` …), `networks` maps names to ids."""

    id: str
    name: str
    service: str
    number: int = 1
    state: str = "running"
    config_hash: str = ""
    image: str = ""
    image_id: str = ""
    is_one_off: bool = False
    depends_on: tuple[str, ...] = ()
    networks: Mapping[str, str] = {}
    mounts: tuple[ObservedMount, ...] = ()
    ports: tuple[ObservedPort, ...] = ()
    command: str = ""
    created: int = 0
    status: str = ""
    labels: Mapping[str, str] = {}

    @property
    def is_unwell(self) -> bool:
        """Whether it has a health check that has failed, or has not said anything yet."""
        return self.status.endswith(("(unhealthy)", "(health: starting)"))

    @property
    def anonymous_volumes(self) -> tuple[ObservedMount, ...]:
        """Those of its mounts that nobody has given a name."""
        return tuple(mount for mount in self.mounts if mount.type == "volume" and _ANONYMOUS.fullmatch(mount.name))


class ObservedNetwork(Struct, frozen=True):
    """A network; `project`, `key` and `config_hash` are empty where nobody's labels say."""

    id: str
    name: str
    project: str = ""
    key: str = ""
    config_hash: str = ""


class ObservedVolume(Struct, frozen=True):
    """A volume; `project`, `key` and `config_hash` are empty where nobody's labels say."""

    name: str
    project: str = ""
    key: str = ""
    config_hash: str = ""


class Observed(Struct, frozen=True):
    """One look at the engine: the project's containers, every network and volume by name, local images by reference.

    `due` are those images (in Docker's short form) that are older than their services' pull policies want.
    """

    containers: tuple[ObservedContainer, ...] = ()
    networks: Mapping[str, ObservedNetwork] = {}
    volumes: Mapping[str, ObservedVolume] = {}
    images: Mapping[str, str] = {}
    due: frozenset[str] = frozenset()

    def of_service(self, name: str) -> list[ObservedContainer]:
        """The service's own containers (no one-off ones), by number."""
        mine = [item for item in self.containers if item.service == name and not item.is_one_off]
        return sorted(mine, key=lambda item: (item.number, item.created))

    def orphans(self, known_services: Collection[str]) -> list[ObservedContainer]:
        """The containers whose service is in none of the project's files, by name."""
        left = [item for item in self.containers if item.service not in known_services and not item.is_one_off]
        return sorted(left, key=lambda item: item.name)

    def provider(self, name: str) -> tuple[str, str] | None:
        """The name and id of the container that stands for a service where its namespaces or volumes are shared.

        It is the first by name, as with docker compose: its id counts for the hashes of those who share.
        """
        return min(((item.name, item.id) for item in self.of_service(name)), default=None)
