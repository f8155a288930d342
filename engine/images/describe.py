"""Images in the words of the API. Pure but for the sizes of layers, which are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import UNSET

from engine.errors import BadRequest
from engine.images.record import Image
from engine.wire.containers import DriverData
from engine.wire.images import HistoryItem, ImageInspect, ImageSummary, RootFS
from engine.wire.times import ZERO, parse_time, rfc3339


def inspect(image: Image, path: Callable[[str], Path]) -> ImageInspect:
    """The answer of `docker image inspect`; `path` tells where a layer's files are."""
    return ImageInspect(
        id=image.id,
        repo_tags=image.repo_tags,
        repo_digests=image.repo_digests,
        parent=image.parent,
        comment=image.comment,
        created=image.created or ZERO,
        docker_version=image.docker_version,
        author=image.author,
        config=image.config,
        architecture=image.architecture,
        variant=image.variant or UNSET,
        os=image.os,
        size=image.size,
        graph_driver=DriverData(name="overlay2", data=_driver_data(image, path)),
        root_fs=RootFS(layers=image.diff_ids),
        metadata={"LastTagTime": rfc3339(image.tagged_ns) if image.tagged_ns else ZERO},
    )


def summary(image: Image) -> ImageSummary:
    """One line of `docker images`."""
    return ImageSummary(
        id=image.id,
        parent_id=image.parent,
        repo_tags=image.repo_tags,
        repo_digests=image.repo_digests,
        created=_seconds(image.created),
        size=image.size,
        labels=image.config.labels or None,
    )


def history(image: Image, layer_bytes: Callable[[str], int], find: Callable[[str], Image | None]) -> list[HistoryItem]:
    """The steps of an image, newest first. The newest has the image's id and names, the next one those of the image
    that it was made from here, if it was, and so on; `find` looks one up by id.
    """
    chain = iter(image.chain_ids)
    items: list[HistoryItem] = []
    for entry in image.history:
        chain_id = None if entry.empty_layer else next(chain, None)
        items.append(
            HistoryItem(
                id="<missing>",
                created=_seconds(entry.created),
                created_by=entry.created_by,
                size=layer_bytes(chain_id) if chain_id else 0,
                comment=entry.comment,
            )
        )
    items.reverse()
    owner: Image | None = image
    for at, item in enumerate(items):
        if owner is None:
            break
        items[at] = msgspec.structs.replace(item, id=owner.id, tags=owner.repo_tags or None)
        owner = find(owner.parent)
    return items


def _driver_data(image: Image, path: Callable[[str], Path]) -> dict[str, str]:
    if not image.chain_ids:
        return {}
    *lower, top = image.chain_ids
    home = path(top).parent
    data = {"MergedDir": str(home / "merged"), "UpperDir": str(path(top)), "WorkDir": str(home / "work")}
    if lower:
        data["LowerDir"] = ":".join(str(path(chain_id)) for chain_id in reversed(lower))
    return data


def _seconds(created: str) -> int:
    try:
        return parse_time(created) // 1_000_000_000
    except (BadRequest, ValueError):
        return 0  # an image may carry any text there; it is only shown
