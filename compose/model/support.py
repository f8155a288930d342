"""Which attributes of the Compose Specification have an effect, and why the others have none.

What is in no rule is honoured by our engine and by Docker alike. `pycompose support` prints this table, and the
warnings about a project's attributes without effect come from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

# refused: using it is an error. swarm, windows: only a cluster of Docker's, only Docker on Windows knows it.
Level = Literal["yes", "partly", "no", "refused", "swarm", "windows"]
WITHOUT_EFFECT: frozenset[Level] = frozenset({"no", "swarm", "windows"})


class Rule(msgspec.Struct, frozen=True):
    """How an attribute, and everything below it, is honoured by our engine (`here`) and by docker compose.

    `fine` are values which lose nothing, and `lost` the only ones that do; a mapping is fine if all its keys are.
    `is_quiet`: nobody has to be warned, because nothing was to be expected.
    """

    here: Level
    docker: Level
    reason: str
    fine: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    is_quiet: bool = False

    @property
    def effect(self) -> str:
        """What becomes of a value that loses something."""
        return "has no effect" if self.here in WITHOUT_EFFECT and not self.lost else "is not honoured in full"

    def loses(self, value: object, *, with_docker: bool) -> bool:
        """Whether this value of the attribute has no effect."""
        level = self.docker if with_docker else self.here
        if self.is_quiet or level == "yes" or value in (None, False, "", [], {}):
            return False
        if self.lost:
            return _words(value, self.lost)
        if self.fine:
            return not _words(value, self.fine)
        return level in WITHOUT_EFFECT


def _words(value: object, known: frozenset[str]) -> bool:
    """Whether the value is one of the known words, or a mapping of nothing else."""
    return set(map(str, value)) <= known if isinstance(value, dict) else str(value) in known


_SWARM_ONLY = "only Swarm spreads and updates replicas over nodes"
_WINDOWS_ONLY = "only Windows containers have it"
_CGROUP_V1 = "only with cgroup v1: cgroup v2 has no such control"
_FILE_OWNER = "only with `content` or `environment`; a file is mounted with the owner and mode that it has"
_STORE = "only Swarm keeps configs and secrets in a store of its own"
_EXTERNAL_FILE = "there is no store of configs and secrets outside the project"
_REQUESTS = "there is no driver that finds GPUs and other devices by capability; `devices` gives them by path"

_SERVICE = {
    "build.isolation": Rule("windows", "windows", _WINDOWS_ONLY, fine=frozenset({"default"})),
    "build.platforms": Rule("partly", "yes", "this machine's own only", is_quiet=True),
    "build.provenance": Rule("no", "yes", "images have no attestations", is_quiet=True),
    "build.sbom": Rule("no", "yes", "images have no attestations", is_quiet=True),
    "configs.uid": Rule("partly", "partly", _FILE_OWNER),
    "configs.gid": Rule("partly", "partly", _FILE_OWNER),
    "configs.mode": Rule("partly", "partly", _FILE_OWNER),
    "cpu_count": Rule("windows", "windows", _WINDOWS_ONLY),
    "cpu_percent": Rule("windows", "windows", _WINDOWS_ONLY),
    "cpu_rt_period": Rule("partly", "partly", "needs cgroup v1 and a kernel with real-time group scheduling"),
    "cpu_rt_runtime": Rule("partly", "partly", "needs cgroup v1 and a kernel with real-time group scheduling"),
    "credential_spec": Rule("windows", "windows", _WINDOWS_ONLY),
    "deploy.endpoint_mode": Rule("swarm", "swarm", "only Swarm has virtual addresses for services"),
    "deploy.labels": Rule("swarm", "swarm", "these are a Swarm service's; containers have those of `labels`"),
    "deploy.mode": Rule(
        "partly",
        "partly",
        "`replicated`, whatever it says: the others need Swarm",
        lost=frozenset({"global", "replicated-job", "global-job"}),
    ),
    "deploy.placement": Rule("swarm", "swarm", "there is one node; only Swarm places containers"),
    "deploy.resources.reservations.cpus": Rule(
        "swarm", "swarm", "only Swarm reserves CPUs, on the nodes that it chooses"
    ),
    "deploy.resources.reservations.devices": Rule("refused", "yes", _REQUESTS),
    "deploy.resources.reservations.generic_resources": Rule("swarm", "swarm", "only Swarm knows what a node offers"),
    "deploy.restart_policy.delay": Rule("swarm", "swarm", "the engine waits 100 ms, and twice as long each time"),
    "deploy.restart_policy.window": Rule("swarm", "swarm", "the engine takes a start of 10 s for a success"),
    "deploy.rollback_config": Rule("swarm", "swarm", _SWARM_ONLY),
    "deploy.update_config": Rule("swarm", "swarm", _SWARM_ONLY),
    "gpus": Rule("refused", "yes", _REQUESTS),
    "isolation": Rule("windows", "windows", _WINDOWS_ONLY, fine=frozenset({"default"})),
    "logging.driver": Rule(
        "yes", "yes", "json-file, local, journald and none, with all their options; another is an error", is_quiet=True
    ),
    "mem_swappiness": Rule("partly", "partly", _CGROUP_V1),
    "oom_kill_disable": Rule("partly", "partly", _CGROUP_V1),
    "ports.app_protocol": Rule("no", "no", "a note for people and tools", is_quiet=True),
    "ports.mode": Rule(
        "partly",
        "partly",
        "ports are published on this host in either mode; only Swarm tells them apart",
        is_quiet=True,
    ),
    "ports.name": Rule("no", "no", "a note for people and tools", is_quiet=True),
    "pull_policy": Rule(
        "yes",
        "yes",
        "what docker compose knows besides the specification, `refresh`, counts as `missing`, as there",
        is_quiet=True,
    ),
    "pull_refresh_after": Rule("no", "no", "docker compose does not know it either: use `pull_policy: every_12h`"),
    "runtime": Rule(
        "partly", "yes", "crun, runc and youki, those that are installed; another is an error", is_quiet=True
    ),
    "secrets.uid": Rule("partly", "partly", _FILE_OWNER),
    "secrets.gid": Rule("partly", "partly", _FILE_OWNER),
    "secrets.mode": Rule("partly", "partly", _FILE_OWNER),
    "security_opt": Rule("partly", "yes", "SELinux labels (`label=…`) have no effect", is_quiet=True),
    "storage_opt": Rule("refused", "yes", "containers have no disk quota, nor have Docker's without XFS and `pquota`"),
    "userns_mode": Rule("no", "yes", "containers have the host's users, as with `host`", fine=frozenset({"host"})),
    "volumes.bind.selinux": Rule("no", "yes", "files are not relabelled for SELinux", is_quiet=True),
    "volumes.consistency": Rule("no", "no", "was for Docker Desktop, and is ignored on Linux", is_quiet=True),
    "volumes.type": Rule(
        "partly", "partly", "npipe and cluster are errors: Windows and Swarm have them", is_quiet=True
    ),
}

RULES: dict[str, Rule] = {
    "version": Rule("no", "no", "obsolete: every file is read by the same rules", is_quiet=True),
    **{f"services.*.{path}": rule for path, rule in _SERVICE.items()},
    "networks.*.attachable": Rule(
        "swarm", "swarm", "every container may be attached; only Swarm forbids it", is_quiet=True
    ),
    "networks.*.driver": Rule(
        "partly", "yes", "bridge, and macvlan and ipvlan where the kernel has them; another is an error", is_quiet=True
    ),
    "networks.*.ipam.driver": Rule("partly", "yes", "default; another is an error", is_quiet=True),
    "networks.*.ipam.options": Rule("no", "no", "docker compose passes them to nobody"),
    "volumes.*.driver": Rule("partly", "yes", "local; another is an error", is_quiet=True),
    **{
        f"{section}.*.{name}": rule
        for section in ("configs", "secrets")
        for name, rule in {
            "driver": Rule("swarm", "swarm", _STORE),
            "driver_opts": Rule("swarm", "swarm", _STORE),
            "external": Rule("refused", "refused", _EXTERNAL_FILE),
            "labels": Rule("swarm", "swarm", _STORE),
            "name": Rule("swarm", "swarm", _STORE, is_quiet=True),
            "template_driver": Rule("swarm", "swarm", _STORE),
        }.items()
    },
}


def rule_of(path: str) -> Rule | None:
    """The rule of an attribute (`services.*.deploy.placement.constraints`), which may stand above it."""
    return next((RULES[above] for above in _upwards(path) if above in RULES), None)


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
