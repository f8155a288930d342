"""What Docker fills in for what a request leaves open, so that an inspection shows what holds. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.runtime.facts import HostFacts
from engine.runtime.mounts import MASKED_PATHS, READONLY_PATHS
from engine.wire.containers import HostConfig, LogConfig

_SHARED_MEMORY_BYTES: Final = 64 << 20


def with_defaults(host: HostConfig, facts: HostFacts, *, default_runtime: str) -> HostConfig:
    """The host configuration as it is kept, complete."""
    found: dict[str, Any] = {
        "network_mode": "bridge" if host.network_mode in ("", "default") else host.network_mode,
        "ipc_mode": host.ipc_mode or "private",
        "shm_size": host.shm_size or _SHARED_MEMORY_BYTES,
        "runtime": host.runtime or default_runtime,
        "cgroupns_mode": host.cgroupns_mode or _cgroup_namespace(facts),
        "security_opt": [*host.security_opt, *_labels(host)],
    }
    if not host.log_config.type:
        found["log_config"] = LogConfig(type="json-file", config=host.log_config.config)
    if not host.restart_policy.name:
        found["restart_policy"] = msgspec.structs.replace(host.restart_policy, name="no")
    if host.memory > 0 and host.memory_swap == 0:
        found["memory_swap"] = 2 * host.memory
    if host.oom_kill_disable is None and facts.cgroup_version == 1:
        found["oom_kill_disable"] = False
    if not host.privileged:
        found["masked_paths"] = list(MASKED_PATHS) if host.masked_paths is None else host.masked_paths
        found["readonly_paths"] = list(READONLY_PATHS) if host.readonly_paths is None else host.readonly_paths
    return msgspec.structs.replace(host, **found)


def _cgroup_namespace(facts: HostFacts) -> str:
    """Private on version 2, shared on version 1, as with a dockerd without settings."""
    return "private" if facts.cgroup_version == 2 else "host"


def _labels(host: HostConfig) -> list[str]:
    """A container that sees the host's processes cannot be confined by labels."""
    has_own = any(option.startswith("label") for option in host.security_opt)
    is_open = host.privileged or host.pid_mode == "host" or host.ipc_mode == "host"
    return ["label=disable"] if is_open and not has_own else []
