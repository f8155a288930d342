"""What Docker fills in for what a request leaves open, so that an inspection shows what holds. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.runtime.facts import HostFacts
from engine.runtime.oci.mounts import MASKED_PATHS, READONLY_PATHS
from engine.wire.containers import HostConfig, LogConfig, Ulimit

_SHARED_MEMORY_BYTES: Final = 64 << 20
_HALF: Final = 1 << 62
_PLAIN_LOG: Final = LogConfig(type="json-file")


class ContainerDefaults(Struct, frozen=True):
    """What the daemon's settings say for containers whose request says nothing. `seccomp_profile` is the profile's
    JSON, or a word of `--security-opt seccomp=`; `host_gateways` are the addresses that `host-gateway` stands for.
    """

    log: LogConfig = _PLAIN_LOG
    ulimits: tuple[Ulimit, ...] = ()
    shm_size: int = _SHARED_MEMORY_BYTES
    cgroupns_mode: str = ""
    ipc_mode: str = "private"
    init: bool = False
    no_new_privileges: bool = False
    seccomp_profile: str = ""
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    host_gateways: tuple[str, ...] = ()


BUILT_IN: Final = ContainerDefaults()


def with_defaults(
    host: HostConfig, facts: HostFacts, *, default_runtime: str, told: ContainerDefaults = BUILT_IN
) -> HostConfig:
    """The host configuration as it is kept, complete."""
    found: dict[str, Any] = {
        "network_mode": "bridge" if host.network_mode in ("", "default") else host.network_mode,
        "ipc_mode": host.ipc_mode or told.ipc_mode,
        "shm_size": host.shm_size or told.shm_size,
        "runtime": host.runtime or default_runtime,
        "cgroupns_mode": host.cgroupns_mode or _cgroup_namespace(host, facts, told),
        "security_opt": [*host.security_opt, *_labels(host), *_security(host, told)],
        "log_config": _log(host.log_config, told.log),
        "ulimits": _ulimits(host.ulimits, told.ulimits),
        "extra_hosts": _hosts(host.extra_hosts, told.host_gateways),
    }
    if host.init is None and told.init:
        found["init"] = True
    if not host.network_mode.startswith("container:"):
        found["dns"] = host.dns or list(told.dns)
        found["dns_options"] = host.dns_options or list(told.dns_options)
        found["dns_search"] = host.dns_search or list(told.dns_search)
    return msgspec.structs.replace(host, **found, **_limits(host, facts))


def _limits(host: HostConfig, facts: HostFacts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not host.restart_policy.name:
        found["restart_policy"] = msgspec.structs.replace(host.restart_policy, name="no")
    if host.memory > 0 and host.memory_swap == 0:
        # As much as 64 bits hold is no limit.
        found["memory_swap"] = 2 * host.memory if host.memory < _HALF else -1
    if host.oom_kill_disable is None and facts.cgroup_version == 1:
        found["oom_kill_disable"] = False
    if not host.privileged:
        found["masked_paths"] = list(MASKED_PATHS) if host.masked_paths is None else host.masked_paths
        found["readonly_paths"] = list(READONLY_PATHS) if host.readonly_paths is None else host.readonly_paths
    return found


def _log(wish: LogConfig, told: LogConfig) -> LogConfig:
    """The settings' options belong to the settings' driver."""
    if wish.type not in ("", told.type):
        return wish
    return LogConfig(type=told.type, config={**told.config, **wish.config})


def _ulimits(wishes: list[Ulimit], told: Sequence[Ulimit]) -> list[Ulimit]:
    named = {ulimit.name for ulimit in wishes}
    return [*wishes, *(ulimit for ulimit in told if ulimit.name not in named)]


def _hosts(wishes: list[str], gateways: Sequence[str]) -> list[str]:
    if not gateways:
        return wishes
    named = (re.fullmatch(r"(.+?[:=])host-gateway", wish) for wish in wishes)
    found = [[f"{match[1]}{address}" for address in gateways] if match else [] for match in named]
    return [entry for wish, entries in zip(wishes, found, strict=True) for entry in entries or [wish]]


def _security(host: HostConfig, told: ContainerDefaults) -> list[str]:
    named = {re.split("[=:]", option, maxsplit=1)[0] for option in host.security_opt}
    options = []
    if told.no_new_privileges and "no-new-privileges" not in named:
        options.append("no-new-privileges")
    if told.seccomp_profile and "seccomp" not in named and not host.privileged:
        options.append(f"seccomp={told.seccomp_profile}")
    return options


def _cgroup_namespace(host: HostConfig, facts: HostFacts, told: ContainerDefaults) -> str:
    """Unless told: private on version 2, shared on version 1, as with a dockerd without settings."""
    if told.cgroupns_mode:
        return "host" if host.privileged and facts.cgroup_version == 1 else told.cgroupns_mode
    return "private" if facts.cgroup_version == 2 else "host"


def _labels(host: HostConfig) -> list[str]:
    """A container that sees the host's processes cannot be confined by labels."""
    has_own = any(option.startswith("label") for option in host.security_opt)
    is_open = host.privileged or host.pid_mode == "host" or host.ipc_mode == "host"
    return ["label=disable"] if is_open and not has_own else []
