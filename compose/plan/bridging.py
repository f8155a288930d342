"""The document of a project as transformations get it: with what only the images and other files know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from compose.model.project import Project
from compose.plan.images import image_of


class Transformer(Struct, frozen=True):
    """An image that converts projects; `document` is what the engine says of it."""

    id: str
    name: str
    size_bytes: int
    document: Struct


def bridge_document(
    project: Project,
    document: Mapping[str, Any],
    exposed: Mapping[str, Iterable[str]],
    contents: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    """The document with every service's image and exposed ports, and the contents of configs and secrets.

    `document` is what `config` prints, `exposed` are the ports of the images by service, `contents` by section and key.
    """
    found: dict[str, Any] = _read(document)
    for name, entry in found.get("services", {}).items():
        service = project.services[name]
        entry["image"] = image_of(project, service)
        ports = [*entry.get("expose", ()), *exposed.get(name, ()), *(str(port.target) for port in service.ports)]
        if ports:
            entry["expose"] = list(dict.fromkeys(map(str, ports)))
        for key in ("command", "entrypoint"):
            if entry.get(key, "") is None:
                del entry[key]
    for (section, key), content in contents.items():
        if key in found.get(section, {}):
            found[section][key]["content"] = content
    return found


def _read(value: Any) -> Any:
    """The value as it is meant: `config` doubles every `$`."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, Mapping):
        return {str(key).replace("$$", "$"): _read(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_read(item) for item in value]
    return value
