"""The local driver's options `type`, `o` and `device`, as mount(8) has them, turned into a mount(2) call. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.errors import BadRequest
from engine.kernel.mounts import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC

_KNOWN: Final = frozenset({"type", "o", "device", "size"})
# A number with a unit, as Docker reads sizes.
_SIZE: Final = re.compile(r"\d+(\.\d+)?\s?([kmgtpKMGTP]?[iI]?[bB]?)")
_MS_NOATIME: Final = 1024
_MS_NODIRATIME: Final = 2048
_MS_RELATIME: Final = 1 << 21
_MS_SYNCHRONOUS: Final = 16
# What mount(8) turns into flags; a word outside is for the file system. The first flags are set, the second cleared.
_FLAGS: Final[dict[str, tuple[int, int]]] = {
    "defaults": (0, 0),
    "ro": (MS_RDONLY, 0),
    "rw": (0, MS_RDONLY),
    "nosuid": (MS_NOSUID, 0),
    "suid": (0, MS_NOSUID),
    "nodev": (MS_NODEV, 0),
    "dev": (0, MS_NODEV),
    "noexec": (MS_NOEXEC, 0),
    "exec": (0, MS_NOEXEC),
    "bind": (MS_BIND, 0),
    "rbind": (MS_BIND | MS_REC, 0),
    "noatime": (_MS_NOATIME, 0),
    "nodiratime": (_MS_NODIRATIME, 0),
    "relatime": (_MS_RELATIME, 0),
    "sync": (_MS_SYNCHRONOUS, 0),
}


class MountCall(Struct, frozen=True):
    """Arguments of mount(2)."""

    source: str
    filesystem: str
    flags: int
    data: str

    @property
    def address(self) -> str:
        """The host of an `addr=` option, empty if there is none."""
        return next((word[5:] for word in self.data.split(",") if word.startswith("addr=")), "")

    @property
    def described(self) -> str:
        """The flags and data, for messages."""
        flags = f", flags: {self.flags:#x}" if self.flags else ""
        return flags + (f", data: {self.data}" if self.data else "")

    def at_address(self, address: str) -> MountCall:
        """The same call with another `addr=`."""
        data = ",".join(f"addr={address}" if word.startswith("addr=") else word for word in self.data.split(","))
        return MountCall(self.source, self.filesystem, self.flags, data)


def mount_call(options: Mapping[str, str]) -> MountCall | None:
    """The mount that the options ask for, None for an ordinary directory. Raises `BadRequest`."""
    for name in options:
        if name not in _KNOWN:
            raise BadRequest(f'invalid option: "{name}"')
    if "size" in options:
        if not _SIZE.fullmatch(options["size"]):
            raise BadRequest(f"invalid size: '{options['size']}'")
        raise BadRequest("quota size requested but no quota support", hint="leave the option `size` out")
    kind, device, given = options.get("type", ""), options.get("device", ""), options.get("o", "")
    if not (kind or device or given):
        return None
    flags, data = _split(given)
    if not device:
        raise BadRequest('missing required option: "device"')
    if not kind:
        raise BadRequest('missing required option: "type"')
    if flags & MS_BIND and not posixpath.isabs(device):
        raise BadRequest(f"the volume's device {device!r} must be an absolute path for a bind mount")
    return MountCall(device, "" if flags & MS_BIND else kind, flags, data)


def _split(given: str) -> tuple[int, str]:
    flags, data = 0, []
    for word in filter(None, given.split(",")):
        if word in _FLAGS:
            added, cleared = _FLAGS[word]
            flags = (flags | added) & ~cleared
        else:
            data.append(word)
    return flags, ",".join(data)
