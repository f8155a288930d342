"""What a client wants built."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from engine.wire.containers import Ulimit
from engine.wire.images import AuthConfig


class BuildOrder(Struct, frozen=True, kw_only=True):
    """The parameters of one build. `args` with a value of None take the engine's variable, which is none: left out.

    `remote` is a URL or git address instead of a context in the body. `contexts` are named contexts: another image
    (`docker-image://…`), a URL, or "" for one that came along with the context. `is_trusted` allows
    `RUN --security=insecure`. `ssh` are agent sockets by id. Secrets are never in here: the body begins with
    `enclosed_bytes` bytes of an `Enclosure`, and the context comes behind it.
    `no_cache_stages` names the stages that are built anew, in lower case.
    `uses_only_cache_from` leaves out the steps that were made here for other images, as Docker's classic builder does.
    """

    dockerfile: str = "Dockerfile"
    tags: tuple[str, ...] = ()
    remote: str = ""
    target: str = ""
    args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    no_cache: bool = False
    no_cache_stages: tuple[str, ...] = ()
    pull: bool = False
    is_quiet: bool = False
    is_trusted: bool = False
    cache_from: tuple[str, ...] = ()
    uses_only_cache_from: bool = False
    cache_to: tuple[str, ...] = ()
    network: str = ""
    platform: str = ""
    extra_hosts: tuple[str, ...] = ()
    shm_size: int = 0
    memory: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    ulimits: tuple[Ulimit, ...] = ()
    registries: Mapping[str, AuthConfig] = {}
    contexts: Mapping[str, str] = {}
    ssh: Mapping[str, str] = {}
    extras: str = ""
    enclosed_bytes: int = 0

    @property
    def given_args(self) -> dict[str, str]:
        """The arguments that have a value."""
        return {name: value for name, value in self.args.items() if value is not None}
