"""Short forms that stand on the command line instead of in a file: `--volume`, `--publish`, `--env-from-file`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from compose.errors import InvalidProject, UsageError
from compose.load.forms.short import parse_port, parse_volume
from compose.load.text.dotenv import DotenvError, read
from compose.load.text.files import contents, strict
from compose.load.text.template import Notice
from compose.load.typed import READERS
from compose.model.service import Mount, Port

T = TypeVar("T")


def mounts_of(texts: Iterable[str], directory: str, home: str) -> tuple[Mount, ...]:
    """The mounts of `[SOURCE:]TARGET[:OPTIONS]`; relative sources are of `directory`. Raises `UsageError`."""
    entries = [_parsed(parse_volume, text) for text in texts]
    for entry in entries:
        if entry["type"] == "bind":
            source = entry["source"]
            expanded = posixpath.join(home, source[1:].lstrip("/")) if source.startswith("~") else source
            entry["source"] = posixpath.normpath(posixpath.join(directory, expanded))
    mounts: tuple[Mount, ...] = READERS["volumes"](entries)
    return mounts


def ports_of(texts: Iterable[str]) -> tuple[Port, ...]:
    """The ports of `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, of ranges all. Raises `UsageError`."""
    ports: tuple[Port, ...] = READERS["ports"]([entry for text in texts for entry in _parsed(parse_port, text)])
    return ports


def variables_of(files: Iterable[Path], environment: Mapping[str, str], notice: Notice) -> dict[str, str]:
    """The variables of env files, later ones over earlier ones; `notice` gets the names of those that are not set.

    Raises `ComposeError` with the places of mistakes.
    """
    found: dict[str, str] = {}
    for file in files:
        try:
            read(strict(contents(file)), str(file), found, environment.get, notice)
        except OSError as exc:
            raise UsageError(f"cannot read {file}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise UsageError(f"cannot read {file}: it is not UTF-8") from exc
        except DotenvError as exc:
            raise InvalidProject(exc.problems) from exc
    return found


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
