"""The mounts of a container that are not the user's: /proc, /dev, /sys and what is hidden of them, as Docker's."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from engine.runtime.oci.launch import HOST, Launch, OciMount

INIT_PATH = "/sbin/docker-init"
_DEFAULT_SHM_BYTES = 64 << 20
_STAYS_WRITABLE = frozenset({"/proc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"})

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_DEFAULT: tuple[OciMount, ...] = (
    OciMount("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    OciMount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    OciMount(
        "/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    ),
    OciMount("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    OciMount("/sys/fs/cgroup", "cgroup", "cgroup", ("ro", "nosuid", "noexec", "nodev")),
    OciMount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    OciMount("/dev/shm", "shm", "tmpfs", ("nosuid", "noexec", "nodev", "mode=1777")),
)


# Whoever mounts cgroup v2 outside of a cgroup namespace of its own sets the options of the whole machine, and would
# switch off what systemd needs (nsdelegate, memory_recursiveprot): the host's mount is shown instead.
_HOST_CGROUPS = OciMount("/sys/fs/cgroup", "/sys/fs/cgroup", "bind", ("rbind", "ro", "nosuid", "noexec", "nodev"))


def container_mounts(
    launch: Launch, *, has_writable_cgroups: bool = False, shares_unified_cgroups: bool = False
) -> list[dict[str, Any]]:
    """All mounts in order: the default ones that the user did not replace, the user's, the init program."""
    defaults = [_HOST_CGROUPS if one.type == "cgroup" and shares_unified_cgroups else one for one in _DEFAULT]
    users = {mount.destination for mount in launch.mounts}
    writable = {"/sys", "/sys/fs/cgroup"} if launch.host_config.privileged else set()
    if has_writable_cgroups:
        writable.add("/sys/fs/cgroup")
    mounts = [mount for mount in _default_mounts(defaults, launch, writable) if _is_kept(mount.destination, users)]
    if launch.host_config.readonly_rootfs and not launch.host_config.privileged:
        mounts = [_read_only(mount) for mount in mounts]
    mounts += launch.mounts
    if has_init(launch):
        mounts.append(OciMount(INIT_PATH, str(launch.init), "bind", ("bind", "ro")))
    return [
        {"destination": one.destination, "type": one.type, "source": one.source, "options": list(one.options)}
        for one in mounts
    ]


def has_init(launch: Launch) -> bool:
    """An init process is added only where the container has processes of its own: not in a joined PID namespace."""
    return bool(launch.host_config.init) and launch.init is not None and launch.pid_namespace is None


def rootfs_propagation(mounts: Iterable[OciMount]) -> str | None:
    """What the root's propagation must be for the mounts below it to propagate as asked."""
    options = {option for mount in mounts for option in mount.options}
    if options & {"shared", "rshared"}:
        return "shared"
    return "rslave" if options & {"slave", "rslave"} else None


def _default_mounts(defaults: Iterable[OciMount], launch: Launch, writable: Container[str]) -> Iterable[OciMount]:
    for mount in defaults:
        if mount.destination == "/dev/shm":
            yield from _shared_memory(mount, launch)
        elif mount.destination in writable:
            yield _with(mount, [option for option in mount.options if option != "ro"])
        else:
            yield mount


def _shared_memory(mount: OciMount, launch: Launch) -> Iterable[OciMount]:
    if launch.host_config.ipc_mode == "none":
        return
    if launch.ipc_namespace is HOST:
        yield OciMount("/dev/shm", "/dev/shm", "bind", ("rbind", "rprivate"))
        return
    yield _with(mount, [*mount.options, f"size={launch.host_config.shm_size or _DEFAULT_SHM_BYTES}"])


def _is_kept(destination: str, users: set[str]) -> bool:
    return destination not in users and not ("/dev" in users and destination.startswith("/dev/"))


def _read_only(mount: OciMount) -> OciMount:
    if mount.destination in _STAYS_WRITABLE or "ro" in mount.options:
        return mount
    return _with(mount, [*mount.options, "ro"])


def _with(mount: OciMount, options: Sequence[str]) -> OciMount:
    return OciMount(mount.destination, mount.source, mount.type, tuple(options))
