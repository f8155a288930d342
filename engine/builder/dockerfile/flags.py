"""The flags in front of an instruction's arguments (`--chown=…`, `--link`): which there are, and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.builder.dockerfile.problem import Misspelt

_COPY: Final = frozenset({"from", "chown", "chmod", "link", "parents", "exclude"})
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "FROM": frozenset({"platform"}),
    "RUN": frozenset({"mount", "network", "security"}),
    "COPY": _COPY,
    "ADD": (_COPY - {"from", "parents"}) | {"checksum", "keep-git-dir", "unpack"},
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
}
_REPEATABLE: Final = frozenset({"mount", "exclude"})
_SWITCHES: Final = frozenset({"link", "parents", "keep-git-dir", "unpack"})
_TRUTHS: Final[Mapping[str, bool]] = {
    "": True,
    "1": True,
    "t": True,
    "true": True,
    "0": False,
    "f": False,
    "false": False,
}


class Flags:
    """The flags of one instruction."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    @property
    def names(self) -> Sequence[str]:
        """Those that were given."""
        return tuple(self._values)

    def has(self, name: str) -> bool:
        """Whether it was given."""
        return name in self._values

    def text(self, name: str) -> str:
        """Its value, "" if it was not given."""
        return self._values[name][0] if name in self._values else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """All its values."""
        return tuple(self._values.get(name, ()))

    def flag(self, name: str) -> bool:
        """A switch. Raises `Misspelt`."""
        if name not in self._values:
            return False
        value = _TRUTHS.get(self.text(name).lower())
        if value is None:
            raise Misspelt(f"expecting boolean value for flag {name}, not: {self.text(name)}")
        return value

    def choice(self, name: str, known: Sequence[str]) -> str:
        """One of several words. Raises `Misspelt`."""
        value = self.text(name)
        if value not in known:
            raise Misspelt(f"invalid {name} mode {value!r}", f"use one of {', '.join(filter(None, known))}")
        return value

    def number(self, name: str) -> int:
        """A whole number, 0 if it was not given. Raises `Misspelt`."""
        text = self.text(name)
        if not text.isdecimal() and text:
            raise Misspelt(f"--{name} must be a whole number, not {text!r}")
        return int(text or 0)


def read_flags(keyword: str, flags: Sequence[str]) -> Flags:
    """The flags of an instruction, checked. Raises `Misspelt`."""
    known = _KNOWN.get(keyword, frozenset())
    values: dict[str, list[str]] = {}
    for flag in flags:
        name, has_value, value = flag.removeprefix("--").partition("=")
        if name not in known:
            raise Misspelt(
                f"unknown flag: --{name}",
                f"{keyword} has {', '.join(f'--{item}' for item in sorted(known))}" if known else None,
            )
        if not has_value and name not in _SWITCHES:
            raise Misspelt(f"missing a value on flag: --{name}")
        if name in values and name not in _REPEATABLE:
            raise Misspelt(f"duplicate flag specified: --{name}")
        values.setdefault(name, []).append(value)
    return Flags(values)
