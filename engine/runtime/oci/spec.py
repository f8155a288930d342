"""A `Launch` to an OCI runtime spec, with Docker's defaults (runtime-spec, config.md and config-linux.md).

Pure but for one thing: devices that were asked for are looked up on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.errors import BadRequest
from engine.runtime.facts import HostFacts
from engine.runtime.oci import devices, seccomp
from engine.runtime.oci.capabilities import container_capabilities
from engine.runtime.oci.launch import HOST, Identity, Launch, Namespace, OciMount
from engine.runtime.oci.mounts import (
    INIT_PATH,
    MASKED_PATHS,
    READONLY_PATHS,
    container_mounts,
    has_init,
    rootfs_propagation,
)
from engine.runtime.oci.resources import resources
from engine.runtime.oci.security import SecurityOptions, parse_security_options

_UNLIMITED = 2**64 - 1


def oci_spec(launch: Launch, host: HostFacts) -> dict[str, Any]:
    """The spec of a container. Raises `BadRequest` for a wish that is malformed or that this host cannot grant."""
    security = parse_security_options(launch.host_config.security_opt)
    granted = container_capabilities(
        launch.host_config.cap_add,
        launch.host_config.cap_drop,
        is_privileged=launch.host_config.privileged,
        available=host.capabilities,
    )
    mounts = container_mounts(
        launch,
        has_writable_cgroups=security.has_writable_cgroups,
        shares_unified_cgroups=host.cgroup_version == 2 and not _has_own_cgroups(launch, host),
    )
    spec: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": _process(launch, host, security, granted),
        "root": {"path": str(launch.rootfs), "readonly": launch.host_config.readonly_rootfs},
        "mounts": mounts,
        "linux": _linux(launch, host, security, granted),
    }
    if launch.uts_namespace is None:
        spec["hostname"] = launch.hostname
    if launch.host_config.annotations:
        spec["annotations"] = dict(launch.host_config.annotations)
    return spec


def _process(launch: Launch, host: HostFacts, security: SecurityOptions, granted: tuple[str, ...]) -> dict[str, Any]:
    arguments = list(launch.arguments)
    if has_init(launch):
        arguments = [INIT_PATH, "--", *arguments]
    process: dict[str, Any] = {
        "terminal": launch.terminal,
        "user": user(launch.identity),
        "args": arguments,
        "env": environment(launch.environment, launch.identity),
        "cwd": launch.config.working_dir or "/",
        "capabilities": capability_sets(granted),
        "noNewPrivileges": security.no_new_privileges,
    }
    if launch.terminal and any(launch.host_config.console_size):
        height, width = launch.host_config.console_size
        process["consoleSize"] = {"height": height, "width": width}
    if limits := _rlimits(launch, host):
        process["rlimits"] = limits
    if (score := _oom_score(launch.host_config.oom_score_adj, host)) != host.oom_score_adj:
        process["oomScoreAdj"] = score
    if host.has_apparmor and security.apparmor:
        process["apparmorProfile"] = security.apparmor
    return process


def user(identity: Identity) -> dict[str, Any]:
    """The `process.user` section; the primary group is among the additional ones, as in Docker."""
    groups = dict.fromkeys((identity.gid, *identity.groups))
    return {"uid": identity.uid, "gid": identity.gid, "additionalGids": list(groups)}


def environment(variables: tuple[str, ...], identity: Identity) -> list[str]:
    """The variables, with HOME of the user added last where nobody set it."""
    has_home = any(variable.startswith("HOME=") for variable in variables)
    return list(variables) if has_home else [*variables, f"HOME={identity.home or '/'}"]


def capability_sets(granted: Sequence[str]) -> dict[str, Any]:
    """The capability sets of a process. A user other than root loses the last two when it executes the program."""
    return {"bounding": list(granted), "effective": list(granted), "permitted": list(granted)}


def _rlimits(launch: Launch, host: HostFacts) -> list[dict[str, Any]]:
    limits = []
    for wish in launch.host_config.ulimits:
        name = wish.name.lower()
        if name not in host.hard_limits:
            raise BadRequest(f"invalid ulimit type: {wish.name}")
        soft, hard = (_UNLIMITED if value < 0 else value for value in (wish.soft, wish.hard))
        if soft > hard:
            raise BadRequest(f"ulimit soft limit must be less than or equal to hard limit: {wish.soft} > {wish.hard}")
        ceiling = host.hard_limits[name]
        is_above = 0 <= ceiling < hard
        if is_above and "CAP_SYS_RESOURCE" not in host.capabilities:
            raise BadRequest(
                f"ulimit {name}={wish.hard} is above this machine's hard limit {ceiling}",
                hint="the engine lacks CAP_SYS_RESOURCE, which raising it needs",
            )
        limits.append({"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard})
    if host.open_files and not any(wish.name.lower() == "nofile" for wish in launch.host_config.ulimits):
        soft, hard = host.open_files
        limits.append({"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard})
    return limits


def _oom_score(wish: int, host: HostFacts) -> int:
    """A container does not inherit the engine's own score, by which a service is spared when memory is short."""
    if wish < host.oom_score_adj and "CAP_SYS_RESOURCE" not in host.capabilities:
        if wish == 0:  # nobody asked for it
            return host.oom_score_adj
        raise BadRequest(
            f"oom_score_adj {wish} is below the engine's own {host.oom_score_adj}",
            hint="the engine lacks CAP_SYS_RESOURCE, which lowering it needs",
        )
    return wish


