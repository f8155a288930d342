"""Platforms (`linux/arm64/v8`) and the choice of an image for one (OCI image-spec, image-index.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from engine.errors import BadRequest

_MACHINES: Final = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "loongarch64": ("loong64", ""),
}
_SYNONYMS: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
# What a bare architecture means: the only 64-bit ARM there is, and the ARM that Linux distributions build for.
_USUAL_VARIANT: Final = {"arm64": "v8", "arm": "v7"}


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system, an architecture in Go's words, and perhaps a variant of it."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os[/arch[/variant]]` or a bare architecture; "" is this machine. Raises `BadRequest`."""
        here = host_platform()
        if not text:
            return here
        parts = text.lower().split("/")
        if len(parts) > 3 or not all(parts):
            raise BadRequest(f"{text!r} is an invalid platform", hint="write it as os/arch[/variant], e.g. linux/arm64")
        if len(parts) == 1:
            parts = [text.lower(), here.architecture] if text.lower() == "linux" else ["linux", text.lower()]
        architecture = _SYNONYMS.get(parts[1], parts[1])
        return cls(parts[0], architecture, parts[2] if len(parts) > 2 else "")

    def rank(self, offered: Platform) -> int | None:
        """How well an offered platform serves this one: 0 is exact, more is worse, None not at all."""
        if (self.os, self.architecture) != (offered.os, offered.architecture):
            return None
        usual = _USUAL_VARIANT.get(self.architecture, "v1" if self.architecture == "amd64" else "")
        wanted, got = self.variant or usual, offered.variant or usual
        if wanted == got:
            return 0
        if wanted > got and len(wanted) == len(got):
            return 1 + ord(wanted[-1]) - ord(got[-1])  # an older variant runs on a newer machine
        return None


def host_platform() -> Platform:
    """The platform that this machine runs."""
    machine = os.uname().machine
    architecture, variant = _MACHINES.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)
