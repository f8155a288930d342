"""What exists on the engine now, as far as a project is concerned. Filled by `compose.apply.observe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ObservedMount:
    """A mount of a container; `name` is the volume's, `source` the host's path."""

    type: str
    destination: str
    name: str = ""
    source: str = ""
    is_writable: bool = True


@dataclass(frozen=True, slots=True)
class ObservedPort:
    """A port in a listing; `public` is 0 and `ip` empty when it is not published."""

    private: int
    public: int = 0
    ip: str = ""
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class ObservedContainer:
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
    networks: Mapping[str, str] = field(default_factory=dict[str, str])
    mounts: tuple[ObservedMount, ...] = ()
    ports: tuple[ObservedPort, ...] = ()
    command: str = ""
    created: int = 0
    status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ObservedNetwork:
    """A network; `project`, `key` and `config_hash` are empty where nobody's labels say."""

    id: str
    name: str
    project: str = ""
    key: str = ""
    config_hash: str = ""


@dataclass(frozen=True, slots=True)
class ObservedVolume:
    """A volume; `project`, `key` and `config_hash` are empty where nobody's labels say."""

    name: str
    project: str = ""
    key: str = ""
    config_hash: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at the engine: the project's containers, every network and volume by name, local images by reference."""

    containers: tuple[ObservedContainer, ...] = ()
    networks: Mapping[str, ObservedNetwork] = field(default_factory=dict[str, ObservedNetwork])
    volumes: Mapping[str, ObservedVolume] = field(default_factory=dict[str, ObservedVolume])
    images: Mapping[str, str] = field(default_factory=dict[str, str])

    def of_service(self, name: str) -> list[ObservedContainer]:
        """The service's own containers (no one-off ones), by number."""
        mine = [item for item in self.containers if item.service == name and not item.is_one_off]
        return sorted(mine, key=lambda item: (item.number, item.created))