def _linux(launch: Launch, host: HostFacts, security: SecurityOptions, granted: tuple[str, ...]) -> dict[str, Any]:
    config = launch.host_config
    devices.check_requests(config.device_requests)
    nodes, rules = devices.container_devices(config)
    limits = resources(config, host, devices.device_numbers)
    linux: dict[str, Any] = {
        "namespaces": _namespaces(launch, host),
        "cgroupsPath": launch.cgroup,
        "resources": {"devices": rules, **limits},
        "devices": [node.oci() for node in nodes],
        "sysctl": _sysctls(launch, host),
        "maskedPaths": _hidden(config.masked_paths, MASKED_PATHS, is_privileged=config.privileged),
        "readonlyPaths": _hidden(config.readonly_paths, READONLY_PATHS, is_privileged=config.privileged),
    }
    if propagation := rootfs_propagation(launch.mounts):
        linux["rootfsPropagation"] = propagation
    if (profile := security.profile(is_privileged=config.privileged)) is not None:
        resolve = seccomp.resolve_default if profile is seccomp.default_profile() else partial(seccomp.resolve, profile)
        linux["seccomp"] = resolve(capabilities=frozenset(granted), machine=host.machine, kernel=host.kernel)
    return linux


def _hidden(wished: list[str] | None, default: tuple[str, ...], *, is_privileged: bool) -> list[str]:
    if wished is not None:
        return wished
    return [] if is_privileged else list(default)


def _namespaces(launch: Launch, host: HostFacts) -> list[dict[str, str]]:
    wanted: list[tuple[str, Namespace]] = [
        ("mount", None),
        ("network", launch.network_namespace or HOST),
        ("uts", launch.uts_namespace),
        ("pid", launch.pid_namespace),
        ("ipc", launch.ipc_namespace),
        ("cgroup", None if _has_own_cgroups(launch, host) else HOST),
    ]
    return [_namespace(kind, choice) for kind, choice in wanted if choice is not HOST]


def _namespace(kind: str, choice: Namespace) -> dict[str, str]:
    return {"type": kind} if choice is None else {"type": kind, "path": str(choice)}


def _has_own_cgroups(launch: Launch, host: HostFacts) -> bool:
    """Private on v2 and shared on v1 unless chosen, as with a dockerd without settings."""
    mode = launch.host_config.cgroupns_mode
    return mode == "private" or (not mode and host.cgroup_version == 2)


def _sysctls(launch: Launch, host: HostFacts) -> dict[str, str]:
    settings: dict[str, str] = {}
    mode = launch.host_config.network_mode
    has_own_network = launch.network_namespace is not None and not mode.startswith("container:")
    if has_own_network:
        # Ping and low ports without capabilities, as Docker: they are the container's own network's.
        if "net.ipv4.ping_group_range" in host.sysctls:
            settings["net.ipv4.ping_group_range"] = "0 2147483647"
        if "net.ipv4.ip_unprivileged_port_start" in host.sysctls:
            settings["net.ipv4.ip_unprivileged_port_start"] = "0"
    if launch.config.domainname and launch.uts_namespace is None:
        settings["kernel.domainname"] = launch.config.domainname
    settings.update(launch.host_config.sysctls)
    return settings


__all__ = ["HOST", "Identity", "Launch", "OciMount", "capability_sets", "environment", "oci_spec", "user"]
