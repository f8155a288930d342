"""Linux capabilities: Docker's default set and what `cap_add`, `cap_drop` and `privileged` make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.errors import BadRequest

# In the order of their numbers (capabilities(7), linux/capability.h).
_NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
_DEFAULT_NAMES = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE
"""
ALL: tuple[str, ...] = tuple(f"CAP_{name}" for name in _NAMES.split())
DEFAULT: tuple[str, ...] = tuple(f"CAP_{name}" for name in _DEFAULT_NAMES.split())


def from_mask(mask: int) -> frozenset[str]:
    """The names in a bit mask as in `CapEff:` of /proc/PID/status."""
    return frozenset(name for number, name in enumerate(ALL) if mask >> number & 1)


def unknown_capability(names: Iterable[str]) -> str | None:
    """The first of these names that is no capability, in full (`CAP_…`)."""
    full = (_full(name) for name in names)
    return next((name for name in full if name not in ("ALL", *ALL)), None)


def container_capabilities(
    added: Sequence[str], dropped: Sequence[str], *, is_privileged: bool, available: frozenset[str]
) -> tuple[str, ...]:
    """The capabilities of a container, as Docker decides them.

    `available` are those that the engine itself has: no process can pass on more. Raises `BadRequest` for an
    unknown capability, or one that was asked for by name and is not available.
    """
    if is_privileged:
        return tuple(name for name in ALL if name in available)
    wanted = _normalise(added, available)
    unwanted = set(_normalise(dropped, frozenset(ALL)))
    if "ALL" in wanted:
        return tuple(name for name in ALL if name in available and name not in unwanted)
    base = () if "ALL" in unwanted else tuple(name for name in DEFAULT if name not in unwanted)
    chosen = dict.fromkeys((*base, *wanted))
    return tuple(name for name in chosen if name in available)


def _normalise(names: Iterable[str], available: frozenset[str]) -> list[str]:
    normalised = []
    for given in names:
        name = _full(given)
        if name != "ALL":
            if name not in ALL:
                raise BadRequest(f'invalid capability: unknown capability: "{given}"')
            if name not in available:
                raise BadRequest(
                    f'capability not available here: "{name}"', hint="the engine itself runs without this capability"
                )
        normalised.append(name)
    return normalised


def _full(given: str) -> str:
    name = given.upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"
