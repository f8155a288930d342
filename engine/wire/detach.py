"""Docker's detach keys: a sequence such as `ctrl-p,ctrl-q` that ends an attach and leaves the container running."""

from __future__ import annotations

from typing import Final

from engine.errors import BadRequest

_DEFAULT: Final = b"\x10\x11"  # ctrl-p, ctrl-q
_CONTROL: Final = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


class InvalidKeys(BadRequest):
    """A sequence of keys that cannot be read."""


def parse_detach_keys(text: str) -> bytes:
    """The bytes that a terminal sends for `text`; the default sequence for nothing. Raises `InvalidKeys`."""
    if not text:
        return _DEFAULT
    keys = [_key(part) for part in text.split(",")]
    if None in keys:
        raise InvalidKeys(
            f"Invalid detach keys ({text}) provided", hint="use keys such as `a` or `ctrl-p`, with commas"
        )
    return bytes(key for key in keys if key is not None)


def _key(text: str) -> int | None:
    if len(text) == 1 and text.isascii():
        return ord(text)
    if text == "DEL":
        return 127
    control = text.removeprefix("ctrl-")
    return _CONTROL.index(control) if len(control) == 1 and control != text and control in _CONTROL else None


class DetachWatch:
    """Looks for the keys in what is typed. A beginning of them is held back until it is clear what it is."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What may be passed on, and whether the keys are complete."""
        if not self._keys:
            return data, False
        passed = bytearray()
        for key in data:
            if key != self._keys[self._held]:
                passed += self._keys[: self._held]
                self._held = 0
            if key != self._keys[self._held]:
                passed.append(key)
                continue
            self._held += 1
            if self._held == len(self._keys):
                self._held = 0
                return bytes(passed), True
        return bytes(passed), False
