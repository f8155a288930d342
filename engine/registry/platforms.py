"""Platforms (`linux/arm64/v8`) and the choice of an image for one (OCI image-spec, image-index.md)."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

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
# The words of Go (GOOS, GOARCH) that may stand alone.
_SYSTEMS: Final = frozenset({"darwin", "freebsd", "linux", "windows"})
_ARCHITECTURES: Final = frozenset(
    {
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
        "riscv64", "s390x", "wasm",
    }
)  # fmt: skip
_SPELLING: Final = "write it as os/arch[/variant], e.g. linux/arm64"
# What a bare architecture means: the first of its kind, and the 32-bit ARM that Linux distributions build for.
_USUAL_VARIANT: Final = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
# What a processor must have for each level of the x86-64 psABI, in Linux's words (/proc/cpuinfo).
_LEVELS: Final = (
    ("v2", frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})),
    ("v3", frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})),
    ("v4", frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})),
)
_CPUINFO: Final = Path("/proc/cpuinfo")
_VARIANT = re.compile(r"v(\d{1,3})(?:\.(\d{1,3}))?")
_MINORS: Final = 1000
_FAR: Final = 1_000_000


class Platform(Struct, frozen=True):
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
            raise BadRequest(f'"{text}": cannot parse platform specifier: invalid argument', hint=_SPELLING)
        if len(parts) == 1:
            parts = _both(text, here)
        architecture = _SYNONYMS.get(parts[1], parts[1])
        return cls(parts[0], architecture, parts[2] if len(parts) > 2 else "")

    def rank(self, offered: Platform) -> int | None:
        """How well an offered platform serves this one: 0 is exact, more is worse, None not at all.

        Older variants run on newer machines, and 32-bit programs on the 64-bit machines of their family.
        """
        if self.os != offered.os:
            return None
        if self.architecture == offered.architecture:
            return _distance(self._version, offered._version)
        if (self.architecture, offered.architecture) == ("amd64", "386"):
            return _FAR
        if (self.architecture, offered.architecture) == ("arm64", "arm"):
            distance = _distance((8, 0), offered._version)
            return None if distance is None else _FAR + distance
        return None

    def runs(self, offered: Platform) -> bool:
        """Whether an image runs here: what it does not say counts as anything, for many are built so."""
        if self.rank(offered) is not None:
            return True
        return not offered.variant and self.os == offered.os and offered.architecture in ("", self.architecture)

    @property
    def _version(self) -> tuple[int, int]:
        """The variant as numbers that compare; what is no version counts as the usual one."""
        match = _VARIANT.fullmatch(self.variant or _USUAL_VARIANT.get(self.architecture, ""))
        return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def _both(word: str, here: Platform) -> list[str]:
    """The system and the architecture that a single word means. Raises `BadRequest`."""
    known = _SYNONYMS.get(word.lower(), word.lower())
    if known in _SYSTEMS:
        return [known, here.architecture]
    if known in _ARCHITECTURES:
        return [here.os, known]
    raise BadRequest(f'"{word}": unknown operating system or architecture: invalid argument', hint=_SPELLING)


def _distance(wanted: tuple[int, int], got: tuple[int, int]) -> int | None:
    return None if got > wanted else (wanted[0] - got[0]) * _MINORS + wanted[1] - got[1] + (wanted != got) * _MINORS


@cache
def best_platform() -> Platform:
    """The most that this machine runs, with the level of its processor: what is pulled when nothing is asked for."""
    here = host_platform()
    if here.architecture != "amd64":
        return here
    try:
        text = _CPUINFO.read_text()
    except OSError:
        return here
    return replace(here, variant=amd64_level(text))


def amd64_level(cpuinfo: str) -> str:
    """The level of an x86-64 processor, `v3`, by the text of /proc/cpuinfo."""
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    has, level = set(line.partition(":")[2].split()), "v1"
    for name, needed in _LEVELS:
        if not needed <= has:
            break
        level = name
    return level


def host_platform() -> Platform:
    """The platform that this machine runs, as builds name it: without the level of an x86 processor."""
    machine = os.uname().machine
    architecture, variant = _MACHINES.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)
