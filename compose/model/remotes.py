"""How an address of something elsewhere is told from a path."""

from __future__ import annotations

from typing import Final

_PREFIXES: Final = ("https://", "http://", "git://", "ssh://", "git@", "github.com/")
ARTIFACT: Final = "oci://"


def is_remote(text: str) -> bool:
    """Whether a text is the address of a git repository or of a file by HTTP."""
    return text.startswith(_PREFIXES)


def is_remote_file(text: str) -> bool:
    """Whether a text is the address of a Compose file: those may also be artifacts of a registry."""
    return is_remote(text) or text.startswith(ARTIFACT)
