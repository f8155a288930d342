"""The files that an application's layers are, by the names that they get side by side in one directory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compose.artifact.manifest import (
    ENV_FILE_NAME,
    ENV_FILE_TYPE,
    FILE_NAME,
    FILE_TYPE,
    IS_EXTENDED,
    Descriptor,
)
from compose.errors import ComposeError

MAIN_FILE: Final = "compose.yaml"
_NEXT_DOCUMENT: Final = b"\n---\n"


def files_of(name: str, layers: Iterable[tuple[Descriptor, bytes]]) -> dict[str, bytes]:
    """The contents of the files by name: the Compose files are one, laid over one another as YAML documents.

    What is of another type is left out, as docker compose leaves it out. Raises `ComposeError` for an application
    without a Compose file, and for names that lead elsewhere.
    """
    files: dict[str, bytes] = {}
    for layer, content in layers:
        if layer.media_type == FILE_TYPE:
            target = _plain(name, layer.annotations.get(FILE_NAME)) if IS_EXTENDED in layer.annotations else MAIN_FILE
            files[target] = files[target] + _NEXT_DOCUMENT + content if target in files else content
        elif layer.media_type == ENV_FILE_TYPE:
            files[_plain(name, layer.annotations.get(ENV_FILE_NAME))] = content
    if MAIN_FILE not in files:
        raise ComposeError(f"{name} has no Compose file in it", hint="publish it again")
    return files


def _plain(name: str, file: str | None) -> str:
    """The name of a file, if it is nothing but a name: an artifact must not write elsewhere."""
    if not file or file in (".", "..") or any(odd in file for odd in "/\\\0"):
        raise ComposeError(f"{name} is not a valid application: it has a file called {file or 'nothing'!r}")
    return file
