"""Finding an image by what people call it, and giving and taking names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

from engine.errors import BadRequest, NoSuchImage
from engine.images.record import Image
from engine.registry.reference import Reference

_ID_OR_PREFIX = re.compile(r"(?:sha256:)?([a-f0-9]{1,64})")


def find(images: Iterable[Image], wanted: str) -> Image:
    """The image with that name (`x`, `x:tag`, `x@digest`, with or without registry), id, or only one with that prefix.

    Raises `NoSuchImage`, `BadRequest` for an ambiguous prefix and for what can be none of these.
    """
    candidates = list(images)
    shown = wanted
    reference = parse(wanted)
    if reference is None and not _ID_OR_PREFIX.fullmatch(wanted):
        Reference.parse(wanted)  # says what is wrong with it
    if reference is not None:
        shown = reference.familiar
        for image in candidates:
            if is_named(image, reference):
                return image
    if match := _ID_OR_PREFIX.fullmatch(wanted):
        prefix = f"sha256:{match[1]}"
        found = [image for image in candidates if image.id.startswith(prefix)]
        if len(found) > 1:
            raise BadRequest(f"multiple IDs found with provided prefix: {wanted}")
        if found:
            return found[0]
    raise NoSuchImage(shown)


def parse(name: str) -> Reference | None:
    """A name as a reference, `latest` by default; None for an id or what is no name."""
    if name.startswith("sha256:"):
        return None
    try:
        return Reference.parse(name).tagged()
    except BadRequest:
        return None


def is_named(image: Image, reference: Reference) -> bool:
    """Whether the image has that name; a digest counts more than a tag beside it."""
    if reference.digest:
        return f"{reference.familiar_name}@{reference.digest}" in image.repo_digests
    return reference.familiar in image.repo_tags


def is_id(image: Image, name: str) -> bool:
    """Whether the image was asked for by id, not by one of its names."""
    reference = parse(name)
    return reference is None or not is_named(image, reference)


def named(image: Image, *, tag: str = "", digest: str = "", tagged_ns: int) -> Image:
    """The image with one name more."""
    return msgspec.structs.replace(
        image,
        repo_tags=_with(image.repo_tags, tag),
        repo_digests=_with(image.repo_digests, digest),
        tagged_ns=tagged_ns,
    )


def unnamed(image: Image, name: str) -> Image:
    """The image without that tag or digest. A repository's last tag takes its digests along, as with Docker."""
    tags = [tag for tag in image.repo_tags if tag != name]
    digests = [digest for digest in image.repo_digests if digest != name]
    repositories = {tag.rpartition(":")[0] for tag in tags}
    if name in image.repo_tags and name.rpartition(":")[0] not in repositories:
        digests = [digest for digest in digests if digest.partition("@")[0] != name.rpartition(":")[0]]
    return msgspec.structs.replace(image, repo_tags=tags, repo_digests=digests)


def without(image: Image, taken: Collection[str]) -> Image:
    """The image without names that another has now; unlike removing a tag, this takes no digests along."""
    return msgspec.structs.replace(
        image,
        repo_tags=[tag for tag in image.repo_tags if tag not in taken],
        repo_digests=[digest for digest in image.repo_digests if digest not in taken],
    )


def repositories(image: Image) -> set[str]:
    """The repositories in which the image has a name."""
    return {tag.rpartition(":")[0] for tag in image.repo_tags} | {
        digest.partition("@")[0] for digest in image.repo_digests
    }


def _with(names: Sequence[str], name: str) -> list[str]:
    if not name or name in names:
        return list(names)
    return sorted([*names, name], key=lambda each: Reference.parse(each).canonical)
