"""`cache_from` and `cache_to` of a service as parameters of the build API."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service


def cache_parameters(project: Project, service: Service) -> dict[str, str]:
    """The parameters for a service's caches: Docker's knows only images to take steps from, our engine's all."""
    wish = service.build
    assert wish is not None  # only services with one are built
    sources = [_fields(project, service, text, "src") for text in wish.cache_from]
    targets = [_fields(project, service, text, "dest") for text in wish.cache_to]
    images = [image for options in sources if (image := _image(options))]
    return {
        "cachefrom": json.dumps(images) if images else "",
        "pycompose-cache-from": json.dumps([_joined(options) for options in sources]) if sources else "",
        "pycompose-cache-to": json.dumps([_joined(options) for options in targets]) if targets else "",
    }


def _fields(project: Project, service: Service, text: str, directory: str) -> list[str]:
    """The fields of a cache, its directory made absolute, against the project's directory."""
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error as exc:
        raise ComposeError(
            f"the cache {text!r} cannot be read: {exc}", subject=("services", service.name, "build")
        ) from exc
    found = []
    for field in fields:
        name, equals, value = field.strip().partition("=")
        if name == directory and equals:
            value = os.path.normpath(Path(project.working_dir) / value)
        found.append(name + equals + value)
    return found


def _image(fields: Sequence[str]) -> str:
    """The image that a cache is in: the plain name, or the `ref` of `type=registry,ref=…`; "" for others."""
    if not any("=" in field for field in fields):
        return "".join(fields)
    options = {name: value for name, _, value in (field.partition("=") for field in fields)}
    return options.get("ref", "") if options.get("type") == "registry" else ""


def _joined(fields: Sequence[str]) -> str:
    """The fields as one text again."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


def cache_images(service: Service) -> list[str]:
    """The images that a service's caches are in, as far as they are in registries."""
    wish = service.build
    texts = (*wish.cache_from, *wish.cache_to) if wish else ()
    return [image for text in texts if (image := _image(next(csv.reader([text]), [])))]
